// Mutations of texts and bytes that know nothing of them, for mutators that know the rest.
#ifndef LOADLOCK_TESTS_FUZZ_BLIND_H_
#define LOADLOCK_TESTS_FUZZ_BLIND_H_

#include <algorithm>
#include <string>
#include <string_view>

#include "tests/fuzz/dice.h"
#include "tests/fuzz/target.h"

namespace loadlock::fuzz {

// libFuzzer's mutations where it is linked (they use its dictionary and what comparisons have
// shown), else one damage. `bytes` grows by at most `room`.
inline void MutateBlindly(std::string* bytes, size_t room, Dice* dice) {
  if (LLVMFuzzerMutate != nullptr) {
    const size_t size = bytes->size();
    bytes->resize(size + room);
    bytes->resize(LLVMFuzzerMutate(reinterpret_cast<uint8_t*>(bytes->data()), size, size + room));
    return;
  }
  const size_t at = dice->Below(bytes->size() + 1);
  switch (dice->Below(4)) {
    case 0:
      bytes->erase(at, 1 + dice->Below(4));
      return;
    case 1:
      if (room > 0) bytes->insert(at, 1, static_cast<char>(dice->Bits()));
      return;
    case 2:
      if (at < bytes->size()) (*bytes)[at] = static_cast<char>(dice->Bits());
      return;
    default:
      if (at < bytes->size()) (*bytes)[at] = static_cast<char>((*bytes)[at] ^ 1 << dice->Below(8));
  }
}

inline size_t StoreInput(std::string_view bytes, uint8_t* out, size_t max_size) {
  const size_t size = std::min(bytes.size(), max_size);
  std::copy_n(bytes.begin(), size, out);
  return size;
}

}  // namespace loadlock::fuzz

#endif  // LOADLOCK_TESTS_FUZZ_BLIND_H_
