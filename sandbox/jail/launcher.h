// The launcher: the one process that makes workers.
//
// It is started by exec, has one thread and holds no data of any artifact. At tier A it becomes two
// processes: the outer one only waits, the inner one is process 1 of the namespaces, so that its
// death, by whatever cause, takes every worker with it.
#ifndef LOADLOCK_SANDBOX_JAIL_LAUNCHER_H_
#define LOADLOCK_SANDBOX_JAIL_LAUNCHER_H_

#include "sandbox/jail/process.h"

namespace loadlock::jail {

// Serves the control socket (kControlFd, control.h) until the daemon closes it. Returns the exit
// code of the process.
int RunLauncher(const WorkerProgram& program);

}  // namespace loadlock::jail

#endif  // LOADLOCK_SANDBOX_JAIL_LAUNCHER_H_
