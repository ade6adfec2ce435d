// The namespaces of tier A and their empty root.
#ifndef LOADLOCK_SANDBOX_JAIL_NAMESPACES_H_
#define LOADLOCK_SANDBOX_JAIL_NAMESPACES_H_

#include <sys/types.h>

#include "sandbox/jail/call_failure.h"

namespace loadlock::jail {

// Like fork, into new user, mount, net, ipc, uts, cgroup and pid namespaces, by clone: container
// profiles that allow unshare allow clone too, and some only clone. 0 in the child, -1 on failure.
// The child may only wait for the parent's MapIds until then.
pid_t ForkIntoNamespaces();

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
