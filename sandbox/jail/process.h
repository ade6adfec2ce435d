// What the loadlock-worker executable does besides its job: it is the launcher, and each worker.
#ifndef LOADLOCK_SANDBOX_JAIL_PROCESS_H_
#define LOADLOCK_SANDBOX_JAIL_PROCESS_H_

#include "sandbox/channel/worker_end.h"
#include "sandbox/jail/lockdown.h"

namespace loadlock::jail {

// Does one job behind the lock-down and returns the exit code.
using WorkerBody = int (*)(channel::ReceivedJob& job, channel::FrameWriter& writer);

// The setup of a worker that was started by exec.
inline constexpr int kSetupFd = 4;

// main() of the executable. `--launcher`: the launcher, with the control socket as kControlFd;
// `--worker`: one worker, started by the launcher. Does not return unless the command is wrong.
int ProcessMain(int argc, char** argv, WorkerBody body);

// The life of a worker whose channel is kChannelFd already: locks down, greets, waits for the job,
// does it, ends.
[[noreturn]] void RunWorker(const WorkerSetup& setup, WorkerBody body);

}  // namespace loadlock::jail

#endif  // LOADLOCK_SANDBOX_JAIL_PROCESS_H_
