#include "server/rpc/startup.h"

#include <sys/resource.h>
#include <sys/signalfd.h>

#include <cerrno>
#include <csignal>
#include <string>
#include <utility>

#include "server/pipeline/runner.h"
#include "server/policy/origins.h"
#include "server/policy/policy.h"
#include "server/store/roots.h"

namespace loadlock::rpc {
namespace {

jail::Tier ToJail(v1::Tier tier) {
  if (tier == v1::TIER_A) return jail::Tier::kA;
  return tier == v1::TIER_B ? jail::Tier::kB : jail::Tier::kC;
}

}  // namespace

absl::StatusOr<std::unique_ptr<jail::Jail>> StartJail(const config::Settings& settings) {
  jail::Options options;
  options.worker_path = settings.worker_path;
  options.best = ToJail(settings.best_tier);
  options.minimum = ToJail(settings.min_tier);
  options.limits = pipeline::LimitsOfWorkers(settings.limits);
  options.warm_workers = static_cast<int>(settings.limits.warm_workers);
  return jail::Jail::Start(options);
}

void RaiseDescriptorLimit(const observe::Log& log) {
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) == 0) return;
  }
  log.Write(observe::Level::kWarn, "descriptor_limit_not_raised", {{"errno", errno}});
}

absl::StatusOr<channel::UniqueFd> TakeSignals() {
  if (signal(SIGPIPE, SIG_IGN) == SIG_ERR) return absl::ErrnoToStatus(errno, "SIGPIPE");
  // RLIMIT_FSIZE counts for memory files too: an artifact beyond it fails alone.
  if (signal(SIGXFSZ, SIG_IGN) == SIG_ERR) return absl::ErrnoToStatus(errno, "SIGXFSZ");
  sigset_t taken;
  sigemptyset(&taken);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&taken, number);
  if (pthread_sigmask(SIG_BLOCK, &taken, nullptr) != 0) {
    return absl::ErrnoToStatus(errno, "pthread_sigmask");
  }
  channel::UniqueFd fd(signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd.valid()) return absl::ErrnoToStatus(errno, "signalfd");
  return fd;
}

absl::StatusOr<pipeline::Rules> OpenRules(const config::Settings& settings) {
  absl::StatusOr<store::Roots> roots = store::Roots::Open(settings.roots);
  if (!roots.ok()) return roots.status();
  absl::StatusOr<std::shared_ptr<const policy::PolicySet>> policies =
      policy::PolicySet::Load(settings.policy_dir);
  if (!policies.ok()) return policies.status();
  auto origins = std::make_unique<const policy::Origins>(settings.policy_dir, policies->get());
  return pipeline::Rules{
      .roots = *std::move(roots), .policies = *std::move(policies), .origins = std::move(origins)};
}

}  // namespace loadlock::rpc
