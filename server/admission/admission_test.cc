#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "server/admission/gate.h"
#include "server/admission/grant.h"
#include "server/observe/error.h"

namespace loadlock::admission {
namespace {

using absl::StatusCode;
using ::testing::HasSubstr;

const Principal kAlice = 1000;
const Principal kBob = 1001;
const Principal kOverTcp = std::nullopt;

constexpr Capacity kSmall = {
    .max_running_requests = 2, .max_queued_requests = 3, .max_total_bytes = 100};

TEST(GateTest, FullQueueRefusesAtOnceAndNamesTheLimit) {
  Gate gate(kSmall);
  std::vector<Slot> slots;
  for (int i = 0; i < 5; ++i) {
    absl::StatusOr<Slot> slot = gate.Enter(kAlice);
    ASSERT_TRUE(slot.ok()) << i;
    slots.push_back(*std::move(slot));
  }
  EXPECT_EQ(gate.running(), 2U);
  const absl::Status full = gate.Enter(kAlice).status();
  EXPECT_EQ(full.code(), StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(full.message()), HasSubstr("max_queued_requests (3)"));
  EXPECT_EQ(observe::ReasonOf(full), "LIMIT_REACHED");
  slots.pop_back();
  EXPECT_TRUE(gate.Enter(kAlice).ok());
}

TEST(GateTest, MovedSlotsCountOnce) {
  Gate gate(kSmall);
  {
    Slot first = *gate.Enter(kAlice);
    Slot second = std::move(first);
    first = std::move(second);
    EXPECT_EQ(gate.running(), 1U);
  }
  EXPECT_EQ(gate.running(), 0U);
}

TEST(GateTest, BytesAreBounded) {
  Gate gate(kSmall);
  Reservation first = *gate.Reserve(kAlice, 60);
  EXPECT_THAT(std::string(gate.Reserve(kAlice, 41).status().message()),
              HasSubstr("max_total_bytes (100)"));
  EXPECT_TRUE(gate.Reserve(kAlice, 40).ok());
  EXPECT_EQ(gate.Reserve(kAlice, 101).status().code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(gate.Reserve(kAlice, std::numeric_limits<uint64_t>::max()).status().code(),
            StatusCode::kResourceExhausted);
  first.ShrinkTo(10);
  EXPECT_EQ(gate.reserved_bytes(), 10U);
  first.ShrinkTo(50);
  EXPECT_EQ(first.bytes(), 10U);
  Reservation moved = std::move(first);
  EXPECT_TRUE(gate.Reserve(kAlice, 90).ok());
  moved = Reservation();
  EXPECT_EQ(gate.reserved_bytes(), 0U);
}

TEST(GateTest, ReservationsGrowWithinTheBound) {
  Gate gate(kSmall);
  Reservation growing;
  ASSERT_TRUE(gate.Grow(&growing, kAlice, 30).ok());
  ASSERT_TRUE(gate.Grow(&growing, kAlice, 70).ok());
  EXPECT_EQ(growing.bytes(), 100U);
  EXPECT_EQ(gate.Grow(&growing, kAlice, 1).code(), StatusCode::kResourceExhausted);
  growing = Reservation();
  EXPECT_EQ(gate.reserved_bytes(), 0U);
}

TEST(GateTest, DrainingIsUnavailable) {
  Gate gate(kSmall);
  Slot running = *gate.Enter(kAlice);
  gate.Drain();
  EXPECT_TRUE(gate.draining());
  EXPECT_EQ(gate.Enter(kAlice).status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(observe::ReasonOf(gate.Enter(kAlice).status()), "DRAINING");
  EXPECT_FALSE(gate.AwaitIdle(absl::Milliseconds(5)));
  std::thread ends([slot = std::move(running)]() mutable {
    absl::SleepFor(absl::Milliseconds(20));
    slot = Slot();
  });
  EXPECT_TRUE(gate.AwaitIdle(absl::Seconds(10)));
  ends.join();
}

TEST(SharedBudgetTest, OneCallerLeavesAPartAndNoneIsLeftWithNothing) {
  SharedBudget budget(16, 75);
  const auto take_all = [&budget](const Principal& caller) {
    while (budget.Take(caller, 1) == SharedBudget::Answer::kGranted) {
    }
    return budget.HeldBy(caller);
  };
  EXPECT_EQ(take_all(kAlice), 12U);
  EXPECT_EQ(budget.Check(kAlice, 1), SharedBudget::Answer::kOverShare);
  EXPECT_EQ(take_all(kBob), 3U);
  EXPECT_EQ(take_all(kOverTcp), 1U);
  EXPECT_EQ(budget.taken(), 16U);
  EXPECT_EQ(budget.Check(7, 1), SharedBudget::Answer::kFull);
}

// However much one had before: as it gives back, all end near the same share.
TEST(SharedBudgetTest, SharesBecomeEqual) {
  SharedBudget budget(1600, 75);
  const std::vector<Principal> callers = {kAlice, kBob, kOverTcp};
  for (int i = 0; i < 1200; ++i) budget.Take(kAlice, 1);
  for (int round = 0; round < 2000; ++round) {
    for (const Principal& caller : callers) {
      budget.GiveBack(caller, 5);
      for (int i = 0; i < 20; ++i) budget.Take(caller, 1);
    }
  }
  for (const Principal& caller : callers) {
    EXPECT_NEAR(static_cast<double>(budget.HeldBy(caller)), 1600.0 * 75 / (100 + 2 * 75), 60);
  }
}

TEST(SharedBudgetTest, WhoHasNothingMayTakeWhatIsFree) {
  SharedBudget budget(100, 75);
  EXPECT_EQ(budget.Take(kAlice, 90), SharedBudget::Answer::kGranted);
  EXPECT_EQ(budget.Take(kAlice, 1), SharedBudget::Answer::kOverShare);
  EXPECT_EQ(budget.Take(kBob, 10), SharedBudget::Answer::kGranted);
  budget.GiveBack(kAlice, 1000);
  EXPECT_EQ(budget.taken(), 10U);
  budget.GiveBack(kBob, 10);
  budget.GiveBack(kBob, 10);
  EXPECT_EQ(budget.taken(), 0U);
}

TEST(SharedBudgetTest, LargeAmountsDoNotOverflow) {
  constexpr uint64_t kAll = std::numeric_limits<uint64_t>::max();
  SharedBudget budget(kAll, 75);
  EXPECT_EQ(budget.Take(kAlice, 1), SharedBudget::Answer::kGranted);
  EXPECT_EQ(budget.Take(kAlice, kAll), SharedBudget::Answer::kFull);
  EXPECT_EQ(budget.Take(kAlice, kAll - 1), SharedBudget::Answer::kOverShare);
  EXPECT_EQ(budget.Take(kAlice, kAll / 2), SharedBudget::Answer::kGranted);
}

TEST(SharedBudgetTest, AHundredPercentKeepsNothing) {
  SharedBudget budget(3, 100);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(budget.Take(kAlice, 1), SharedBudget::Answer::kGranted);
  EXPECT_EQ(budget.Take(kBob, 1), SharedBudget::Answer::kFull);
}

TEST(GateTest, ACallerOverItsShareIsToldSoAndOthersEnter) {
  Capacity capacity = kSmall;
  capacity.max_caller_percent = 75;
  Gate gate(capacity);
  std::vector<Slot> slots;
  for (int i = 0; i < 3; ++i) slots.push_back(*gate.Enter(kAlice));
  const absl::Status over = gate.Enter(kAlice).status();
  EXPECT_EQ(over.code(), StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(over.message()), HasSubstr("max_caller_percent (75)"));
  EXPECT_THAT(std::string(over.message()), HasSubstr("3 of 5 places"));
  slots.push_back(*gate.Enter(kBob));
  slots.clear();
  EXPECT_TRUE(gate.AwaitIdle(absl::ZeroDuration()));
  const Reservation most = *gate.Reserve(kAlice, 70);
  EXPECT_EQ(gate.Reserve(kAlice, 10).status().code(), StatusCode::kResourceExhausted);
  EXPECT_TRUE(gate.Reserve(kBob, 10).ok());
}

TEST(GrantTest, GrowsWithTheArtifactUpToTheLimits) {
  const config::LimitSettings limits;
  const Grant small = GrantFor(1000, limits);
  EXPECT_EQ(small.artifact_bytes, 1000U);
  EXPECT_EQ(small.decoded_bytes, config::kDecodedBase + 1000 * config::kDecodedPerByte);
  // All running requests with small artifacts fit the daemon's total.
  EXPECT_LE(small.total() * limits.max_running_requests, limits.max_total_bytes);
  const Grant large = GrantFor(std::numeric_limits<uint64_t>::max() / 2, limits);
  EXPECT_EQ(large.decoded_bytes, limits.max_decoded_bytes);
  EXPECT_EQ(large.heap_bytes, limits.max_heap_bytes);
  EXPECT_EQ(large.nodes, limits.max_nodes);
  EXPECT_EQ(small.nodes, config::kNodesBase + 1000 * config::kNodesPerByte);
  EXPECT_GT(small.total(), small.decoded_bytes + small.heap_bytes + small.nodes * 24);
  // One caller's share of running requests fits its share of the bytes.
  EXPECT_LE(small.total() * 12, limits.max_total_bytes / 4 * 3);
  // The largest artifact can be taken at all.
  EXPECT_LE(GrantFor(limits.max_artifact_bytes, limits).total(), limits.max_total_bytes);
}

TEST(GrantTest, TheFirstIsSmallerForLargeArtifactsOnly) {
  const config::LimitSettings limits;
  EXPECT_EQ(FirstGrantFor(1000, limits).total(), GrantFor(1000, limits).total());
  const uint64_t size = 50 << 20;
  const Grant first = FirstGrantFor(size, limits);
  EXPECT_EQ(first.decoded_bytes, config::kDecodedBase + 4 * size);
  EXPECT_EQ(first.heap_bytes, config::kHeapBase + 16 * size);
  EXPECT_EQ(first.nodes, GrantFor(size, limits).nodes);
  // Four at once, where the whole grants would be two.
  EXPECT_LE(first.total() * 4, limits.max_total_bytes / 10 * 9);
  EXPECT_GT(GrantFor(size, limits).total() * 3, limits.max_total_bytes);
  // Never more than the whole.
  for (uint64_t bytes = 1; bytes < uint64_t{1} << 40; bytes *= 2) {
    EXPECT_LE(FirstGrantFor(bytes, limits).total(), GrantFor(bytes, limits).total());
  }
}

TEST(GrantTest, SmallLimitsRule) {
  config::LimitSettings limits;
  limits.max_decoded_bytes = 5;
  limits.max_heap_bytes = 7;
  limits.max_nodes = 9;
  EXPECT_EQ(GrantFor(0, limits).decoded_bytes, 5U);
  EXPECT_EQ(GrantFor(1 << 30, limits).heap_bytes, 7U);
  EXPECT_EQ(GrantFor(0, limits).nodes, 9U);
}

}  // namespace
}  // namespace loadlock::admission
