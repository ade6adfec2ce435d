// The wall, hit from inside: one act a worker, and the exact reason that comes out, at each tier.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <iterator>
#include <string>

#include "sandbox/clock/steady_time.h"
#include "sandbox/jail/exit_codes.h"
#include "sandbox/jail/testing/jail_testing.h"

namespace loadlock::jail {
namespace {

using Cause = WorkerExit::Cause;
using channel::ReadOutcome;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;

class Confinement : public ::testing::TestWithParam<Tier> {
 protected:
  std::unique_ptr<Jail> Start(const WorkerLimits& limits = TestOptions().limits) const {
    return StartJail({.best = GetParam(), .warm_workers = 1, .limits = limits});
  }
};

INSTANTIATE_TEST_SUITE_P(Tiers, Confinement, ::testing::Values(Tier::kA, Tier::kB, Tier::kC),
                         [](const auto& tier) { return std::string(1, TierLetter(tier.param)); });

TEST_P(Confinement, ForbiddenCallEndsTheWorkerAndIsNamed) {
  const auto jail = Start();
  ASSERT_NE(jail, nullptr);
  for (const std::string call : {"getppid",      "socket",          "openat",
                                 "execve",       "execveat",        "clone",
                                 "clone3",       "ptrace",          "process_vm_readv",
                                 "mount",        "unshare",         "setns",
                                 "bpf",          "io_uring_setup",  "userfaultfd",
                                 "keyctl",       "perf_event_open", "kill",
                                 "dup",          "sendmsg",         "prctl",
                                 "seccomp",      "rt_sigaction",    "setrlimit",
                                 "memfd_create", "ftruncate",       "newfstatat"}) {
    const Answer answer = Ask(*jail, call);
    EXPECT_EQ(answer.outcome.kind, ReadOutcome::Kind::kViolation) << call << answer.output.result;
    EXPECT_EQ(answer.exit.cause, Cause::kSyscall) << call;
    EXPECT_EQ(answer.exit.syscall, call);
    EXPECT_EQ(answer.exit.Describe(), "the worker tried the forbidden system call " + call);
  }
}

#ifndef LOADLOCK_SANITIZED
TEST_P(Confinement, WhatOnlySanitizersNeedIsForbidden) {
  const auto jail = Start();
  ASSERT_NE(jail, nullptr);
  for (const std::string call : {"mprotect", "madvise", "rt_sigreturn"}) {
    EXPECT_EQ(Ask(*jail, call).exit.syscall, call);
  }
}
#endif

TEST_P(Confinement, AllowedCallWithForbiddenArgumentsIsNamed) {
  const auto jail = Start();
  ASSERT_NE(jail, nullptr);
  for (const std::string call :
       {"mmap", "writev", "write", "pwrite64", "recvmsg", "fstat", "fcntl"}) {
    const Answer answer = Ask(*jail, call);
    EXPECT_EQ(answer.exit.cause, Cause::kSyscall) << call << answer.output.result;
    EXPECT_EQ(answer.exit.syscall, call);
  }
}

#if defined(__x86_64__)
TEST_P(Confinement, OtherEntriesToTheKernelAreFatal) {
  const auto jail = Start();
  ASSERT_NE(jail, nullptr);
  for (const std::string act : {"other-architecture", "x32"}) {
    const Answer answer = Ask(*jail, act);
    EXPECT_EQ(answer.outcome.kind, ReadOutcome::Kind::kClosed) << act << answer.output.result;
    EXPECT_EQ(answer.exit.cause, Cause::kSyscall) << act << answer.exit.Describe();
    EXPECT_EQ(answer.exit.code_or_signal, SIGSYS);
  }
}
#endif

// A violation that nobody read from the channel is still found and named.
TEST_P(Confinement, UnreadViolationIsFound) {
  const auto jail = Start();
  ASSERT_NE(jail, nullptr);
  auto worker = jail->Acquire(clock::SteadyTime::Now() + absl::Seconds(10));
  ASSERT_TRUE(worker.ok());
  ASSERT_TRUE(channel::SendJob(worker->channel(), "socket", 0, 0).ok());
  EXPECT_EQ(worker->AwaitExit(absl::Seconds(10)).syscall, "socket");
}

TEST_P(Confinement, CrashesAreNamed) {
  const auto jail = Start();
  ASSERT_NE(jail, nullptr);
  for (const std::string act : {"segv", "overflow"}) {
    const Answer answer = Ask(*jail, act);
    EXPECT_EQ(answer.outcome.kind, ReadOutcome::Kind::kClosed) << act;
    EXPECT_EQ(answer.exit.cause, Cause::kSignalled) << act << answer.exit.Describe();
    EXPECT_EQ(answer.exit.Describe(), "the worker was killed by SIGSEGV");
  }
  const Answer aborted = Ask(*jail, "abort");
  EXPECT_EQ(aborted.exit.cause, Cause::kExited);
  EXPECT_EQ(aborted.exit.code_or_signal, kExitAborted);
  EXPECT_THAT(aborted.exit.Describe(), HasSubstr("aborted"));
}

TEST_P(Confinement, EarlyCloseAndGarbageAreSeen) {
  const auto jail = Start();
  ASSERT_NE(jail, nullptr);
  const Answer closed = Ask(*jail, "close");
  EXPECT_EQ(closed.outcome.kind, ReadOutcome::Kind::kClosed);
  EXPECT_EQ(closed.exit.cause, Cause::kExited);
  EXPECT_EQ(closed.exit.code_or_signal, 7);
  EXPECT_EQ(Ask(*jail, "garbage").outcome.kind, ReadOutcome::Kind::kProtocol);
}

TEST_P(Confinement, AnAnswerWithoutItsEndIsNotWaitedFor) {
  const auto jail = Start();
  ASSERT_NE(jail, nullptr);
  const Answer answer = Ask(*jail, "no end", absl::Seconds(60));
  EXPECT_EQ(answer.outcome.kind, ReadOutcome::Kind::kClosed);
  EXPECT_EQ(answer.exit.cause, Cause::kExited);
  EXPECT_EQ(answer.exit.code_or_signal, kExitOk);
}

TEST_P(Confinement, DeadlineEndsASleeperAndASpinner) {
  const auto jail = Start();
  ASSERT_NE(jail, nullptr);
  for (const std::string act : {"hang", "spin"}) {
    const clock::SteadyTime start = clock::SteadyTime::Now();
    const Answer answer = Ask(*jail, act, absl::Milliseconds(200));
    EXPECT_EQ(answer.outcome.kind, ReadOutcome::Kind::kDeadline);
    EXPECT_EQ(answer.exit.cause, Cause::kDeadline) << answer.exit.Describe();
    EXPECT_LT(clock::SteadyTime::Now() - start, absl::Seconds(5));
  }
}

TEST_P(Confinement, CpuTimeIsLimited) {
  WorkerLimits limits = TestOptions().limits;
  limits.cpu = absl::Seconds(1);
  const auto jail = Start(limits);
  ASSERT_NE(jail, nullptr);
  const Answer answer = Ask(*jail, "spin");
  EXPECT_EQ(answer.exit.cause, Cause::kCpuLimit) << answer.exit.Describe();
  EXPECT_GT(answer.exit.cpu, absl::Milliseconds(300));
  EXPECT_LT(answer.exit.cpu, absl::Milliseconds(2500));
}

#ifndef LOADLOCK_SANITIZED  // shadow memory cannot be limited
TEST_P(Confinement, MemoryIsLimited) {
  WorkerLimits limits = TestOptions().limits;
  limits.heap_bytes = uint64_t{64} << 20;
  const auto jail = Start(limits);
  ASSERT_NE(jail, nullptr);
  const Answer heap = Ask(*jail, "allocate");
  EXPECT_EQ(heap.exit.cause, Cause::kMemoryLimit) << heap.exit.Describe();
  EXPECT_LE(heap.exit.max_rss_bytes, uint64_t{80} << 20);

  limits.heap_bytes = uint64_t{1} << 40;
  limits.address_space_bytes = uint64_t{64} << 20;
  const auto jail2 = Start(limits);
  ASSERT_NE(jail2, nullptr);
  EXPECT_EQ(Ask(*jail2, "allocate").exit.cause, Cause::kMemoryLimit);
}
#endif

TEST_P(Confinement, DecodedDataIsLimited) {
  const auto jail = Start();
  ASSERT_NE(jail, nullptr);
  const Answer answer = Ask(*jail, "fill");
  EXPECT_EQ(answer.exit.cause, Cause::kFileLimit) << answer.exit.Describe();
  EXPECT_EQ(answer.decoded.size(), TestOptions().limits.file_bytes);
}

// What the kernel says of an idle worker, seen from outside.
TEST_P(Confinement, NothingIsLeftToAnIdleWorker) {
  const auto jail = Start();
  ASSERT_NE(jail, nullptr);
  ASSERT_TRUE(Eventually([&] { return jail->ready_workers() == 1; }));
  const std::vector<pid_t> workers = IdleWorkers(*jail);
  ASSERT_EQ(workers.size(), 1u);
  std::ifstream file("/proc/" + std::to_string(workers[0]) + "/status");
  const std::string status((std::istreambuf_iterator<char>(file)), {});
  for (const std::string set : {"CapInh", "CapPrm", "CapEff", "CapAmb"}) {
    EXPECT_THAT(status, HasSubstr(set + ":\t0000000000000000\n"));
  }
  EXPECT_THAT(status, HasSubstr("NoNewPrivs:\t1\n"));
  EXPECT_THAT(status, HasSubstr("Seccomp:\t2\n"));
  EXPECT_THAT(status, HasSubstr("Threads:\t1\n"));
  // Under a privileged daemon it is nobody, otherwise the daemon's user; never root with powers.
  const std::string user = MayChangeUser() ? "65534" : std::to_string(geteuid());
  EXPECT_THAT(status, HasSubstr("Uid:\t" + user + "\t" + user));
  if (jail->tier() == Tier::kA) {
    // Its numbers from the outside in; it is process 1 of a namespace of its own.
    EXPECT_THAT(status, ContainsRegex("NSpid:(\t[0-9]+){2}\t1\n"));
  }
}

}  // namespace
}  // namespace loadlock::jail
