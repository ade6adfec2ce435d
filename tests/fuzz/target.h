// What a fuzz target defines, and what it may use to say that something is wrong.
#ifndef LOADLOCK_TESTS_FUZZ_TARGET_H_
#define LOADLOCK_TESTS_FUZZ_TARGET_H_

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

// libFuzzer's entry. Returns 0; a finding is a crash.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace loadlock::fuzz {

inline void Require(bool holds, const char* what) {
  if (holds) return;
  (void)std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

}  // namespace loadlock::fuzz

#endif  // LOADLOCK_TESTS_FUZZ_TARGET_H_
