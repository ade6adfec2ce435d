// Runs one job in one worker.
#ifndef LOADLOCK_SERVER_PIPELINE_RUNNER_H_
#define LOADLOCK_SERVER_PIPELINE_RUNNER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "loadlock/v1/finding.pb.h"
#include "loadlock/v1/report.pb.h"
#include "loadlock/v1/worker.pb.h"
#include "sandbox/channel/daemon_end.h"
#include "sandbox/clock/steady_time.h"
#include "sandbox/jail/jail.h"
#include "server/config/settings.h"
#include "server/pipeline/metrics.h"

namespace loadlock::pipeline {

struct RunRequest {
  v1::Job job;
  int artifact_fd = -1;  // Sealed, read-only.
  int decoded_fd = -1;   // Of store::NewDecoded, read-write.
  // The caller's own deadline; the wall time limit applies besides.
  clock::SteadyTime deadline = clock::SteadyTime::InfiniteFuture();
  // May be empty; must not block.
  std::function<bool()> cancelled;
};

struct RunResult {
  // Set: the artifact is refused, and there is no output.
  std::optional<v1::Finding> refusal;
  channel::WorkerOutput output;  // Hostile.
  absl::Duration wait_for_worker;
  absl::Duration parse;
  // The worker whose output this is: to be told to finish when the verdict is found, so that its
  // end does not compete with that for a processor.
  std::optional<jail::Worker> worker;
};

// Thread safe.
class Runner {
 public:
  virtual ~Runner() = default;
  // Errors mean that nothing is known about the artifact: CANCELLED, DEADLINE_EXCEEDED (the
  // caller's deadline), UNAVAILABLE (no worker), INTERNAL.
  virtual absl::StatusOr<RunResult> Run(const RunRequest& request) = 0;
  virtual v1::Tier tier() const = 0;
  virtual std::string tier_reason() const = 0;
  virtual uint32_t ready_workers() const = 0;
};

// The real one. `jail`, and `metrics` if there are any, must outlive it.
class JailRunner : public Runner {
 public:
  JailRunner(jail::Jail* jail, const config::LimitSettings& limits, Metrics* metrics);

  absl::StatusOr<RunResult> Run(const RunRequest& request) override;
  v1::Tier tier() const override;
  std::string tier_reason() const override;
  uint32_t ready_workers() const override;

 private:
  // A worker that has the job.
  absl::StatusOr<jail::Worker> HandOver(const RunRequest& request,
                                        clock::SteadyTime deadline) const;

  jail::Jail* const jail_;
  const config::LimitSettings limits_;
  Metrics* const metrics_;
};

// What a worker process may take at most, whatever its artifact.
jail::WorkerLimits LimitsOfWorkers(const config::LimitSettings& limits);

}  // namespace loadlock::pipeline

#endif  // LOADLOCK_SERVER_PIPELINE_RUNNER_H_
