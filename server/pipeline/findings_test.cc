#include "server/pipeline/findings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <sys/syscall.h>

#include <string>

#include "server/observe/error.h"

namespace loadlock::pipeline {
namespace {

using channel::ReadOutcome;
using jail::WorkerExit;
using ::testing::HasSubstr;

constexpr RunLimits kLimits = {
    .wall = absl::Seconds(60), .cpu = absl::Seconds(30), .heap_bytes = 1000, .decoded_bytes = 2000};

absl::StatusOr<v1::Finding> Closed(const WorkerExit& exit) {
  ReadOutcome outcome;
  outcome.kind = ReadOutcome::Kind::kClosed;
  return WhyNoOutput(outcome, exit, kLimits);
}

struct Case {
  WorkerExit::Cause cause;
  const char* rule;
  const char* says;
};

class ExitTest : public ::testing::TestWithParam<Case> {};

TEST_P(ExitTest, NamesRuleAndLimit) {
  WorkerExit exit;
  exit.cause = GetParam().cause;
  exit.code_or_signal = 11;
  exit.syscall = "socket";
  const absl::StatusOr<v1::Finding> finding = Closed(exit);
  ASSERT_TRUE(finding.ok()) << finding.status();
  EXPECT_EQ(finding->rule_id(), GetParam().rule);
  EXPECT_EQ(finding->severity(), v1::SEVERITY_ERROR);
  EXPECT_THAT(finding->message(), HasSubstr(GetParam().says));
}

INSTANTIATE_TEST_SUITE_P(
    Causes, ExitTest,
    ::testing::Values(
        Case{WorkerExit::Cause::kSyscall, "WORKER_KILLED_SYSCALL", "socket"},
        Case{WorkerExit::Cause::kSignalled, "WORKER_KILLED_SIGNAL", "died in the sandbox"},
        Case{WorkerExit::Cause::kCpuLimit, "WORKER_CPU_LIMIT", "30s (max_cpu_time)"},
        Case{WorkerExit::Cause::kMemoryLimit, "WORKER_MEMORY_LIMIT", "1000 bytes (max_heap_bytes)"},
        Case{WorkerExit::Cause::kFileLimit, "BUDGET_DECODED", "2000 bytes (max_decoded_bytes)"},
        Case{WorkerExit::Cause::kExited, "WORKER_PROTOCOL", "without a result"},
        Case{WorkerExit::Cause::kDeadline, "WORKER_PROTOCOL", "closed its channel"}));

TEST(FindingsTest, AKillWithoutANameIsToldAsOne) {
  WorkerExit exit;
  exit.cause = WorkerExit::Cause::kSyscall;
  EXPECT_THAT(Closed(exit)->message(), HasSubstr("a system call of another architecture"));
}

TEST(FindingsTest, WallTimeIsNamed) {
  ReadOutcome outcome;
  outcome.kind = ReadOutcome::Kind::kDeadline;
  WorkerExit exit;
  exit.cause = WorkerExit::Cause::kDeadline;
  const absl::StatusOr<v1::Finding> finding = WhyNoOutput(outcome, exit, kLimits);
  ASSERT_TRUE(finding.ok());
  EXPECT_EQ(finding->rule_id(), "WORKER_DEADLINE");
  EXPECT_THAT(finding->message(), HasSubstr("1m (max_wall_time)"));
}

TEST(FindingsTest, ViolationNamesTheSystemCall) {
  ReadOutcome outcome;
  outcome.kind = ReadOutcome::Kind::kViolation;
  outcome.syscall_nr = SYS_openat;
  outcome.arch = AUDIT_ARCH_X86_64;
  const absl::StatusOr<v1::Finding> finding = WhyNoOutput(outcome, WorkerExit{}, kLimits);
  ASSERT_TRUE(finding.ok());
  EXPECT_EQ(finding->rule_id(), "WORKER_KILLED_SYSCALL");
  EXPECT_THAT(finding->message(), HasSubstr("openat"));
}

TEST(FindingsTest, GarbageIsAProtocolErrorAndEscaped) {
  ReadOutcome outcome;
  outcome.kind = ReadOutcome::Kind::kProtocol;
  outcome.message = "frame \x1b[31m";
  const absl::StatusOr<v1::Finding> finding = WhyNoOutput(outcome, WorkerExit{}, kLimits);
  ASSERT_TRUE(finding.ok());
  EXPECT_EQ(finding->rule_id(), "WORKER_PROTOCOL");
  EXPECT_THAT(finding->message(), HasSubstr("\\x1b[31m"));
}

TEST(FindingsTest, WhatIsNotTheArtifactsFaultIsAnError) {
  for (const WorkerExit::Cause cause :
       {WorkerExit::Cause::kLauncherGone, WorkerExit::Cause::kKilled}) {
    WorkerExit exit;
    exit.cause = cause;
    EXPECT_EQ(Closed(exit).status().code(), absl::StatusCode::kUnavailable);
    EXPECT_EQ(observe::ReasonOf(Closed(exit).status()), "WORKER_LOST");
  }
  ReadOutcome broken;
  broken.kind = ReadOutcome::Kind::kError;
  EXPECT_EQ(WhyNoOutput(broken, WorkerExit{}, kLimits).status().code(),
            absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace loadlock::pipeline
