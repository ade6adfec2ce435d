#include "server/config/reload.h"

#include "absl/strings/str_cat.h"

namespace loadlock::config {

absl::Status CheckReload(const Settings& running, const Settings& next) {
  // A field that is added to Settings and forgotten here is found by the last comparison.
  Settings same = next;
  same.roots = running.roots;
  same.policy_dir = running.policy_dir;
  const auto differs = [](const char* field) {
    return absl::FailedPreconditionError(
        absl::StrCat(field,
                     " changed, which only a new start takes over; roots and policies are "
                     "reloaded"));
  };
  if (same.unix_socket != running.unix_socket) return differs("listen.unix_socket");
  if (same.tcp != running.tcp) return differs("listen.tcp");
  if (same.health != running.health) return differs("listen.health");
  if (same.metrics != running.metrics) return differs("metrics");
  if (same.limits != running.limits) return differs("limits");
  if (same.min_tier != running.min_tier) return differs("min_tier");
  if (same.log != running.log) return differs("log");
  if (same.audit != running.audit) return differs("audit");
  if (same.store != running.store) return differs("store");
  // What is stored was under the roots of its time, and is found by digest.
  if (!running.store.state_dir.empty() && next.roots != running.roots) {
    return differs("roots of a daemon with a store");
  }
  if (same.drain_timeout != running.drain_timeout) return differs("drain_timeout");
  if (same != running) return differs("the configuration");
  return absl::OkStatus();
}

}  // namespace loadlock::config
