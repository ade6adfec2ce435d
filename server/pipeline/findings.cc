#include "server/pipeline/findings.h"

#include "absl/strings/str_cat.h"
#include "server/observe/error.h"
#include "server/observe/text.h"

namespace loadlock::pipeline {
namespace {

using jail::WorkerExit;
using Kind = channel::ReadOutcome::Kind;

absl::StatusOr<v1::Finding> WhyItEnded(const WorkerExit& exit, const RunLimits& limits) {
  switch (exit.cause) {
    case WorkerExit::Cause::kSyscall:
      return Refusing("WORKER_KILLED_SYSCALL",
                      absl::StrCat("the sandbox stopped the parser: it tried ",
                                   // By another architecture's entry, the kernel kills untold.
                                   exit.syscall.empty() ? "a system call of another architecture"
                                                        : "the forbidden system call ",
                                   exit.syscall));
    case WorkerExit::Cause::kSignalled:
      return Refusing("WORKER_KILLED_SIGNAL",
                      absl::StrCat("the parser died in the sandbox: ", exit.Describe()));
    case WorkerExit::Cause::kCpuLimit:
      return Refusing("WORKER_CPU_LIMIT",
                      absl::StrCat("parsing took more than the CPU time limit of ",
                                   absl::FormatDuration(limits.cpu), " (max_cpu_time)"));
    case WorkerExit::Cause::kMemoryLimit:
      return Refusing("WORKER_MEMORY_LIMIT",
                      absl::StrCat("parsing took more than the memory limit of ", limits.heap_bytes,
                                   " bytes (max_heap_bytes)"));
    case WorkerExit::Cause::kFileLimit:
      return Refusing("BUDGET_DECODED",
                      absl::StrCat("decoding gave more than the limit of ", limits.decoded_bytes,
                                   " bytes (max_decoded_bytes)"));
    case WorkerExit::Cause::kDeadline:
      return Refusing("WORKER_DEADLINE",
                      absl::StrCat("parsing took longer than ", absl::FormatDuration(limits.wall),
                                   " (max_wall_time)"));
    case WorkerExit::Cause::kExited:
      return Refusing("WORKER_PROTOCOL",
                      absl::StrCat("the parser ended without a result: ", exit.Describe()));
    case WorkerExit::Cause::kKilled:
    case WorkerExit::Cause::kLauncherGone:
      break;
  }
  return observe::Error(absl::StatusCode::kUnavailable, "WORKER_LOST",
                        absl::StrCat("the worker was lost: ", exit.Describe(), "; try again"));
}

}  // namespace

v1::Finding Refusing(absl::string_view rule_id, absl::string_view message) {
  v1::Finding finding;
  finding.set_rule_id(std::string(rule_id));
  finding.set_severity(v1::SEVERITY_ERROR);
  finding.set_message(observe::Printable(message, observe::kMaxMessage));
  return finding;
}

absl::StatusOr<v1::Finding> WhyNoOutput(const channel::ReadOutcome& outcome, const WorkerExit& exit,
                                        const RunLimits& limits) {
  switch (outcome.kind) {
    case Kind::kProtocol:
    case Kind::kTooMuch:
      return Refusing("WORKER_PROTOCOL",
                      absl::StrCat("the parser broke the protocol: ", outcome.message));
    case Kind::kViolation:
      return Refusing("WORKER_KILLED_SYSCALL",
                      absl::StrCat("the sandbox stopped the parser: it tried the forbidden system "
                                   "call ",
                                   jail::SyscallName(outcome.syscall_nr, outcome.arch)));
    case Kind::kClosed:
      // It closed the channel and lived on, until the daemon killed it.
      if (exit.cause == WorkerExit::Cause::kDeadline) {
        return Refusing("WORKER_PROTOCOL", "the parser closed its channel without a result");
      }
      return WhyItEnded(exit, limits);
    case Kind::kDeadline:
      return WhyItEnded(exit, limits);
    case Kind::kComplete:
    case Kind::kCancelled:
    case Kind::kError:
      break;
  }
  return observe::Error(absl::StatusCode::kInternal, "CHANNEL_FAILED",
                        absl::StrCat("reading from the worker failed: ", outcome.message));
}

}  // namespace loadlock::pipeline
