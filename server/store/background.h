// One thread for what nobody waits for: bringing files to the disk.
#ifndef LOADLOCK_SERVER_STORE_BACKGROUND_H_
#define LOADLOCK_SERVER_STORE_BACKGROUND_H_

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace loadlock::store {

// Thread safe.
class Background {
 public:
  Background() : thread_([this] { Run(); }) {}
  // Does what is left, then ends.
  ~Background() {
    {
      const std::lock_guard lock(mutex_);
      ending_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  void Do(std::function<void()> task) {
    {
      const std::lock_guard lock(mutex_);
      tasks_.push_back(std::move(task));
    }
    changed_.notify_all();
  }
  // Tasks that are not done.
  size_t waiting() const {
    const std::lock_guard lock(mutex_);
    return tasks_.size() + (running_ ? 1 : 0);
  }
  // Until nothing waits.
  void AwaitIdle() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return tasks_.empty() && !running_; });
  }

 private:
  void Run() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] { return ending_ || !tasks_.empty(); });
      if (tasks_.empty()) return;
      std::function<void()> task = std::move(tasks_.front());
      tasks_.pop_front();
      running_ = true;
      lock.unlock();
      task();
      task = nullptr;
      lock.lock();
      running_ = false;
      changed_.notify_all();
    }
  }

  mutable std::mutex mutex_;  // Guards what follows, but for the thread.
  std::condition_variable changed_;
  std::deque<std::function<void()>> tasks_;
  bool running_ = false;
  bool ending_ = false;
  std::thread thread_;  // Last: starts when everything else is there.
};

}  // namespace loadlock::store

#endif  // LOADLOCK_SERVER_STORE_BACKGROUND_H_
