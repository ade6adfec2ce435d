// How a fresh process becomes a worker: it gives up everything, before any byte of an artifact is
// near.
#ifndef LOADLOCK_SANDBOX_JAIL_LOCKDOWN_H_
#define LOADLOCK_SANDBOX_JAIL_LOCKDOWN_H_

#include <linux/filter.h>
#include <sys/types.h>

#include <array>
#include <cstdint>

#include "sandbox/jail/call_failure.h"
#include "sandbox/jail/control.h"
#include "sandbox/jail/layers.h"
#include "sandbox/jail/tier.h"

namespace loadlock::jail {

// The filter has some 60 instructions; the kernel's own limit is 4096.
inline constexpr size_t kMaxFilter = 512;

// What the launcher tells each worker; a plain struct, so that it can be handed through exec in a
// sealed memfd.
struct WorkerSetup {
  uint32_t version = kControlVersion;
  Tier tier = Tier::kC;
  // The worker changes to nobody itself (tiers B and C under a privileged daemon).
  bool become_nobody = false;
  // At tier A the id mapping has done it.
  bool is_nobody = false;
  // The launcher has emptied the capability bounding set already, which is inherited. It cannot
  // where a worker that was made by exec still has to change its user.
  bool bounding_set_is_empty = false;
  // The launcher, seen from the worker; 0 at tier A, where the parent is in another pid namespace.
  pid_t launcher = 0;
  RawLimits limits;
  uint32_t filter_size = 0;
  std::array<sock_filter, kMaxFilter> filter = {};
};

// The user and group that stand for nobody.
inline constexpr unsigned kNobody = 65534;

// Empties the capability bounding set, as far as this process may.
CallResult EmptyBoundingSet();

// Locks this process down for good, and reports the layers. The only descriptors left are 0-2 and
// the channel. After a failure the process must end.
CallResult LockDown(const WorkerSetup& setup, uint8_t* layers);

}  // namespace loadlock::jail

#endif  // LOADLOCK_SANDBOX_JAIL_LOCKDOWN_H_
