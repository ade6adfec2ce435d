// The reasons for a refusal that the daemon itself finds: what became of the worker, and the
// digest.
#ifndef LOADLOCK_SERVER_PIPELINE_FINDINGS_H_
#define LOADLOCK_SERVER_PIPELINE_FINDINGS_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "loadlock/v1/finding.pb.h"
#include "sandbox/channel/daemon_end.h"
#include "sandbox/jail/worker_exit.h"

namespace loadlock::pipeline {

// The limits under which a worker ran, for the texts.
struct RunLimits {
  absl::Duration wall;
  absl::Duration cpu;
  uint64_t heap_bytes = 0;
  uint64_t decoded_bytes = 0;
};

// A refusing finding. The message is escaped and cut.
v1::Finding Refusing(absl::string_view rule_id, absl::string_view message);

// The finding for a worker that did not deliver: `outcome` is not kComplete, kCancelled or kError.
// UNAVAILABLE if the artifact is not to blame (the launcher died, the daemon is ending).
absl::StatusOr<v1::Finding> WhyNoOutput(const channel::ReadOutcome& outcome,
                                        const jail::WorkerExit& exit, const RunLimits& limits);

}  // namespace loadlock::pipeline

#endif  // LOADLOCK_SERVER_PIPELINE_FINDINGS_H_
