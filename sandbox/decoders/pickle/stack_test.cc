#include "sandbox/decoders/pickle/stack.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace loadlock::pickle {
namespace {

using ::testing::ElementsAre;

class StackTest : public ::testing::Test {
 protected:
  static bytes::BudgetLimits SmallHeap() { return {.max_heap_bytes = 4096}; }

  bytes::Budget budget_{SmallHeap()};
  Stack stack_{&budget_};
  graph::NodeId got_ = 0;
  size_t start_ = 0;
};

TEST_F(StackTest, NothingIsTakenFromBelowTheTopmostMark) {
  stack_.Push(1);
  stack_.PushMark();
  EXPECT_FALSE(stack_.Pop(&got_));
  EXPECT_FALSE(stack_.Top(&got_));
  EXPECT_FALSE(stack_.Holds(1));
  EXPECT_TRUE(stack_.mark_on_top());
  stack_.Push(2);
  EXPECT_FALSE(stack_.mark_on_top());
  EXPECT_TRUE(stack_.Holds(1));
  EXPECT_FALSE(stack_.Holds(2));
  ASSERT_TRUE(stack_.PopMark(&start_));
  EXPECT_EQ(start_, 1U);
  EXPECT_THAT(stack_.Above(start_), ElementsAre(2));
  EXPECT_TRUE(stack_.Holds(2));
  EXPECT_FALSE(stack_.PopMark(&start_));
}

TEST_F(StackTest, ANestedPickleSeesNothingOfTheOuterOne) {
  stack_.PushMark();
  stack_.Push(1);
  const Stack::Base inner = stack_.Here();
  stack_.SetBase(inner);
  EXPECT_TRUE(stack_.AtBase());
  EXPECT_FALSE(stack_.has_mark());
  EXPECT_FALSE(stack_.Pop(&got_));
  EXPECT_FALSE(stack_.PopMark(&start_));
  stack_.Push(2);
  EXPECT_FALSE(stack_.AtBase());
  ASSERT_TRUE(stack_.Pop(&got_));
  EXPECT_EQ(got_, 2U);
  stack_.PushMark();
  EXPECT_FALSE(stack_.AtBase());
  ASSERT_TRUE(stack_.PopMark(&start_));
  stack_.SetBase({});
  EXPECT_TRUE(stack_.has_mark());
  EXPECT_TRUE(stack_.Holds(1));
}

TEST_F(StackTest, RoomIsCharged) {
  for (graph::NodeId node = 0; node < 2000; ++node) stack_.Push(node);
  EXPECT_EQ(budget_.exhausted(), bytes::Budget::Limit::kHeap);
  bytes::Budget marks(SmallHeap());
  Stack other(&marks);
  for (int i = 0; i < 2000; ++i) other.PushMark();
  EXPECT_EQ(marks.exhausted(), bytes::Budget::Limit::kHeap);
  EXPECT_LE(other.Here().marks, 4096 / (2 * sizeof(size_t)));
}

}  // namespace
}  // namespace loadlock::pickle
