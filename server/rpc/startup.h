// Steps of the daemon's start that stand alone.
#ifndef LOADLOCK_SERVER_RPC_STARTUP_H_
#define LOADLOCK_SERVER_RPC_STARTUP_H_

#include <memory>

#include "absl/status/statusor.h"
#include "sandbox/channel/unique_fd.h"
#include "sandbox/jail/jail.h"
#include "server/config/settings.h"
#include "server/observe/log.h"
#include "server/pipeline/rules.h"

namespace loadlock::rpc {

// Before threads exist.
absl::StatusOr<std::unique_ptr<jail::Jail>> StartJail(const config::Settings& settings);

// Leases and connections hold descriptors; the soft limit is often only 1024.
void RaiseDescriptorLimit(const observe::Log& log);

// SIGTERM, SIGINT and SIGHUP as a descriptor, for this thread and all that it starts.
absl::StatusOr<channel::UniqueFd> TakeSignals();

// Roots and policies as they are now.
absl::StatusOr<pipeline::Rules> OpenRules(const config::Settings& settings);

}  // namespace loadlock::rpc

#endif  // LOADLOCK_SERVER_RPC_STARTUP_H_
