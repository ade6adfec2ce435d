// The pool behind Jail: who was asked for, who is idle, who waits. One thread reads what the
// launcher says; callers take from the pool, read the greeting of what they took, and ask for more.
// The thread does not watch for greetings: that would wake it once more for every worker.
//
// std::mutex, because ThreadSanitizer does not see the locks of an Abseil that was built without
// it.
#ifndef LOADLOCK_SANDBOX_JAIL_JAIL_CORE_H_
#define LOADLOCK_SANDBOX_JAIL_JAIL_CORE_H_

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "sandbox/channel/unique_fd.h"
#include "sandbox/clock/steady_time.h"
#include "sandbox/jail/control.h"
#include "sandbox/jail/jail.h"
#include "sandbox/jail/launcher_process.h"

namespace loadlock::jail {

// What is left to wait, for std::condition_variable, which overflows on an infinite duration.
std::chrono::nanoseconds Patience(absl::Duration left);

// Whether nobody wants what is waited for any more; may be empty.
using Cancelled = std::function<bool()>;

class JailCore;

// One worker process, shared between its Worker and the pool.
struct WorkerState {
  // Set when the launcher announced it; constant afterwards.
  uint64_t id = 0;
  channel::UniqueFd channel;
  channel::UniqueFd pidfd;
  absl::Duration cpu_limit;
  clock::SteadyTime announced;
  // The pool that it comes from; gone if the Jail is.
  std::weak_ptr<JailCore> core;
  // Its greeting was read and is good. Touched by who holds it: the pool, then one caller.
  bool greeted = false;

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

class JailCore : public std::enable_shared_from_this<JailCore> {
 public:
  JailCore(const Options& options, std::unique_ptr<LauncherProcess> launcher);
  // Ends the thread, the launcher and every worker.
  ~JailCore();

  // Begins to fill the pool. Fails if the kernel gives no descriptors.
  absl::Status Run();

  absl::StatusOr<std::shared_ptr<WorkerState>> Acquire(clock::SteadyTime deadline,
                                                       const Cancelled& cancelled);

  // Takes over a worker that was told to end, and sees to it that it does.
  void Finish(const std::shared_ptr<WorkerState>& worker);

  Tier tier() const;
  std::string tier_reason() const;
  // Idle workers that have greeted.
  uint32_t ready_workers();
  JailCounts counts() const;
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
  // The reader's, without mutex_.
  void ReadLoop();
  void ReadControl();
  void LoseLauncher();
  void RestartLauncher();
  // What is due by the clock; returns how many milliseconds the reader may sleep.
  int Tick();
  void Watch(int fd, uint64_t key);

  // Takes an idle worker, or waits for a new one.
  absl::StatusOr<std::shared_ptr<WorkerState>> TakeIdle(clock::SteadyTime deadline,
                                                        const Cancelled& cancelled);
  // Waits for the greeting of a worker that was taken.
  absl::Status AwaitGreeting(WorkerState& worker, clock::SteadyTime deadline,
                             const Cancelled& cancelled);

  // With mutex_ held.
  void HandleMessage(const Message& message, channel::UniqueFd channel, channel::UniqueFd pidfd);
  void HandleExit(const Message& message);
  void Announce(uint64_t id, channel::UniqueFd channel, channel::UniqueFd pidfd);
  void HandleFailedSpawn(uint64_t id, const std::string& why);
  // Kills those that were told to end and have not.
  void CheckFinishing();
  // Reads the greetings that have come, and drops the workers that failed or are late.
  void CheckIdle();
  // Ends what a burst left over.
  void Trim();
  void NoteFailure();
  // Asks the launcher for what waiters and the pool lack.
  void Pump();
  bool Request(bool urgent);
  void ReapOrphans();

  // A lock-down takes 0.2 ms; this is for a machine that is badly overloaded.
  static constexpr absl::Duration kGreetingPatience = absl::Seconds(10);

  const Options options_;
  channel::UniqueFd epoll_;
  channel::UniqueFd wake_;
  std::thread reader_;

  // Guards everything below.
  mutable std::mutex mutex_;
  bool stopping_ = false;
  JailCounts counts_;
  // Replaced by the reader only. Null while it is dead.
  std::unique_ptr<LauncherProcess> launcher_;
  channel::UniqueFd serving_pidfd_;
  Tier tier_;
  std::string tier_reason_;
  clock::SteadyTime launcher_started_;
  uint64_t last_id_ = 0;
  // Asked for and not announced yet, with the time.
  std::unordered_map<uint64_t, clock::SteadyTime> starting_;
  // When the launcher said something. One that is slow but goes on is not given up.
  clock::SteadyTime heard_ = clock::SteadyTime::InfinitePast();
  // Every worker that the launcher made and has not reported as ended.
  std::unordered_map<uint64_t, std::shared_ptr<WorkerState>> live_;
  std::deque<std::shared_ptr<WorkerState>> idle_;
  std::deque<Waiter*> waiters_;
  // Workers that were told to end and have not yet, with the time by which they must. By id and not
  // in a row: one that stays must not keep the descriptors of those behind it.
  std::unordered_map<uint64_t, std::pair<clock::SteadyTime, std::shared_ptr<WorkerState>>>
      finishing_;
  // Failures in a row; the pool is not refilled before `refill_after_`.
  int failures_ = 0;
  clock::SteadyTime refill_after_ = clock::SteadyTime::InfinitePast();
  // Processes of a dead launcher. They are ours to reap if this process is the container's init.
  std::vector<channel::UniqueFd> orphans_;
};

}  // namespace loadlock::jail

#endif  // LOADLOCK_SANDBOX_JAIL_JAIL_CORE_H_
