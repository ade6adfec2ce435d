// Landlock without a single rule: no file, no TCP port, no abstract unix socket, no signal to
// others.
#ifndef LOADLOCK_SANDBOX_JAIL_LANDLOCK_H_
#define LOADLOCK_SANDBOX_JAIL_LANDLOCK_H_

#include "sandbox/jail/call_failure.h"

namespace loadlock::jail {

// Takes away every right that the running kernel's Landlock knows, from this process for good.
// Needs no_new_privs. What Landlock does not cover (stat, chdir, UDP, path-named unix sockets) the
// system call filter refuses.
CallResult RestrictWithLandlock();

}  // namespace loadlock::jail

#endif  // LOADLOCK_SANDBOX_JAIL_LANDLOCK_H_
