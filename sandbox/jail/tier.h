// How much isolation a worker has.
#ifndef LOADLOCK_SANDBOX_JAIL_TIER_H_
#define LOADLOCK_SANDBOX_JAIL_TIER_H_

#include <cstdint>

#include "absl/time/time.h"

namespace loadlock::jail {

// Best first. Seccomp, rlimits, no_new_privs and no capabilities are in all of them.
enum class Tier : uint8_t {
  kA = 0,  // user, pid, net, mount, ipc, uts, cgroup namespaces, an empty root, and Landlock
  kB = 1,  // Landlock
  kC = 2,  // neither: kernels without Landlock
};

inline char TierLetter(Tier tier) { return static_cast<char>('A' + static_cast<int>(tier)); }

// Kernel limits of one worker process (setrlimit); none of them can be raised by it.
struct WorkerLimits {
  // Private writable memory (RLIMIT_DATA), bytes.
  uint64_t heap_bytes = uint64_t{2} << 30;
  // All mappings (RLIMIT_AS), bytes: the heap, the artifact and the decoded data.
  uint64_t address_space_bytes = uint64_t{64} << 30;
  // The size of the decoded memfd (RLIMIT_FSIZE), bytes.
  uint64_t file_bytes = uint64_t{8} << 30;
  // CPU time (RLIMIT_CPU), rounded up to whole seconds.
  absl::Duration cpu = absl::Seconds(60);
};

}  // namespace loadlock::jail

#endif  // LOADLOCK_SANDBOX_JAIL_TIER_H_
