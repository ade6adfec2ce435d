#ifndef LOADLOCK_SERVER_VERIFY_TEXTS_H_
#define LOADLOCK_SERVER_VERIFY_TEXTS_H_

#include "absl/strings/string_view.h"

namespace loadlock::verify {

// A regular expression for tokens that takes at most quadratic time: flags, then classes, escapes
// and plain characters in a row, of which one may repeat without end and two a bounded number of
// times; \b may stand at both ends. Up to eight such rows separated by "|", and one group around
// them all. No other groups, no look-around.
bool IsTokenPattern(absl::string_view pattern);

// What importance_getter may name: "auto", or public attributes in a row that end with coefficients
// or importances, as in "named_steps.clf.coef_". They are looked up and not called.
bool IsImportance(absl::string_view path);

}  // namespace loadlock::verify

#endif  // LOADLOCK_SERVER_VERIFY_TEXTS_H_
