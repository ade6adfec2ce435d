// The namespaces of tier A and their empty root.
#ifndef LOADLOCK_SANDBOX_JAIL_NAMESPACES_H_
#define LOADLOCK_SANDBOX_JAIL_NAMESPACES_H_

#include <sys/types.h>

#include <cstdint>

#include "sandbox/jail/call_failure.h"

namespace loadlock::jail {

// The call that makes namespaces. Most container profiles that allow one of them allow clone; where
// it is refused, unshare does the same with one more process.
enum class NamespaceCall : uint8_t { kClone, kUnshare };

// Like fork, into new user, mount, net, ipc, uts, cgroup and pid namespaces. `pid` is 0 in the
// child, which may only wait for the parent's MapIds until then.
CallResult ForkIntoNamespaces(NamespaceCall call, pid_t* pid);

// Like fork, into new namespaces of `flags` (CLONE_NEW*), by unshare: that puts only children into
// a new pid namespace, and only once, so a process in between makes them, and is gone when this
// returns. The child is our own, as after fork. `pid` is 0 in the child.
CallResult ForkByUnshare(unsigned long flags, pid_t* pid);

// True if this process may map, or change to, another user, and still signal it afterwards.
bool CanBecomeNobody();

// From outside: maps root of the child's user namespace to nobody if `to_nobody`, else to our own
// user.
CallResult MapIds(pid_t child, bool to_nobody);

// From inside, after MapIds: takes the mapped ids, and drops the groups of the old user if they
// can be dropped (`mapped_to_nobody`).
CallResult TakeMappedIds(bool mapped_to_nobody);

// Makes the root an empty, read-only tmpfs and detaches everything else. Needs /proc to exist as a
// folder (to mount over), and nothing of the old root afterwards.
CallResult EnterEmptyRoot();

}  // namespace loadlock::jail

#endif  // LOADLOCK_SANDBOX_JAIL_NAMESPACES_H_
