#include "server/pipeline/executor.h"

#include <tuple>
#include <utility>

namespace loadlock::pipeline {

using admission::Principal;
using admission::SharedBudget;

Executor::Executor(uint32_t threads, uint32_t caller_percent) : running_(threads, caller_percent) {
  threads_.reserve(threads);
  for (uint32_t i = 0; i < threads; ++i) threads_.emplace_back([this] { Run(); });
}

Executor::~Executor() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wanted_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Executor::Submit(const Principal& caller, Task task) {
  {
    const std::lock_guard lock(mutex_);
    const auto [line, is_new] = lines_.try_emplace(caller);
    if (is_new) {
      // Behind the round that runs: whoever comes back, even from within its own task, neither
      // catches up on the turns that it did not want nor passes those who wait.
      line->second.turn = turn_ + 1;
      line->second.arrival = ++arrivals_;
    }
    line->second.tasks.push_back(std::move(task));
  }
  wanted_.notify_one();
}

Executor::Lines::iterator Executor::Next() {
  const auto rank = [this](Lines::iterator line) {
    return std::make_tuple(running_.HeldBy(line->first), line->second.turn, line->second.arrival);
  };
  auto next = lines_.end();
  for (auto line = lines_.begin(); line != lines_.end(); ++line) {
    if (running_.Check(line->first, 1) != SharedBudget::Answer::kGranted) continue;
    if (next == lines_.end() || rank(line) < rank(next)) next = line;
  }
  return next;
}

void Executor::Run() {
  std::unique_lock lock(mutex_);
  while (true) {
    auto next = lines_.end();
    wanted_.wait(lock, [this, &next] {
      next = Next();
      return next != lines_.end() || (ending_ && lines_.empty());
    });
    if (next == lines_.end()) return;
    const Principal caller = next->first;
    Task task = std::move(next->second.tasks.front());
    next->second.tasks.pop_front();
    turn_ = next->second.turn++;
    if (next->second.tasks.empty()) lines_.erase(next);
    running_.Take(caller, 1);
    // What ended may have made room for more than this one.
    if (Next() != lines_.end()) wanted_.notify_one();
    lock.unlock();
    task();
    task = nullptr;  // What it holds is freed outside of the lock.
    lock.lock();
    running_.GiveBack(caller, 1);
    if (ending_) wanted_.notify_all();
  }
}

}  // namespace loadlock::pipeline
