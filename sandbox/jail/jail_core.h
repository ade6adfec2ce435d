// The pool behind Jail: who is starting, who is ready, who waits. One thread reads what the
// launcher and the new workers say; callers only take from the pool and ask for more.
//
// std::mutex, because ThreadSanitizer does not see the locks of an Abseil that was built without
// it.
#ifndef LOADLOCK_SANDBOX_JAIL_JAIL_CORE_H_
#define LOADLOCK_SANDBOX_JAIL_JAIL_CORE_H_

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "sandbox/channel/unique_fd.h"
#include "sandbox/jail/control.h"
#include "sandbox/jail/jail.h"
#include "sandbox/jail/launcher_process.h"

namespace loadlock::jail {

// What is left to wait, for std::condition_variable, which overflows on an infinite duration.
std::chrono::nanoseconds Patience(absl::Duration left);

// One worker process, shared between its Worker and the pool.
struct WorkerState {
  // Set when the launcher announced it; constant afterwards.
  uint64_t id = 0;
  channel::UniqueFd channel;
  channel::UniqueFd pidfd;
  absl::Duration cpu_limit;

  // Guards what follows.
  std::mutex mutex;
  std::condition_variable ended;
  std::optional<RawExit> exit;
  bool launcher_gone = false;
  std::optional<WorkerExit::Cause> killed;
  std::optional<Violation> violation;

  // Notes the end and wakes who waits for it.
  void Ended(std::optional<RawExit> raw);
};

class JailCore {
 public:
  JailCore(const Options& options, std::unique_ptr<LauncherProcess> launcher);
  // Ends the thread, the launcher and every worker.
  ~JailCore();

  // Begins to fill the pool. Fails if the kernel gives no descriptors.
  absl::Status Run();

  absl::StatusOr<std::shared_ptr<WorkerState>> Acquire(absl::Time deadline);

  Tier tier() const;
  std::string tier_reason() const;
  uint32_t ready_workers() const;
  bool alive() const;
  pid_t launcher_pid() const;

 private:
  // A call of Acquire that found no ready worker.
  struct Waiter {
    std::condition_variable changed;
    std::shared_ptr<WorkerState> worker;
    absl::Status failure;
    int failed_spawns = 0;
  };
  // Asked for, not ready yet. `state` is set once the launcher made it.
  struct Starting {
    absl::Time since;
    std::shared_ptr<WorkerState> state;
  };

  // The reader's, without mutex_.
  void ReadLoop();
  void ReadControl();
  void HandleGreeting(uint64_t id);
  void LoseLauncher();
  void RestartLauncher();
  // What is due by the clock; returns how many milliseconds the reader may sleep.
  int Tick();
  void Watch(int fd, uint64_t key);

  // With mutex_ held.
  void HandleMessage(const Message& message, channel::UniqueFd channel, channel::UniqueFd pidfd);
  void HandleExit(const Message& message);
  void HandleReady(std::shared_ptr<WorkerState> state);
  void HandleFailedSpawn(uint64_t id, const std::string& why);
  // A worker is asked for: is it one of a burst?
  void NoteTaken();
  // Asks the launcher for what waiters and the pool lack.
  void Pump();
  bool Request(SpawnMode mode);
  void ReapOrphans();

  const Options options_;
  channel::UniqueFd epoll_;
  channel::UniqueFd wake_;
  std::thread reader_;

  // Guards everything below.
  mutable std::mutex mutex_;
  bool stopping_ = false;
  // Replaced by the reader only. Null while it is dead.
  std::unique_ptr<LauncherProcess> launcher_;
  channel::UniqueFd serving_pidfd_;
  Tier tier_;
  std::string tier_reason_;
  absl::Time launcher_started_;
  uint64_t last_id_ = 0;
  // Every worker that the launcher made and has not reported as ended.
  std::unordered_map<uint64_t, std::shared_ptr<WorkerState>> live_;
  std::unordered_map<uint64_t, Starting> starting_;
  std::deque<std::shared_ptr<WorkerState>> ready_;
  std::deque<Waiter*> waiters_;
  std::chrono::steady_clock::time_point last_taken_;
  bool busy_ = false;
  // Failures in a row; the pool is not refilled before `refill_after_`.
  int failures_ = 0;
  absl::Time refill_after_ = absl::InfinitePast();
  // Processes of a dead launcher. They are ours to reap if this process is the container's init.
  std::vector<channel::UniqueFd> orphans_;
};

}  // namespace loadlock::jail

#endif  // LOADLOCK_SANDBOX_JAIL_JAIL_CORE_H_
