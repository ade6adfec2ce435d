// Text for a terminal: what is shown, how it looks, and what may never get through.
#ifndef LOADLOCK_CLIENT_CLI_TEXT_H_
#define LOADLOCK_CLIENT_CLI_TEXT_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace loadlock::cli {

// `text` with everything escaped that is not known to be plain: printable ASCII and the
// letters of common left-to-right scripts pass; control characters (terminal escapes),
// invalid UTF-8, invisible, combining and direction-changing characters become \xNN or
// \u{N}. Cut after `max_columns` characters with "..." at the end.
std::string Printable(absl::string_view text, size_t max_columns = 1000);

// True if `text` is valid UTF-8 as protobuf demands it of a string field.
bool IsUtf8(absl::string_view text);

// JSON text in which every character beyond printable ASCII is written \uXXXX: the same
// value to a parser, harmless on a terminal. `json` must be valid JSON in UTF-8.
std::string AsciiJson(absl::string_view json);

// "57 B", "1.2 kB", "21.0 MB" (powers of 1000).
std::string HumanBytes(uint64_t bytes);

// "1 file", "2 files".
std::string Count(uint64_t count, absl::string_view singular);

// What the system says of an errno, alone: callers have named the file already.
absl::Status SystemError(int error);

// Colours, if there are to be any.
class Style {
 public:
  explicit Style(bool colored) : colored_(colored) {}
  std::string Good(absl::string_view text) const { return Wrap("32;1", text); }
  std::string Bad(absl::string_view text) const { return Wrap("31;1", text); }
  std::string Doubt(absl::string_view text) const { return Wrap("33;1", text); }
  std::string Strong(absl::string_view text) const { return Wrap("1", text); }
  std::string Faint(absl::string_view text) const { return Wrap("2", text); }

 private:
  std::string Wrap(absl::string_view code, absl::string_view text) const;
  bool colored_;
};

}  // namespace loadlock::cli

#endif  // LOADLOCK_CLIENT_CLI_TEXT_H_
