// What a fuzz target defines, and what it may use to say that something is wrong.
#ifndef LOADLOCK_TESTS_FUZZ_TARGET_H_
#define LOADLOCK_TESTS_FUZZ_TARGET_H_

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

// libFuzzer's entry. Returns 0; a finding is a crash.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

// libFuzzer's, for targets whose inputs have a form that blind mutations would only destroy. Both
// give the size of what they wrote, `max_size` at most. Weak: most targets do without.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) __attribute__((weak));
extern "C" size_t LLVMFuzzerCustomCrossOver(const uint8_t* data, size_t size, const uint8_t* other,
                                            size_t other_size, uint8_t* out, size_t max_size,
                                            unsigned seed) __attribute__((weak));

// libFuzzer's own mutations; null where it is not linked.
extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size)
    __attribute__((weak));

namespace loadlock::fuzz {

inline void Require(bool holds, const char* what) {
  if (holds) return;
  (void)std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

}  // namespace loadlock::fuzz

#endif  // LOADLOCK_TESTS_FUZZ_TARGET_H_
