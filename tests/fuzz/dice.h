// Choices of a mutator, the same for the same seed.
#ifndef LOADLOCK_TESTS_FUZZ_DICE_H_
#define LOADLOCK_TESTS_FUZZ_DICE_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <random>

namespace loadlock::fuzz {

class Dice {
 public:
  explicit Dice(unsigned seed) : engine_(seed) {}
  // 0 if `limit` is.
  uint32_t Below(size_t limit) { return limit == 0 ? 0 : static_cast<uint32_t>(engine_() % limit); }
  bool OneIn(uint32_t chance) { return Below(chance) == 0; }
  uint64_t Bits() { return (uint64_t{engine_()} << 32) | engine_(); }
  template <typename T>
  T Of(std::initializer_list<T> choices) {
    return *(choices.begin() + Below(choices.size()));
  }

 private:
  std::mt19937 engine_;
};

// Numbers at which arithmetic goes wrong, or near the old one.
inline int64_t TellingInt(Dice* dice, int64_t old) {
  switch (dice->Below(6)) {
    case 0:
      return dice->Of<int64_t>({0, 1, -1, 2, INT64_MAX, INT64_MIN, int64_t{1} << 31,
                                int64_t{1} << 32, int64_t{1} << 61, -2});
    case 1:
      return static_cast<int64_t>(dice->Bits());
    case 2:
      return static_cast<int64_t>(static_cast<uint64_t>(old) ^ (uint64_t{1} << dice->Below(64)));
    default:
      return static_cast<int64_t>(static_cast<uint64_t>(old) + dice->Below(5) - 2);
  }
}

}  // namespace loadlock::fuzz

#endif  // LOADLOCK_TESTS_FUZZ_DICE_H_
