// What the loadlock-worker executable does besides its job: it is the launcher, and each worker.
#ifndef LOADLOCK_SANDBOX_JAIL_PROCESS_H_
#define LOADLOCK_SANDBOX_JAIL_PROCESS_H_

#include "sandbox/channel/worker_end.h"
#include "sandbox/jail/lockdown.h"

namespace loadlock::jail {

// Does one job behind the lock-down and returns the exit code.
using WorkerBody = int (*)(channel::ReceivedJob& job, channel::FrameWriter& writer);
// Does what a job does, to nobody's bytes. A new process has its code and heap still to be mapped,
// page fault by page fault: some forty in a small job, a microsecond or two each. Run behind the
// lock-down and before the greeting, this has them happen while nobody waits.
using WorkerWarmUp = void (*)();

// What a worker executable brings along; `warm_up` may be null.
struct WorkerProgram {
  WorkerBody body = nullptr;
  WorkerWarmUp warm_up = nullptr;
};

// The setup of a worker that was started by exec.
inline constexpr int kSetupFd = 4;

// main() of the executable. `--launcher`: the launcher, with the control socket as kControlFd;
// `--worker`: one worker, started by the launcher. Does not return unless the command is wrong.
int ProcessMain(int argc, char** argv, const WorkerProgram& program);

// The life of a worker whose channel is kChannelFd already: locks down, warms up, greets, waits for
// the job, does it, ends.
[[noreturn]] void RunWorker(const WorkerSetup& setup, const WorkerProgram& program);

}  // namespace loadlock::jail

#endif  // LOADLOCK_SANDBOX_JAIL_PROCESS_H_
