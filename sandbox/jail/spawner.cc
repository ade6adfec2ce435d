#include "sandbox/jail/spawner.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <string>

#include "sandbox/channel/daemon_end.h"
#include "sandbox/channel/frame.h"
#include "sandbox/jail/exit_codes.h"

namespace loadlock::jail {
namespace {

using channel::UniqueFd;

#ifndef CLONE_PIDFD
constexpr unsigned long CLONE_PIDFD = 0x1000;
#endif

// A lock-down takes 0.2 ms; this is for a machine that is badly overloaded.
constexpr int kGreetingMilliseconds = 5000;

struct ExecPlan {
  int channel;
  int setup;
  int executable;
};

// Runs in the launcher's memory, on a stack of its own, until exec.
[[noreturn]] int ExecChild(void* argument) {
  const ExecPlan& plan = *static_cast<const ExecPlan*>(argument);
  if (dup2(plan.channel, channel::kChannelFd) < 0 || dup2(plan.setup, kSetupFd) < 0) {
    _exit(kExitLockDown);
  }
  char name[] = "loadlock-worker";
  char command[] = "--worker";
  char* arguments[] = {name, command, nullptr};
  char* environment[] = {nullptr};
  syscall(SYS_execveat, plan.executable, "", arguments, environment, AT_EMPTY_PATH);
  (void)channel::FrameWriter(channel::kChannelFd)
      .Write(channel::FrameType::kFailed, Failed("execveat")->Describe());
  _exit(kExitLockDown);
}

}  // namespace

CallResult Spawner::Prepare(const WorkerSetup& setup, NamespaceCall call) {
  call_ = call;
  setup_ = std::make_unique<WorkerSetup>(setup);
  const UniqueFd file(memfd_create("setup", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file.valid()) return Failed("memfd_create");
  if (write(file.get(), setup_.get(), sizeof(*setup_)) != ssize_t{sizeof(*setup_)}) {
    return Failed("write(setup)");
  }
  if (fcntl(file.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) !=
      0) {
    return Failed("fcntl(F_ADD_SEALS)");
  }
  // Away from the numbers that dup2 fills in the child.
  setup_file_.Reset(fcntl(file.get(), F_DUPFD_CLOEXEC, kSetupFd + 1));
  if (!setup_file_.valid()) return Failed("fcntl(F_DUPFD_CLOEXEC)");
  if (executable_.get() <= kSetupFd) {
    executable_.Reset(fcntl(executable_.get(), F_DUPFD_CLOEXEC, kSetupFd + 1));
  }
  if (!executable_.valid()) return Failed("open(/proc/self/exe)");
  return {};
}

pid_t Spawner::Exec(int channel, unsigned long flags, int* pidfd) {
  ExecPlan plan = {channel, setup_file_.get(), executable_.get()};
  char* const top = exec_stack_.data() + exec_stack_.size();
  return clone(&ExecChild, top, static_cast<int>(flags | CLONE_VM | CLONE_VFORK), &plan, pidfd);
}

pid_t Spawner::Fork(int channel, unsigned long flags, int* pidfd) {
  // The raw call: glibc's fork cannot make a pidfd or a namespace. There are no threads whose locks
  // the child could find held.
  const auto pid = static_cast<pid_t>(syscall(SYS_clone, flags, 0, pidfd, 0, 0));
  if (pid == 0) RunForked(channel);
  return pid;
}

void Spawner::RunForked(int channel) {
  if (dup2(channel, channel::kChannelFd) < 0) _exit(kExitLockDown);
  RunWorker(*setup_, program_);
}

CallResult Spawner::MakeByUnshare(SpawnMode mode, int channel, pid_t* pid, int* pidfd) {
  if (CallResult failed = ForkByUnshare(CLONE_NEWPID, pid)) return failed;
  if (*pid == 0) {
    ExecPlan plan = {channel, setup_file_.get(), executable_.get()};
    if (mode == SpawnMode::kExec) ExecChild(&plan);
    RunForked(channel);
  }
  // Only this process reaps it, so the number is still its own.
  *pidfd = static_cast<int>(syscall(SYS_pidfd_open, *pid, 0));
  if (*pidfd >= 0) return {};
  CallResult failed = Failed("pidfd_open");
  kill(*pid, SIGKILL);
  while (waitpid(*pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  return failed;
}

CallResult Spawner::Spawn(SpawnMode mode, Child* child) {
  std::array<int, 2> ends = {-1, -1};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return Failed("socketpair");
  }
  child->channel.Reset(ends[0]);
  const UniqueFd worker_end(ends[1]);
  unsigned long flags = CLONE_PIDFD | SIGCHLD;
  if (setup_->tier == Tier::kA) flags |= CLONE_NEWPID;
#if defined(LOADLOCK_SANITIZED) || defined(LOADLOCK_TEST_LAYERS)
  // A sanitized program is dynamic, and the empty root has no libraries for exec; the name under
  // which the program was started, which tests/escape reads, does not pass through exec either.
  mode = SpawnMode::kFork;
#endif
  int pidfd = -1;
  if (setup_->tier == Tier::kA && call_ == NamespaceCall::kUnshare) {
    if (CallResult failed = MakeByUnshare(mode, worker_end.get(), &child->pid, &pidfd)) {
      return failed;
    }
    child->pidfd.Reset(pidfd);
    return {};
  }
  child->pid = mode == SpawnMode::kExec ? Exec(worker_end.get(), flags, &pidfd)
                                        : Fork(worker_end.get(), flags, &pidfd);
  if (child->pid < 0) return Failed("clone");
  child->pidfd.Reset(pidfd);
  return {};
}

CallResult Spawner::ProbeMode(SpawnMode mode) {
  Child child;
  if (CallResult failed = Spawn(mode, &child)) return failed;
  pollfd ready = {child.channel.get(), POLLIN, 0};
  const int polled = poll(&ready, 1, kGreetingMilliseconds);
  CallResult result;
  if (polled <= 0) {
    result = CallFailure{"the worker's greeting", ETIMEDOUT};
    kill(child.pid, SIGKILL);
  } else {
    const channel::Greeting greeting = channel::ReadGreeting(child.channel.get());
    const uint8_t required = RequiredLayers(setup_->tier);
    if (greeting.kind != channel::Greeting::Kind::kReady) {
      result = CallFailure{"worker: " + greeting.message, 0};
    } else if ((greeting.layers & required) != required) {
      result = CallFailure{"worker: layers " + std::to_string(greeting.layers) + " are not all", 0};
    }
  }
  child.channel.Reset();
  int status = 0;
  if (waitpid(child.pid, &status, 0) != child.pid) return Failed("waitpid");
  if (!result && (!WIFEXITED(status) || WEXITSTATUS(status) != kExitUnused)) {
    return CallFailure{"worker: ended with wait status " + std::to_string(status), 0};
  }
  return result;
}

CallResult Spawner::Probe() {
  for (const SpawnMode mode : {SpawnMode::kExec, SpawnMode::kFork}) {
    if (CallResult failed = ProbeMode(mode)) return failed;
  }
  return {};
}

}  // namespace loadlock::jail
