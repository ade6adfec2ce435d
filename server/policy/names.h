// Shapes of the names that policies hold.
#ifndef LOADLOCK_SERVER_POLICY_NAMES_H_
#define LOADLOCK_SERVER_POLICY_NAMES_H_

#include "absl/strings/string_view.h"

namespace loadlock::policy {

// A Python identifier in ASCII.
bool IsIdentifier(absl::string_view text);
// At least two identifiers joined by dots, at most 1024 bytes.
bool IsDottedName(absl::string_view text);
// [a-z0-9-]+, at most 64 bytes.
bool IsPolicyName(absl::string_view text);

}  // namespace loadlock::policy

#endif  // LOADLOCK_SERVER_POLICY_NAMES_H_
