// Turns file and flags into checked Settings.
#ifndef LOADLOCK_SERVER_CONFIG_RESOLVE_H_
#define LOADLOCK_SERVER_CONFIG_RESOLVE_H_

#include <string>

#include "absl/status/statusor.h"
#include "server/config/flags.h"
#include "server/config/settings.h"

namespace loadlock::config {

// Reads flags.config_file (if any), lays the flags over it, fills in the defaults and checks every
// field against the file system: roots and the policy folder must exist.
// `executable_dir` is where loadlockd lies; its helper and the policies are searched from there.
// Errors are INVALID_ARGUMENT with one line, "FILE:LINE: FIELD: what" or
// "command line: FLAG: what".
absl::StatusOr<Settings> Resolve(const Flags& flags, const std::string& executable_dir);

}  // namespace loadlock::config

#endif  // LOADLOCK_SERVER_CONFIG_RESOLVE_H_
