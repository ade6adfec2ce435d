#include "client/cli/runner.h"

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace loadlock::cli {
namespace {

// Results that wait for an earlier one. Enough that one slow file does not hold up the others.
constexpr size_t kMaxAhead = 64;

class Queue {
 public:
  explicit Queue(size_t count) : count_(count) {}

  // The next index to work on; blocks while too many results wait; nothing at the end.
  std::optional<size_t> Take() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return next_ >= count_ || next_ < reported_ + kMaxAhead; });
    if (next_ >= count_) return std::nullopt;
    return next_++;
  }

  void Put(size_t index, Outcome outcome) {
    const std::lock_guard lock(mutex_);
    done_.emplace(index, std::move(outcome));
    changed_.notify_all();
  }

  // Blocks until the result of `index` is there.
  Outcome Await(size_t index) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this, index] { return done_.count(index) > 0; });
    Outcome outcome = std::move(done_.extract(index).mapped());
    reported_ = index + 1;
    changed_.notify_all();
    return outcome;
  }

 private:
  const size_t count_;
  std::mutex mutex_;
  std::condition_variable changed_;
  size_t next_ = 0;
  size_t reported_ = 0;
  std::map<size_t, Outcome> done_;
};

}  // namespace

void RunInOrder(size_t count, size_t in_flight, const std::function<Outcome(size_t)>& work,
                const std::function<void(size_t, const Outcome&)>& report) {
  if (count <= 1 || in_flight <= 1) {
    for (size_t i = 0; i < count; ++i) report(i, work(i));
    return;
  }
  Queue queue(count);
  std::vector<std::jthread> threads;
  for (size_t i = 0; i < std::min(in_flight, count); ++i) {
    threads.emplace_back([&queue, &work] {
      while (const std::optional<size_t> index = queue.Take()) queue.Put(*index, work(*index));
    });
  }
  for (size_t i = 0; i < count; ++i) report(i, queue.Await(i));
}

}  // namespace loadlock::cli
