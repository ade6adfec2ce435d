#include "server/pipeline/executor.h"

#include <gtest/gtest.h>

#include <atomic>
#include <barrier>
#include <memory>
#include <vector>

namespace loadlock::pipeline {
namespace {

TEST(ExecutorTest, RunsAsManyAtOnceAsItHasThreads) {
  Executor executor(3);
  const auto barrier = std::make_shared<std::barrier<>>(4);
  for (int i = 0; i < 3; ++i) {
    executor.Submit([barrier] { barrier->arrive_and_wait(); });
  }
  // Returns only when all three tasks wait at once.
  barrier->arrive_and_wait();
}

TEST(ExecutorTest, EndRunsWhatIsQueued) {
  std::atomic<int> count{0};
  {
    Executor executor(2);
    for (int i = 0; i < 100; ++i) executor.Submit([&count] { count.fetch_add(1); });
  }
  EXPECT_EQ(count.load(), 100);
}

TEST(ExecutorTest, KeepsTheOrder) {
  std::vector<int> order;
  {
    Executor executor(1);
    for (int i = 0; i < 10; ++i) executor.Submit([&order, i] { order.push_back(i); });
  }
  for (size_t i = 0; i < order.size(); ++i) EXPECT_EQ(order[i], static_cast<int>(i));
  EXPECT_EQ(order.size(), 10U);
}

}  // namespace
}  // namespace loadlock::pipeline
