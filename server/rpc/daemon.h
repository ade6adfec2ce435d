// Puts the daemon together, serves, drains, ends.
#ifndef LOADLOCK_SERVER_RPC_DAEMON_H_
#define LOADLOCK_SERVER_RPC_DAEMON_H_

#include <string>

#include "absl/status/status.h"
#include "server/config/settings.h"
#include "server/observe/log.h"

namespace loadlock::rpc {

// Serves until SIGTERM, SIGINT or the end of the lifeline. Call once, from a process that has no
// threads yet: it starts the jail first. OK after a clean end; else why it could not start.
absl::Status RunDaemon(const config::Settings& settings, const std::string& version,
                       const observe::Log& log);

}  // namespace loadlock::rpc

#endif  // LOADLOCK_SERVER_RPC_DAEMON_H_
