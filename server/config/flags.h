// The command line of loadlockd.
#ifndef LOADLOCK_SERVER_CONFIG_FLAGS_H_
#define LOADLOCK_SERVER_CONFIG_FLAGS_H_

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "server/config/settings.h"

namespace loadlock::config {

// What stood on the command line, paths made absolute; nothing is checked but its form. Absent:
// the file decides.
struct Flags {
  std::string config_file;
  std::optional<std::string> socket, policy_dir, min_tier, tier, tcp, log_level, log_format,
      log_file, worker, state_dir, audit_log, metrics, health;
  std::vector<std::string> roots;
  std::optional<int> lifeline_fd, ready_fd;
};

// The daemon is to print this and exit 0 (--help, --version).
struct PrintAndExit {
  std::string text;
};

// Errors are INVALID_ARGUMENT with one line, "command line: FLAG: what".
absl::StatusOr<std::variant<Flags, PrintAndExit>> ParseFlags(int argc, const char* const* argv,
                                                             const std::string& version);

}  // namespace loadlock::config

#endif  // LOADLOCK_SERVER_CONFIG_FLAGS_H_
