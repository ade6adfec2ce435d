// The threads that vet: gRPC's own threads must never wait for a worker.
#ifndef LOADLOCK_SERVER_PIPELINE_EXECUTOR_H_
#define LOADLOCK_SERVER_PIPELINE_EXECUTOR_H_

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "server/admission/shared_budget.h"

namespace loadlock::pipeline {

// A fixed number of threads and a queue for each caller. The queues need no bound of their own:
// only requests that hold an admission::Slot are submitted.
//
// A free thread takes a task of the caller with the fewest that run, so slow tasks of one do not
// hold up the other's; among equals they take turns (start-time fair queueing: Goyal, Vin and
// Cheng, 1996).
class Executor {
 public:
  // One caller's tasks run on at most `caller_percent` of the threads that others leave.
  Executor(uint32_t threads, uint32_t caller_percent);
  // Runs what is queued, then ends.
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  void Submit(const admission::Principal& caller, std::function<void()> task);

 private:
  using Task = std::function<void()>;
  struct Line {
    std::deque<Task> tasks;
    // When its next task is due, in turns.
    uint64_t turn = 0;
    // Among those of one turn the line that is older is first.
    uint64_t arrival = 0;
  };
  using Lines = absl::flat_hash_map<admission::Principal, Line>;

  void Run();
  // Whose task runs next; end() if nobody's may.
  Lines::iterator Next();

  std::mutex mutex_;  // Guards what follows, but for threads_.
  std::condition_variable wanted_;
  Lines lines_;  // Only those with tasks.
  admission::SharedBudget running_;
  uint64_t turn_ = 0;  // Of the last task that was started.
  uint64_t arrivals_ = 0;
  bool ending_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace loadlock::pipeline

#endif  // LOADLOCK_SERVER_PIPELINE_EXECUTOR_H_
