#include "server/pipeline/runner.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sandbox/clock/steady_time.h"
#include "sandbox/faults/fault_point.h"
#include "server/observe/error.h"
#include "server/pipeline/findings.h"

namespace loadlock::pipeline {
namespace {

using clock::SteadyTime;
using Kind = channel::ReadOutcome::Kind;

// After its last frame an honest worker has nothing left but to exit.
constexpr absl::Duration kExitGrace = absl::Milliseconds(500);

// 10^7 nodes with 4 x 10^7 operands and their pools stay below; the daemon holds this in memory.
constexpr uint64_t kMaxGraphBytes = 512 * config::kMiB;
// 10^7 offsets of up to 10 bytes and as many opcodes.
constexpr uint64_t kMaxProvenanceBytes = 160 * config::kMiB;
// By the protocol of the channel.
constexpr uint64_t kMaxResultBytes = 4 * config::kMiB;
// Text, data and stacks of the worker itself, beside what it parses.
constexpr uint64_t kWorkerOverhead = 256 * config::kMiB;

channel::Limits ChannelLimits(const v1::Job& job) {
  // A graph is made on the worker's heap, so it cannot honestly be larger than that.
  return {.max_graph_bytes = std::min(kMaxGraphBytes, job.max_heap_bytes()),
          .max_provenance_bytes = std::min(kMaxProvenanceBytes, job.max_heap_bytes()),
          .max_result_bytes = kMaxResultBytes};
}

absl::Status CallerGaveUp() {
  return observe::Error(absl::StatusCode::kCancelled, "CANCELLED", "the caller cancelled");
}

absl::Status CallersDeadline() {
  return observe::Error(absl::StatusCode::kDeadlineExceeded, "DEADLINE",
                        "the caller's deadline passed");
}

}  // namespace

jail::WorkerLimits LimitsOfWorkers(const config::LimitSettings& limits) {
  jail::WorkerLimits out;
  out.heap_bytes = limits.max_heap_bytes + kWorkerOverhead;
  out.address_space_bytes = out.heap_bytes + limits.max_artifact_bytes + limits.max_decoded_bytes;
  out.file_bytes = limits.max_decoded_bytes;
  out.cpu = limits.max_cpu_time;
  return out;
}

JailRunner::JailRunner(jail::Jail* jail, const config::LimitSettings& limits, Metrics* metrics)
    : jail_(jail), limits_(limits), metrics_(metrics) {}

absl::StatusOr<jail::Worker> JailRunner::HandOver(const RunRequest& request,
                                                  SteadyTime deadline) const {
  const std::string job = request.job.SerializeAsString();
  absl::Status lost;
  // A worker that died while it was idle never saw the job, so the next one may have it. All the
  // warm ones can be dead, and what comes after them is new.
  for (uint32_t i = 0; i < limits_.warm_workers + 2; ++i) {
    absl::StatusOr<jail::Worker> worker = jail_->Acquire(deadline, request.cancelled);
    if (absl::IsCancelled(worker.status())) return CallerGaveUp();
    if (!worker.ok()) {
      if (SteadyTime::Now() >= request.deadline) return CallersDeadline();
      return observe::Error(absl::StatusCode::kUnavailable, "NO_WORKER",
                            absl::StrCat("no worker: ", std::string(worker.status().message())));
    }
    faults::FaultPoint(faults::Stage::kWorkerAcquired);
    lost = channel::SendJob(worker->channel(), job, request.artifact_fd, request.decoded_fd);
    if (lost.ok()) return worker;
    if (!absl::IsUnavailable(lost)) break;
  }
  return observe::Error(absl::StatusCode::kUnavailable, "WORKER_LOST",
                        absl::StrCat("the worker was lost: ", std::string(lost.message())));
}

absl::StatusOr<RunResult> JailRunner::Run(const RunRequest& request) {
  RunResult result;
  const SteadyTime start = SteadyTime::Now();
  const SteadyTime wall_end = start + limits_.max_wall_time;
  const SteadyTime deadline = std::min(request.deadline, wall_end);
  absl::StatusOr<jail::Worker> worker = HandOver(request, deadline);
  const SteadyTime acquired = SteadyTime::Now();
  result.wait_for_worker = acquired - start;
  if (!worker.ok()) return worker.status();
  faults::FaultPoint(faults::Stage::kJobSent);
  const channel::ReadOutcome outcome = channel::ReadWorkerOutput(
      worker->channel(), ChannelLimits(request.job), deadline, request.cancelled, &result.output);
  result.parse = SteadyTime::Now() - acquired;
  if (outcome.kind == Kind::kComplete) {
    faults::FaultPoint(faults::Stage::kOutputRead);
    result.worker = *std::move(worker);
    return result;
  }
  if (outcome.kind == Kind::kCancelled) return CallerGaveUp();
  if (outcome.kind == Kind::kDeadline) {
    if (request.deadline < wall_end) return CallersDeadline();
    worker->Kill(jail::WorkerExit::Cause::kDeadline);
  }
  // What it says is known to be wrong, so how it ends does not matter.
  if (outcome.kind == Kind::kProtocol || outcome.kind == Kind::kTooMuch) {
    worker->Kill(jail::WorkerExit::Cause::kKilled);
  }
  if (outcome.kind == Kind::kViolation) worker->NoteViolation(outcome.syscall_nr, outcome.arch);
  const RunLimits run_limits = {.wall = limits_.max_wall_time,
                                .cpu = limits_.max_cpu_time,
                                .heap_bytes = limits_.max_heap_bytes,
                                .decoded_bytes = limits_.max_decoded_bytes};
  const jail::WorkerExit exit = worker->AwaitExit(kExitGrace);
  if (metrics_ != nullptr) metrics_->CountKill(exit.cause);
  absl::StatusOr<v1::Finding> why = WhyNoOutput(outcome, exit, run_limits);
  if (!why.ok()) return why.status();
  result.refusal = *std::move(why);
  return result;
}

v1::Tier JailRunner::tier() const {
  switch (jail_->tier()) {
    case jail::Tier::kA:
      return v1::TIER_A;
    case jail::Tier::kB:
      return v1::TIER_B;
    case jail::Tier::kC:
      return v1::TIER_C;
  }
  return v1::TIER_UNSPECIFIED;
}

std::string JailRunner::tier_reason() const { return jail_->tier_reason(); }

uint32_t JailRunner::ready_workers() const { return jail_->ready_workers(); }

}  // namespace loadlock::pipeline
