// The jail with real processes: the pool, and what happens when its parts die.
#include "sandbox/jail/jail.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "sandbox/channel/unique_fd.h"
#include "sandbox/clock/steady_time.h"
#include "sandbox/jail/testing/jail_testing.h"

namespace loadlock::jail {
namespace {

using clock::SteadyTime;
using ::testing::HasSubstr;

SteadyTime In(absl::Duration duration) { return SteadyTime::Now() + duration; }

TEST(Jail, TakesTheBestTierAndSaysWhyNotABetterOne) {
  for (const Tier best : {Tier::kA, Tier::kB, Tier::kC}) {
    const auto jail = StartJail({.best = best});
    ASSERT_NE(jail, nullptr);
    EXPECT_GE(jail->tier(), best);
    if (jail->tier() == Tier::kA) {
      EXPECT_EQ(jail->tier_reason(), "");
    } else {
      EXPECT_THAT(jail->tier_reason(), HasSubstr("tier A: "));
    }
    if (best == Tier::kC) {
      EXPECT_EQ(jail->tier_reason(),
                "tier A: the configuration asks for less; tier B: the configuration asks for less");
    }
    const Answer answer = Ask(*jail, "honest");
    EXPECT_EQ(answer.outcome.kind, channel::ReadOutcome::Kind::kComplete) << answer.exit.Describe();
    EXPECT_EQ(answer.output.result, kArtifact);
    EXPECT_EQ(answer.output.graph.size(), 300'000u);
    EXPECT_EQ(answer.decoded, kArtifact);
    EXPECT_EQ(answer.exit.cause, WorkerExit::Cause::kExited);
    EXPECT_EQ(answer.exit.code_or_signal, 0);
    EXPECT_GT(answer.exit.max_rss_bytes, 0u);
  }
}

// A machine on which the tests run may forbid tier A; one that must not says so here.
TEST(Jail, ReachesTheTierThatTheEnvironmentPromises) {
  const char* promised = getenv("LOADLOCK_TEST_EXPECT_TIER");
  const auto jail = StartJail({});
  ASSERT_NE(jail, nullptr);
  if (promised != nullptr) {
    EXPECT_EQ(std::string(1, TierLetter(jail->tier())), promised) << jail->tier_reason();
  }
}

TEST(Jail, RefusesToStartBelowTheMinimum) {
  Options options = TestOptions();
  options.best = Tier::kC;
  options.minimum = Tier::kB;
  const auto jail = Jail::Start(options);
  EXPECT_EQ(jail.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(jail.status().message()),
              HasSubstr("tier B: the configuration asks for less"));
}

TEST(Jail, SaysWhenTheExecutableIsMissingOrNotALauncher) {
  Options options = TestOptions();
  options.worker_path = "/nowhere/loadlock-worker";
  EXPECT_EQ(Jail::Start(options).status().code(), absl::StatusCode::kNotFound);
  options.worker_path = "/bin/true";
  EXPECT_EQ(Jail::Start(options).status().code(), absl::StatusCode::kInternal);
  EXPECT_EQ(ChildrenOf(getpid()).size(), 0u);
}

TEST(Jail, RefillsItsWarmPool) {
  const auto jail = StartJail({.warm_workers = 3});
  ASSERT_NE(jail, nullptr);
  for (int round = 0; round < 20; ++round) {
    ASSERT_TRUE(Eventually([&] { return jail->ready_workers() == 3; })) << round;
    std::vector<Worker> taken;
    for (int i = 0; i < 3; ++i) {
      auto worker = jail->Acquire(In(absl::Seconds(10)));
      ASSERT_TRUE(worker.ok()) << worker.status();
      taken.push_back(*std::move(worker));
    }
  }
}

TEST(Jail, ForksTheOverflow) {
  const auto jail = StartJail({.warm_workers = 0});
  ASSERT_NE(jail, nullptr);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(Ask(*jail, "honest").output.result, kArtifact);
  }
  EXPECT_EQ(jail->ready_workers(), 0u);
}

TEST(Jail, ServesTwoHundredCallersAtOnceAndLeavesNothingBehind) {
  const size_t fds = OpenFds();
  {
    const auto jail = StartJail({.warm_workers = 2});
    ASSERT_NE(jail, nullptr);
    std::atomic<int> served = 0;
    std::vector<std::thread> callers;
    callers.reserve(200);
    for (int i = 0; i < 200; ++i) {
      callers.emplace_back([&] {
        if (Ask(*jail, "honest").output.result == kArtifact) ++served;
      });
    }
    for (std::thread& caller : callers) caller.join();
    EXPECT_EQ(served, 200);
    EXPECT_TRUE(Eventually([&] { return jail->ready_workers() == 2; }));
    // The launcher has reaped them all: what is left below it are the idle workers.
    EXPECT_TRUE(Eventually([&] { return Descendants(jail->launcher_pid()) <= 3; }));
  }
  EXPECT_EQ(OpenFds(), fds);
  EXPECT_EQ(ChildrenOf(getpid()).size(), 0u);
}

TEST(Jail, DestructorEndsWorkersThatAreInUse) {
  auto jail = StartJail({});
  ASSERT_NE(jail, nullptr);
  auto worker = jail->Acquire(In(absl::Seconds(10)));
  ASSERT_TRUE(worker.ok()) << worker.status();
  jail.reset();
  const WorkerExit exit = worker->AwaitExit(absl::Seconds(10));
  EXPECT_EQ(exit.cause, WorkerExit::Cause::kLauncherGone) << exit.Describe();
  EXPECT_TRUE(PidfdEnded(worker->pidfd()));
  EXPECT_EQ(ChildrenOf(getpid()).size(), 0u);
}

TEST(Jail, ReplacesWorkersThatDieWhileIdle) {
  const auto jail = StartJail({.warm_workers = 2});
  ASSERT_NE(jail, nullptr);
  ASSERT_TRUE(Eventually([&] { return jail->ready_workers() == 2; }));
  for (const pid_t pid : IdleWorkers(*jail)) kill(pid, SIGKILL);
  // What is handed out afterwards works, and the pool is full again.
  absl::SleepFor(absl::Milliseconds(50));
  EXPECT_EQ(Ask(*jail, "honest").output.result, kArtifact);
  EXPECT_TRUE(Eventually([&] { return jail->ready_workers() == 2; }));
}

// Has one worker do `act`, tells it to finish, and returns its pidfd.
channel::UniqueFd FinishOne(Jail& jail, const std::string& act) {
  auto worker = jail.Acquire(In(absl::Seconds(10)));
  EXPECT_TRUE(worker.ok()) << worker.status();
  if (!worker.ok()) return {};
  EXPECT_TRUE(channel::SendJob(worker->channel(), act, STDIN_FILENO, STDIN_FILENO).ok());
  channel::WorkerOutput output;
  constexpr channel::Limits kSmall = {
      .max_graph_bytes = 1, .max_provenance_bytes = 1, .max_result_bytes = 100};
  EXPECT_EQ(
      channel::ReadWorkerOutput(worker->channel(), kSmall, In(absl::Seconds(10)), {}, &output).kind,
      channel::ReadOutcome::Kind::kComplete);
  channel::UniqueFd pidfd(fcntl(worker->pidfd(), F_DUPFD_CLOEXEC, 0));
  worker->Finish();
  return pidfd;
}

// A worker that answers and does not end is killed in time, and until then it does not hold up
// those that do end, with their descriptors.
TEST(Jail, AWorkerThatStaysHoldsNobodyUp) {
  const auto jail = StartJail({.warm_workers = 2});
  ASSERT_NE(jail, nullptr);
  const channel::UniqueFd staying = FinishOne(*jail, "answer and stay");
  const size_t fds = OpenFds();
  constexpr int kMany = 30;
  for (int i = 0; i < kMany; ++i) FinishOne(*jail, "answer");
  // Two descriptors each would still be there; what a burst adds to the pool is less.
  EXPECT_TRUE(Eventually([&] { return OpenFds() < fds + kMany; }));
  EXPECT_FALSE(PidfdEnded(staying.get()));
  EXPECT_TRUE(Eventually([&] { return PidfdEnded(staying.get()); }));
}

TEST(Jail, OneWorkersDeathDoesNotTouchAnother) {
  const auto jail = StartJail({});
  ASSERT_NE(jail, nullptr);
  auto waiting = jail->Acquire(In(absl::Seconds(10)));
  ASSERT_TRUE(waiting.ok());
  for (const std::string act : {"segv", "socket", "garbage", "close"}) Ask(*jail, act);
  const Answer answer = AskWorker(*waiting, "honest");
  EXPECT_EQ(answer.output.result, kArtifact);
}

class LauncherDeath : public ::testing::TestWithParam<Tier> {};

TEST_P(LauncherDeath, EndsItsWorkersAndIsReplaced) {
  const size_t fds = OpenFds();
  {
    const auto jail = StartJail({.best = GetParam(), .warm_workers = 2});
    ASSERT_NE(jail, nullptr);
    auto worker = jail->Acquire(In(absl::Seconds(10)));
    ASSERT_TRUE(worker.ok()) << worker.status();
    const pid_t dead = jail->launcher_pid();
    kill(dead, SIGKILL);
    const WorkerExit exit = worker->AwaitExit(absl::Seconds(10));
    EXPECT_EQ(exit.cause, WorkerExit::Cause::kLauncherGone) << exit.Describe();
    EXPECT_TRUE(Eventually([&] { return PidfdEnded(worker->pidfd()); }));
    // Acquire waits for the new launcher.
    EXPECT_EQ(Ask(*jail, "honest").output.result, kArtifact);
    EXPECT_TRUE(jail->alive());
    EXPECT_NE(jail->launcher_pid(), dead);
    EXPECT_TRUE(Eventually([&] { return jail->ready_workers() == 2; }));
  }
  EXPECT_EQ(OpenFds(), fds);
  EXPECT_EQ(ChildrenOf(getpid()).size(), 0u);
}

TEST_P(LauncherDeath, IsUnavailableWhileItIsGone) {
  const auto jail = StartJail({.best = GetParam()});
  ASSERT_NE(jail, nullptr);
  kill(jail->launcher_pid(), SIGKILL);
  ASSERT_TRUE(Eventually([&] { return !jail->alive(); }));
  const auto worker = jail->Acquire(In(absl::Milliseconds(1)));
  EXPECT_EQ(worker.status().code(), absl::StatusCode::kUnavailable) << worker.status();
}

INSTANTIATE_TEST_SUITE_P(Tiers, LauncherDeath, ::testing::Values(Tier::kA, Tier::kB, Tier::kC),
                         [](const auto& tier) { return std::string(1, TierLetter(tier.param)); });

TEST(Jail, DeadlineHoldsWhileTheLauncherStandsStill) {
  const auto jail = StartJail({.warm_workers = 0});
  ASSERT_NE(jail, nullptr);
  kill(jail->launcher_pid(), SIGSTOP);
  for (const pid_t pid : ChildrenOf(jail->launcher_pid())) kill(pid, SIGSTOP);
  const auto worker = jail->Acquire(In(absl::Milliseconds(50)));
  EXPECT_EQ(worker.status().code(), absl::StatusCode::kDeadlineExceeded) << worker.status();
  for (const pid_t pid : ChildrenOf(jail->launcher_pid())) kill(pid, SIGCONT);
  kill(jail->launcher_pid(), SIGCONT);
  EXPECT_EQ(Ask(*jail, "honest").output.result, kArtifact);
}

}  // namespace
}  // namespace loadlock::jail
