// Which settings a running daemon takes over.
#ifndef LOADLOCK_SERVER_CONFIG_RELOAD_H_
#define LOADLOCK_SERVER_CONFIG_RELOAD_H_

#include "absl/status/status.h"
#include "server/config/settings.h"

namespace loadlock::config {

// OK if `next` differs from `running` in roots and policy_dir at most, with a store in policy_dir
// alone. Everything else is built into sockets, workers and budgets that are in use:
// FAILED_PRECONDITION names the first such difference.
absl::Status CheckReload(const Settings& running, const Settings& next);

}  // namespace loadlock::config

#endif  // LOADLOCK_SERVER_CONFIG_RELOAD_H_
