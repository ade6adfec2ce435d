// The daemon's side of the jail: a launcher process, a pool of locked-down one-shot workers, and
// why each of them ended.
//
// The launcher is a process of its own, started by exec before the daemon has threads; it makes the
// workers (launcher.h). The daemon never forks itself.
#ifndef LOADLOCK_SANDBOX_JAIL_JAIL_H_
#define LOADLOCK_SANDBOX_JAIL_JAIL_H_

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "sandbox/clock/steady_time.h"
#include "sandbox/jail/tier.h"
#include "sandbox/jail/worker_exit.h"

namespace loadlock::jail {

struct Options {
  // The loadlock-worker executable.
  std::string worker_path;
  // The tier to try first, and the worst tier that is acceptable.
  Tier best = Tier::kA;
  Tier minimum = Tier::kC;
  WorkerLimits limits;
  // Idle workers kept ready. 0: every worker is made when it is asked for.
  int warm_workers = 2;
};

// Since the start, for who watches.
struct JailCounts {
  // Workers that were idle when they were asked for, and those that had to be waited for.
  uint64_t warm = 0;
  uint64_t on_demand = 0;
  // Workers that could not be made.
  uint64_t failed = 0;
  // Launchers that were made because the one before died.
  uint64_t launchers = 0;
};

class JailCore;      // shared between the Jail and its Workers
struct WorkerState;  // one worker process

// One locked-down process that waits for its job. Movable; the destructor kills it, unless it was
// told to finish.
class Worker {
 public:
  Worker(Worker&&) noexcept = default;
  Worker& operator=(Worker&& other) noexcept;
  ~Worker();

  // The daemon's end of the channel (sandbox/channel/daemon_end.h). Owned by the Worker.
  int channel() const;
  int pidfd() const;

  // Tells a worker whose whole answer was read that it may end; it waits for that.
  void Dismiss();
  // The same, and its end is not waited for: one that does not end within a second is killed. The
  // Worker must not be used afterwards.
  void Finish();
  // Sends SIGKILL; `why` is what AwaitExit reports unless the worker ended by itself before.
  void Kill(WorkerExit::Cause why);
  // Remembers the forbidden call that ReadWorkerOutput found, for AwaitExit to name.
  void NoteViolation(uint32_t syscall_nr, uint32_t arch);
  // Waits for the end of the process; kills it (cause kDeadline) when `grace` has passed.
  WorkerExit AwaitExit(absl::Duration grace);

 private:
  friend class Jail;
  explicit Worker(std::shared_ptr<WorkerState> state);

  std::shared_ptr<WorkerState> state_;
};

// Thread safe. One a daemon. Workers may outlive it: they are killed with it.
class Jail {
 public:
  // Starts the launcher and waits until it has probed its tier with a real worker. The launcher
  // dies with the thread that calls this, however that ends. Call before
  // threads exist and before descriptors that must not leak are opened without CLOEXEC.
  // FAILED_PRECONDITION if no tier down to `minimum` works, saying what is missing;
  // NOT_FOUND or INTERNAL if the executable cannot be run.
  static absl::StatusOr<std::unique_ptr<Jail>> Start(const Options& options);
  ~Jail();
  Jail(const Jail&) = delete;
  Jail& operator=(const Jail&) = delete;

  Tier tier() const;
  // Why no better tier is active: the calls that failed. Empty at tier A.
  std::string tier_reason() const;

  // A worker that has announced its lock-down: a warm one if there is one, else one that is forked
  // now. DEADLINE_EXCEEDED, or UNAVAILABLE if the launcher is gone or cannot make processes.
  // CANCELLED if `cancelled` said so; it may be empty, is asked every 20 ms while there is none,
  // and must not block.
  absl::StatusOr<Worker> Acquire(clock::SteadyTime deadline,
                                 const std::function<bool()>& cancelled = {});

  // Idle workers that wait for a job.
  uint32_t ready_workers() const;
  JailCounts counts() const;
  // False while a dead launcher has not been replaced (tried once a second at most).
  bool alive() const;
  // The launcher's process, for logs.
  pid_t launcher_pid() const;

 private:
  explicit Jail(std::shared_ptr<JailCore> core);

  std::shared_ptr<JailCore> core_;
};

}  // namespace loadlock::jail

#endif  // LOADLOCK_SANDBOX_JAIL_JAIL_H_
