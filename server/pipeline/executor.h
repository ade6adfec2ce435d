// The threads that vet: gRPC's own threads must never wait for a worker.
#ifndef LOADLOCK_SERVER_PIPELINE_EXECUTOR_H_
#define LOADLOCK_SERVER_PIPELINE_EXECUTOR_H_

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace loadlock::pipeline {

// A fixed number of threads and a queue. The queue needs no bound of its own: only requests that
// hold an admission::Slot are submitted.
class Executor {
 public:
  explicit Executor(uint32_t threads);
  // Runs what is queued, then ends.
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  void Submit(std::function<void()> task);

 private:
  void Run();

  std::mutex mutex_;  // Guards queue and ending.
  std::condition_variable wanted_;
  std::deque<std::function<void()>> queue_;
  bool ending_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace loadlock::pipeline

#endif  // LOADLOCK_SERVER_PIPELINE_EXECUTOR_H_
