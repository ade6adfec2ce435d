#include "server/pipeline/executor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <functional>
#include <latch>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace loadlock::pipeline {
namespace {

const admission::Principal kAlice = 1000;
const admission::Principal kBob = 1001;

TEST(ExecutorTest, RunsAsManyAtOnceAsItHasThreads) {
  Executor executor(3, 100);
  const auto barrier = std::make_shared<std::barrier<>>(4);
  for (int i = 0; i < 3; ++i) {
    executor.Submit(kAlice, [barrier] { barrier->arrive_and_wait(); });
  }
  // Returns only when all three tasks wait at once.
  barrier->arrive_and_wait();
}

TEST(ExecutorTest, EndRunsWhatIsQueued) {
  std::atomic<int> count{0};
  {
    Executor executor(2, 100);
    for (int i = 0; i < 100; ++i) executor.Submit(kAlice, [&count] { count.fetch_add(1); });
  }
  EXPECT_EQ(count.load(), 100);
}

TEST(ExecutorTest, KeepsTheOrder) {
  std::vector<int> order;
  {
    Executor executor(1, 100);
    for (int i = 0; i < 10; ++i) executor.Submit(kAlice, [&order, i] { order.push_back(i); });
  }
  for (size_t i = 0; i < order.size(); ++i) EXPECT_EQ(order[i], static_cast<int>(i));
  EXPECT_EQ(order.size(), 10U);
}

// Holds its one thread until it is let go.
class Block {
 public:
  explicit Block(Executor* executor) {
    executor->Submit(std::nullopt, [latches = latches_] {
      latches->started.count_down();
      latches->go.wait();
    });
    latches_->started.wait();
  }
  void LetGo() { latches_->go.count_down(); }

 private:
  struct Latches {
    std::latch started{1};
    std::latch go{1};
  };
  // The task's too: it may still leave the wait when this ends.
  std::shared_ptr<Latches> latches_ = std::make_shared<Latches>();
};

TEST(ExecutorTest, CallersTakeTurns) {
  std::string order;
  {
    Executor executor(1, 100);
    Block block(&executor);
    for (int i = 0; i < 6; ++i) executor.Submit(kAlice, [&order] { order += 'a'; });
    for (int i = 0; i < 3; ++i) executor.Submit(kBob, [&order] { order += 'b'; });
    executor.Submit(std::nullopt, [&order] { order += '-'; });
    block.LetGo();
  }
  ASSERT_EQ(order.size(), 10U);
  EXPECT_EQ(std::count(order.begin(), order.begin() + 3, 'a'), 1) << order;
  EXPECT_EQ(std::count(order.begin(), order.begin() + 7, 'b'), 3) << order;
}

// Whoever leaves and comes back gets a turn, not those that it left out.
TEST(ExecutorTest, ComingBackIsNoAdvantage) {
  std::string order;
  std::function<void(int)> again;
  {
    Executor executor(1, 100);
    Block block(&executor);
    for (int i = 0; i < 6; ++i) executor.Submit(kAlice, [&order] { order += 'a'; });
    again = [&](int left) {
      order += 'b';
      if (left > 0) executor.Submit(kBob, [&again, left] { again(left - 1); });
    };
    executor.Submit(kBob, [&again] { again(5); });
    block.LetGo();
  }
  EXPECT_EQ(order.find("aaa"), std::string::npos) << order;
  EXPECT_EQ(order.find("bbb"), std::string::npos) << order;
}

TEST(ExecutorTest, OneCallerLeavesThreadsForOthers) {
  std::latch alices_run(3);
  std::latch go(1);
  std::latch bob_ran(1);
  std::atomic<int> alice{0};
  {
    Executor executor(4, 75);
    for (int i = 0; i < 20; ++i) {
      executor.Submit(kAlice, [&] {
        if (alice.fetch_add(1) < 3) alices_run.count_down();
        go.wait();
      });
    }
    alices_run.wait();
    executor.Submit(kBob, [&] { bob_ran.count_down(); });
    bob_ran.wait();  // While each of Alice's waits.
    EXPECT_EQ(alice.load(), 3);
    go.count_down();
  }
  EXPECT_EQ(alice.load(), 20) << "what was kept for others is no obstacle at the end";
}

// Slow tasks of one caller hold up no more than the one that runs.
TEST(ExecutorTest, TheCallerWithTheFewestRunningIsNext) {
  std::latch go(1);
  std::string order;
  std::mutex mutex;
  const auto note = [&](char who) {
    const std::lock_guard lock(mutex);
    order += who;
  };
  {
    Executor executor(2, 100);
    Block block(&executor);
    executor.Submit(kAlice, [&] { go.wait(); });
    for (int i = 0; i < 4; ++i) executor.Submit(kAlice, [&] { note('a'); });
    for (int i = 0; i < 4; ++i) executor.Submit(kBob, [&] { note('b'); });
    block.LetGo();
    // One thread is left, and one of Alice's runs all the time.
    while (true) {
      const std::lock_guard lock(mutex);
      if (order.size() == 8) break;
    }
    go.count_down();
  }
  EXPECT_EQ(order, "bbbbaaaa");
}

}  // namespace
}  // namespace loadlock::pipeline
