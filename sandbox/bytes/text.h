#ifndef LOADLOCK_SANDBOX_BYTES_TEXT_H_
#define LOADLOCK_SANDBOX_BYTES_TEXT_H_

#include <initializer_list>
#include <string>
#include <string_view>

namespace loadlock::bytes {

// The pieces in a row. (absl::StrCat takes no std::string_view where Abseil was built with a view
// of its own, as Debian's is.)
inline std::string Concat(std::initializer_list<std::string_view> pieces) {
  std::string text;
  for (const std::string_view piece : pieces) text += piece;
  return text;
}

// Takes the text up to the next separator off the front; *rest is what follows it, or empty.
inline std::string_view TakeUntil(char separator, std::string_view* rest) {
  const size_t end = rest->find(separator);
  const std::string_view piece = rest->substr(0, end);
  *rest = end == std::string_view::npos ? std::string_view() : rest->substr(end + 1);
  return piece;
}

}  // namespace loadlock::bytes

#endif  // LOADLOCK_SANDBOX_BYTES_TEXT_H_
