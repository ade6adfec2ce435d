// Puts the daemon together, serves, drains, ends.
#ifndef LOADLOCK_SERVER_RPC_DAEMON_H_
#define LOADLOCK_SERVER_RPC_DAEMON_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/config/settings.h"
#include "server/observe/log.h"

namespace loadlock::rpc {

// Reads the configuration once more, for SIGHUP.
using ReadSettings = std::function<absl::StatusOr<config::Settings>()>;

// Serves until SIGTERM, SIGINT or the end of the lifeline. Call once, from a process that has no
// threads yet: it starts the jail first. SIGHUP opens the logs anew and takes over roots and
// policies of what `read_settings` then gives, or says why not and changes nothing. OK after a
// clean end; else why it could not start.
absl::Status RunDaemon(const config::Settings& settings, const ReadSettings& read_settings,
                       const std::string& version, const observe::Log& log);

}  // namespace loadlock::rpc

#endif  // LOADLOCK_SERVER_RPC_DAEMON_H_
