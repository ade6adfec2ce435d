// Why a worker ended. Only a description for a report: a hostile worker chooses how it dies.
#ifndef LOADLOCK_SANDBOX_JAIL_WORKER_EXIT_H_
#define LOADLOCK_SANDBOX_JAIL_WORKER_EXIT_H_

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "absl/time/time.h"

namespace loadlock::jail {

struct WorkerExit {
  enum class Cause {
    kExited,        // by itself; code_or_signal is its exit code, 0 is success
    kSignalled,     // by a signal that is none of the below; code_or_signal is its number
    kSyscall,       // a forbidden system call; syscall is its name
    kCpuLimit,      // RLIMIT_CPU
    kMemoryLimit,   // it could not allocate
    kFileLimit,     // more decoded data than RLIMIT_FSIZE
    kDeadline,      // the daemon killed it: out of wall-clock time
    kKilled,        // the daemon killed it for another reason
    kLauncherGone,  // the launcher died, and the worker with it
  };
  Cause cause = Cause::kLauncherGone;
  int code_or_signal = 0;
  std::string syscall;
  uint64_t max_rss_bytes = 0;
  // User and system time.
  absl::Duration cpu;

  // One sentence without a full stop, e.g. "forbidden system call socket".
  std::string Describe() const;
};

// What the kernel said of an ended process.
struct RawExit {
  bool exited = false;  // else by a signal
  int code_or_signal = 0;
  uint64_t max_rss_bytes = 0;
  absl::Duration cpu;
};

// A forbidden call as the worker reported it.
struct Violation {
  uint32_t syscall_nr = 0;
  uint32_t arch = 0;
};

// Turns the facts into a cause. `killed` is why the daemon killed the worker, if it did.
WorkerExit Classify(const RawExit& raw, std::optional<WorkerExit::Cause> killed,
                    std::optional<Violation> violation, absl::Duration cpu_limit);

// The name of a system call for an AUDIT_ARCH_* token, or "number N" if it has none.
std::string SyscallName(uint32_t syscall_nr, uint32_t arch);

}  // namespace loadlock::jail

#endif  // LOADLOCK_SANDBOX_JAIL_WORKER_EXIT_H_
