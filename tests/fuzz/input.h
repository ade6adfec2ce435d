// The bytes of an input as a program for a target: numbers and texts, taken from the front. When
// there are no more, everything is 0 and empty.
#ifndef LOADLOCK_TESTS_FUZZ_INPUT_H_
#define LOADLOCK_TESTS_FUZZ_INPUT_H_

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace loadlock::fuzz {

inline std::string_view AsText(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// What it gives lives as long as the bytes.
class Input {
 public:
  explicit Input(std::string_view bytes) : rest_(bytes) {}

  bool empty() const { return rest_.empty(); }
  std::string_view rest() const { return rest_; }

  uint8_t Byte() { return Number<uint8_t>(); }
  template <typename T>
  T Number() {
    T value{};
    const std::string_view bytes = Take(sizeof(T));
    std::memcpy(&value, bytes.data(), bytes.size());
    return value;
  }
  // 0 if `limit` is; at most 255.
  uint8_t Below(size_t limit) {
    return limit == 0 ? uint8_t{0} : static_cast<uint8_t>(Byte() % limit);
  }
  std::string_view Take(size_t size) {
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(taken.size());
    return taken;
  }
  // A length byte and as much text.
  std::string_view Text() { return Take(Byte()); }

 private:
  std::string_view rest_;
};

// No byte that steers a terminal.
inline bool IsPrintable(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) {
    return static_cast<uint8_t>(c) < 0x20 || static_cast<uint8_t>(c) == 0x7f;
  });
}

inline bool IsPrintableAscii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return static_cast<uint8_t>(c) >= 0x20 && static_cast<uint8_t>(c) < 0x7f;
  });
}

}  // namespace loadlock::fuzz

#endif  // LOADLOCK_TESTS_FUZZ_INPUT_H_
