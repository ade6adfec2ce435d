#include "sandbox/jail/worker_exit.h"

#include <gtest/gtest.h>
#include <linux/audit.h>
#include <sys/syscall.h>

#include <csignal>

#include "sandbox/jail/exit_codes.h"

namespace loadlock::jail {
namespace {

using Cause = WorkerExit::Cause;

constexpr absl::Duration kCpuLimit = absl::Seconds(10);

RawExit Exited(int code) {
  RawExit raw;
  raw.exited = true;
  raw.code_or_signal = code;
  return raw;
}

RawExit Signalled(int signal, absl::Duration cpu = absl::ZeroDuration()) {
  RawExit raw;
  raw.code_or_signal = signal;
  raw.cpu = cpu;
  return raw;
}

Cause CauseOf(const RawExit& raw, std::optional<Cause> killed = std::nullopt) {
  return Classify(raw, killed, std::nullopt, kCpuLimit).cause;
}

TEST(Classify, ReadsExitCodes) {
  EXPECT_EQ(CauseOf(Exited(0)), Cause::kExited);
  EXPECT_EQ(CauseOf(Exited(1)), Cause::kExited);
  EXPECT_EQ(CauseOf(Exited(kExitMemory)), Cause::kMemoryLimit);
  EXPECT_EQ(CauseOf(Exited(kExitFileLimit)), Cause::kFileLimit);
  EXPECT_EQ(CauseOf(Exited(kExitCpuLimit)), Cause::kCpuLimit);
  EXPECT_EQ(CauseOf(Exited(kExitForbiddenCall)), Cause::kSyscall);
  // It ended by itself before the daemon's signal came.
  EXPECT_EQ(CauseOf(Exited(0), Cause::kDeadline), Cause::kExited);
}

TEST(Classify, ReadsSignals) {
  EXPECT_EQ(CauseOf(Signalled(SIGSEGV)), Cause::kSignalled);
  EXPECT_EQ(CauseOf(Signalled(SIGXCPU)), Cause::kCpuLimit);
  EXPECT_EQ(CauseOf(Signalled(SIGXFSZ)), Cause::kFileLimit);
  EXPECT_EQ(CauseOf(Signalled(SIGSYS)), Cause::kSyscall);
  EXPECT_EQ(CauseOf(Signalled(SIGKILL)), Cause::kSignalled);
  EXPECT_EQ(CauseOf(Signalled(SIGKILL, absl::Seconds(10))), Cause::kCpuLimit);
  EXPECT_EQ(CauseOf(Signalled(SIGKILL, absl::Seconds(4))), Cause::kSignalled);
  EXPECT_EQ(CauseOf(Signalled(SIGKILL, absl::Seconds(10)), Cause::kDeadline), Cause::kDeadline);
  EXPECT_EQ(CauseOf(Signalled(SIGKILL), Cause::kKilled), Cause::kKilled);
  EXPECT_EQ(CauseOf(Signalled(SIGSEGV), Cause::kKilled), Cause::kSignalled);
}

TEST(Classify, NamesTheCall) {
  const Violation violation = {SYS_socket, AUDIT_ARCH_X86_64};
  const WorkerExit exit = Classify(Exited(kExitForbiddenCall), std::nullopt, violation, kCpuLimit);
#if defined(__x86_64__)
  EXPECT_EQ(exit.syscall, "socket");
#endif
  EXPECT_EQ(exit.Describe(), "the worker tried the forbidden system call " + exit.syscall);
  EXPECT_EQ(Classify(Signalled(SIGSYS), std::nullopt, std::nullopt, kCpuLimit).Describe(),
            "the worker tried a forbidden system call");
}

TEST(SyscallName, HasTextForWhateverAWorkerClaims) {
  EXPECT_EQ(SyscallName(59, AUDIT_ARCH_X86_64), "execve");
  EXPECT_EQ(SyscallName(11, AUDIT_ARCH_I386), "execve");
  EXPECT_EQ(SyscallName(99999, AUDIT_ARCH_X86_64), "number 99999");
  EXPECT_EQ(SyscallName(1, 0xffffffff), "number 1");
}

TEST(Describe, SaysSomethingForEveryCause) {
  for (const Cause cause :
       {Cause::kExited, Cause::kSignalled, Cause::kSyscall, Cause::kCpuLimit, Cause::kMemoryLimit,
        Cause::kFileLimit, Cause::kDeadline, Cause::kKilled, Cause::kLauncherGone}) {
    WorkerExit exit;
    exit.cause = cause;
    EXPECT_GT(exit.Describe().size(), 20u);
    EXPECT_NE(exit.Describe().back(), '.');
  }
  EXPECT_EQ(Classify(Signalled(SIGSEGV), {}, {}, kCpuLimit).Describe(),
            "the worker was killed by SIGSEGV");
  EXPECT_EQ(Classify(Signalled(63), {}, {}, kCpuLimit).Describe(),
            "the worker was killed by signal 63");
}

}  // namespace
}  // namespace loadlock::jail
