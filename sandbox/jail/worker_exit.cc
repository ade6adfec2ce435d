#include "sandbox/jail/worker_exit.h"

#include <seccomp.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "absl/strings/str_cat.h"
#include "sandbox/jail/exit_codes.h"

namespace loadlock::jail {
namespace {

using Cause = WorkerExit::Cause;

// A worker that does not end by itself at its limit is killed a second later. The kernel enforces
// by counting ticks, which on a loaded machine may run well ahead of what it reports as used.
constexpr double kNearCpuLimit = 0.5;

std::string SignalName(int signal) {
  const char* name = sigabbrev_np(signal);
  return name == nullptr ? absl::StrCat("signal ", signal) : absl::StrCat("SIG", name);
}

Cause CauseOfExit(int code) {
  switch (code) {
    case kExitMemory:
      return Cause::kMemoryLimit;
    case kExitFileLimit:
      return Cause::kFileLimit;
    case kExitCpuLimit:
      return Cause::kCpuLimit;
    case kExitForbiddenCall:
      return Cause::kSyscall;
    default:
      return Cause::kExited;
  }
}

Cause CauseOfSignal(const RawExit& raw, std::optional<Cause> killed, absl::Duration cpu_limit) {
  switch (raw.code_or_signal) {
    case SIGSYS:
      return Cause::kSyscall;
    case SIGXCPU:
      return Cause::kCpuLimit;
    case SIGXFSZ:
      return Cause::kFileLimit;
    case SIGKILL:
      if (killed.has_value()) return *killed;
      return raw.cpu >= cpu_limit * kNearCpuLimit ? Cause::kCpuLimit : Cause::kSignalled;
    default:
      return Cause::kSignalled;
  }
}

}  // namespace

WorkerExit Classify(const RawExit& raw, std::optional<Cause> killed,
                    std::optional<Violation> violation, absl::Duration cpu_limit) {
  WorkerExit exit;
  exit.code_or_signal = raw.code_or_signal;
  exit.max_rss_bytes = raw.max_rss_bytes;
  exit.cpu = raw.cpu;
  exit.cause = raw.exited ? CauseOfExit(raw.code_or_signal) : CauseOfSignal(raw, killed, cpu_limit);
  if (exit.cause == Cause::kSyscall) {
    exit.syscall = violation.has_value() ? SyscallName(violation->syscall_nr, violation->arch) : "";
  }
  return exit;
}

std::string SyscallName(uint32_t syscall_nr, uint32_t arch) {
  const std::unique_ptr<char, void (*)(void*)> name(
      seccomp_syscall_resolve_num_arch(arch, static_cast<int>(syscall_nr)), &free);
  return name == nullptr ? absl::StrCat("number ", syscall_nr) : std::string(name.get());
}

std::string WorkerExit::Describe() const {
  switch (cause) {
    case Cause::kExited:
      if (code_or_signal == kExitOk) return "the worker ended without an error";
      if (code_or_signal == kExitAborted) return "the worker aborted: a check of its own failed";
      if (code_or_signal == kExitChannel) return "the worker could not use its channel";
      if (code_or_signal == kExitBadJob) return "the worker was given a job that makes no sense";
      return absl::StrCat("the worker exited with code ", code_or_signal);
    case Cause::kSignalled:
      return absl::StrCat("the worker was killed by ", SignalName(code_or_signal));
    case Cause::kSyscall:
      return syscall.empty() ? "the worker tried a forbidden system call"
                             : absl::StrCat("the worker tried the forbidden system call ", syscall);
    case Cause::kCpuLimit:
      return absl::StrCat("the worker reached its limit of CPU time after ",
                          absl::FormatDuration(cpu));
    case Cause::kMemoryLimit:
      return "the worker reached its limit of memory";
    case Cause::kFileLimit:
      return "the worker reached its limit of decoded data";
    case Cause::kDeadline:
      return "the worker did not finish before its deadline";
    case Cause::kKilled:
      return "the daemon ended the worker";
    case Cause::kLauncherGone:
      return "the launcher died, and the worker with it";
  }
  return "the worker ended";
}

}  // namespace loadlock::jail
