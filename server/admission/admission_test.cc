#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
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

constexpr Capacity kSmall = {
    .max_running_requests = 2, .max_queued_requests = 3, .max_total_bytes = 100};

TEST(GateTest, FullQueueRefusesAtOnceAndNamesTheLimit) {
  Gate gate(kSmall);
  std::vector<Slot> slots;
  for (int i = 0; i < 5; ++i) {
    absl::StatusOr<Slot> slot = gate.Enter();
    ASSERT_TRUE(slot.ok()) << i;
    slots.push_back(*std::move(slot));
  }
  EXPECT_EQ(gate.running(), 2U);
  const absl::Status full = gate.Enter().status();
  EXPECT_EQ(full.code(), StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(full.message()), HasSubstr("max_queued_requests (3)"));
  EXPECT_EQ(observe::ReasonOf(full), "LIMIT_REACHED");
  slots.pop_back();
  EXPECT_TRUE(gate.Enter().ok());
}

TEST(GateTest, MovedSlotsCountOnce) {
  Gate gate(kSmall);
  {
    Slot first = *gate.Enter();
    Slot second = std::move(first);
    first = std::move(second);
    EXPECT_EQ(gate.running(), 1U);
  }
  EXPECT_EQ(gate.running(), 0U);
}

TEST(GateTest, BytesAreBounded) {
  Gate gate(kSmall);
  Reservation first = *gate.Reserve(60);
  EXPECT_THAT(std::string(gate.Reserve(41).status().message()), HasSubstr("max_total_bytes (100)"));
  EXPECT_TRUE(gate.Reserve(40).ok());
  EXPECT_EQ(gate.Reserve(101).status().code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(gate.Reserve(std::numeric_limits<uint64_t>::max()).status().code(),
            StatusCode::kResourceExhausted);
  first.ShrinkTo(10);
  EXPECT_EQ(gate.reserved_bytes(), 10U);
  first.ShrinkTo(50);
  EXPECT_EQ(first.bytes(), 10U);
  Reservation moved = std::move(first);
  EXPECT_TRUE(gate.Reserve(90).ok());
  moved = Reservation();
  EXPECT_EQ(gate.reserved_bytes(), 0U);
}

TEST(GateTest, ReservationsGrowWithinTheBound) {
  Gate gate(kSmall);
  Reservation growing;
  ASSERT_TRUE(gate.Grow(&growing, 30).ok());
  ASSERT_TRUE(gate.Grow(&growing, 70).ok());
  EXPECT_EQ(growing.bytes(), 100U);
  EXPECT_EQ(gate.Grow(&growing, 1).code(), StatusCode::kResourceExhausted);
  growing = Reservation();
  EXPECT_EQ(gate.reserved_bytes(), 0U);
}

TEST(GateTest, DrainingIsUnavailable) {
  Gate gate(kSmall);
  Slot running = *gate.Enter();
  gate.Drain();
  EXPECT_TRUE(gate.draining());
  EXPECT_EQ(gate.Enter().status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(observe::ReasonOf(gate.Enter().status()), "DRAINING");
  EXPECT_FALSE(gate.AwaitIdle(absl::Milliseconds(5)));
  std::thread ends([slot = std::move(running)]() mutable {
    absl::SleepFor(absl::Milliseconds(20));
    slot = Slot();
  });
  EXPECT_TRUE(gate.AwaitIdle(absl::Seconds(10)));
  ends.join();
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
