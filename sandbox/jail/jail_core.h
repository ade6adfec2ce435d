// The pool behind Jail: who is starting, who is ready, who waits. One thread reads what the
// launcher and the new workers say; callers only take from the pool and ask for more.
#ifndef LOADLOCK_SANDBOX_JAIL_JAIL_CORE_H_
#define LOADLOCK_SANDBOX_JAIL_JAIL_CORE_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "sandbox/channel/unique_fd.h"
#include "sandbox/jail/control.h"
#include "sandbox/jail/jail.h"
#include "sandbox/jail/launcher_process.h"

namespace loadlock::jail {

// One worker process, shared between its Worker and the pool.
struct WorkerState {
  // Set when the launcher announced it; constant afterwards.
  uint64_t id = 0;
  channel::UniqueFd channel;
  channel::UniqueFd pidfd;
  absl::Duration cpu_limit;

  absl::Mutex mutex;
  std::optional<RawExit> exit ABSL_GUARDED_BY(mutex);
  bool launcher_gone ABSL_GUARDED_BY(mutex) = false;
  std::optional<WorkerExit::Cause> killed ABSL_GUARDED_BY(mutex);
  std::optional<Violation> violation ABSL_GUARDED_BY(mutex);

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
    absl::CondVar changed;
    std::shared_ptr<WorkerState> worker;
    absl::Status failure;
    int failed_spawns = 0;
  };
  // Asked for, not ready yet. `state` is set once the launcher made it.
  struct Starting {
    absl::Time since;
    std::shared_ptr<WorkerState> state;
  };

  void ReadLoop();
  void ReadControl() ABSL_LOCKS_EXCLUDED(mutex_);
  void HandleMessage(const Message& message, channel::UniqueFd channel, channel::UniqueFd pidfd)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void HandleGreeting(uint64_t id) ABSL_LOCKS_EXCLUDED(mutex_);
  void HandleExit(const Message& message) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void HandleReady(std::shared_ptr<WorkerState> state) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void HandleFailedSpawn(uint64_t id, const std::string& why) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void LoseLauncher() ABSL_LOCKS_EXCLUDED(mutex_);
  void RestartLauncher() ABSL_LOCKS_EXCLUDED(mutex_);

  // Asks the launcher for what waiters and the pool lack.
  void Pump() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool Request(SpawnMode mode) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // What is due by the clock; returns how long the reader may sleep.
  int Tick() ABSL_LOCKS_EXCLUDED(mutex_);
  void ReapOrphans() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Watch(int fd, uint64_t key);

  const Options options_;
  channel::UniqueFd epoll_;
  channel::UniqueFd wake_;
  std::thread reader_;

  mutable absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  // Replaced by the reader only. Null while it is dead.
  std::unique_ptr<LauncherProcess> launcher_ ABSL_GUARDED_BY(mutex_);
  channel::UniqueFd serving_pidfd_ ABSL_GUARDED_BY(mutex_);
  Tier tier_ ABSL_GUARDED_BY(mutex_);
  std::string tier_reason_ ABSL_GUARDED_BY(mutex_);
  absl::Time launcher_started_ ABSL_GUARDED_BY(mutex_);
  uint64_t last_id_ ABSL_GUARDED_BY(mutex_) = 0;
  // Every worker that the launcher made and has not reported as ended.
  std::unordered_map<uint64_t, std::shared_ptr<WorkerState>> live_ ABSL_GUARDED_BY(mutex_);
  std::unordered_map<uint64_t, Starting> starting_ ABSL_GUARDED_BY(mutex_);
  std::deque<std::shared_ptr<WorkerState>> ready_ ABSL_GUARDED_BY(mutex_);
  std::deque<Waiter*> waiters_ ABSL_GUARDED_BY(mutex_);
  // Failures in a row; the pool is not refilled before `refill_after_`.
  int failures_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Time refill_after_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  // Processes of a dead launcher. They are ours to reap if this process is the container's init.
  std::vector<channel::UniqueFd> orphans_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace loadlock::jail

#endif  // LOADLOCK_SANDBOX_JAIL_JAIL_CORE_H_
