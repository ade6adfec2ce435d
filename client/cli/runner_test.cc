#include "client/cli/runner.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace loadlock::cli {
namespace {

Outcome Result(size_t index) { return Outcome{std::to_string(index), absl::UnavailableError("")}; }

TEST(RunInOrder, ReportsInOrderWhateverFinishesFirst) {
  std::vector<std::string> reported;
  RunInOrder(
      200, 4,
      [](size_t i) {
        std::this_thread::sleep_for(std::chrono::microseconds((i * 7919) % 300));
        return Result(i);
      },
      [&](size_t i, const Outcome& outcome) {
        EXPECT_EQ(outcome.name, std::to_string(i));
        reported.push_back(outcome.name);
      });
  ASSERT_EQ(reported.size(), 200u);
  for (size_t i = 0; i < 200; ++i) EXPECT_EQ(reported[i], std::to_string(i));
}

TEST(RunInOrder, WorksOnSeveralAtATimeButNoMore) {
  std::atomic<int> now = 0;
  std::atomic<int> most = 0;
  RunInOrder(
      40, 4,
      [&](size_t i) {
        const int running = ++now;
        int seen = most;
        while (running > seen && !most.compare_exchange_weak(seen, running)) {
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
        --now;
        return Result(i);
      },
      [](size_t, const Outcome&) {});
  EXPECT_GT(most, 1);
  EXPECT_LE(most, 4);
}

TEST(RunInOrder, ASlowFirstFileDoesNotLetResultsPileUp) {
  std::atomic<size_t> started = 0;
  std::atomic<bool> release = false;
  std::thread releaser([&] {
    size_t before = 0;
    do {  // Until nothing new is started.
      before = started;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    } while (started != before || before < 2);
    EXPECT_LE(started, 64u);
    release = true;
  });
  RunInOrder(
      1000, 4,
      [&](size_t i) {
        ++started;
        while (i == 0 && !release) std::this_thread::sleep_for(std::chrono::milliseconds(1));
        return Result(i);
      },
      [](size_t, const Outcome&) {});
  releaser.join();
  EXPECT_EQ(started, 1000u);
}

TEST(RunInOrder, OneItemStaysOnTheCallersThread) {
  const auto caller = std::this_thread::get_id();
  RunInOrder(
      1, 4,
      [&](size_t i) {
        EXPECT_EQ(std::this_thread::get_id(), caller);
        return Result(i);
      },
      [](size_t, const Outcome&) {});
  RunInOrder(0, 4, Result, [](size_t, const Outcome&) { FAIL(); });
}

}  // namespace
}  // namespace loadlock::cli
