// The one job of a worker: artifact in, graph or refusals out.
#ifndef LOADLOCK_SANDBOX_WORKER_JOB_H_
#define LOADLOCK_SANDBOX_WORKER_JOB_H_

#include "sandbox/channel/worker_end.h"

namespace loadlock::worker {

// What the daemon reads of a WorkerResult (server/pipeline); a longer one is a broken protocol.
inline constexpr size_t kMaxResultBytes = size_t{4} << 20;

// Parses the artifact, sends all frames up to the end, and returns the exit code of the process
// (sandbox/jail/exit_codes.h). An artifact that is refused is a success: the findings say so.
int RunJob(channel::ReceivedJob& received, channel::FrameWriter& writer);

// Parses and encodes a small model that is part of the program (sandbox/jail/process.h). Aborts if
// that fails.
void WarmUp();

}  // namespace loadlock::worker

#endif  // LOADLOCK_SANDBOX_WORKER_JOB_H_
