// The names in a file that its policy does not trust.
#ifndef LOADLOCK_CLIENT_CLI_UNTRUSTED_H_
#define LOADLOCK_CLIENT_CLI_UNTRUSTED_H_

#include <set>
#include <string>

#include "client/cli/outcome.h"

namespace loadlock::cli {

// Names that the policy does not list, and those that it lists for another use than the file's.
// Escaped. Empty does not mean accepted: a file may be refused for other reasons, and of one that
// is refused while it is read only the names up to there are known.
std::set<std::string> UntrustedNames(const v1::Report& report);

// {"path", "verdict", "untrusted": [...], "error"} in one line.
std::string JsonUntrusted(const Outcome& outcome);

// Why the list of names does not tell all of a file, in one line; empty if it does.
std::string BesideNames(const Outcome& outcome);

}  // namespace loadlock::cli

#endif  // LOADLOCK_CLIENT_CLI_UNTRUSTED_H_
