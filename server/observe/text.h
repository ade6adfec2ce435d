// Text that is safe to log and to show: what came from a client or an artifact never reaches a
// terminal, a log line or a JSON string unescaped.
#ifndef LOADLOCK_SERVER_OBSERVE_TEXT_H_
#define LOADLOCK_SERVER_OBSERVE_TEXT_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace loadlock::observe {

inline constexpr size_t kMaxMessage = 1024;

// `text` as printable ASCII or valid UTF-8: control characters, backslashes of its own and bytes
// that are not UTF-8 become \xNN or the like; at most `max_bytes` long, "..." where it was cut.
std::string Printable(absl::string_view text, size_t max_bytes);

// Appends `text` as a JSON string with its quotes. Invalid UTF-8 becomes U+FFFD.
void AppendJsonString(absl::string_view text, std::string* out);

}  // namespace loadlock::observe

#endif  // LOADLOCK_SERVER_OBSERVE_TEXT_H_
