// Bounds what Python's backtracking search may take for a regular expression.
#ifndef LOADLOCK_SERVER_VERIFY_REGEX_COST_H_
#define LOADLOCK_SERVER_VERIFY_REGEX_COST_H_

#include "absl/strings/string_view.h"
#include "server/verify/regex/parse.h"

namespace loadlock::verify::regex {

// Empty if a search takes at most about the square of its text's length (and compiling it little);
// else one sentence why that is not known. Refuses patterns that may be harmless, never the other
// way round.
absl::string_view WhyNotBounded(const Source& source);

}  // namespace loadlock::verify::regex

#endif  // LOADLOCK_SERVER_VERIFY_REGEX_COST_H_
