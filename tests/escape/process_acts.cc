// Other processes, more processes, other programs, and what holds this one.
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "sandbox/jail/raw_syscall.h"
#include "tests/escape/acts.h"

namespace loadlock::escape {
namespace {

// A child that is made leaves at once.
long Made(long result) {
  if (result == 0) jail::RawExit(0);
  return result;
}

long Clone3(const Outside&) {
  clone_args arguments = {};
  arguments.exit_signal = SIGCHLD;
  return Made(Call(SYS_clone3, Address(&arguments), sizeof(arguments)));
}

long ReadMemory(const Outside& outside) {
  long here = 0;
  const iovec mine = {&here, sizeof(here)};
  const iovec theirs = {&here, sizeof(here)};
  return Call(SYS_process_vm_readv, outside.daemon, Address(&mine), 1, Address(&theirs), 1, 0);
}

long TakeDescriptor(const Outside& outside) {
  const long pidfd = Call(SYS_pidfd_open, outside.daemon, 0);
  return pidfd < 0 ? pidfd : Call(SYS_pidfd_getfd, pidfd, 3, 0);
}

long Exec(const char* path) {
  const char* const none[] = {nullptr};
  return Call(SYS_execve, Address(path), Address(none), Address(none));
}

long ExecMemfd(const Outside&) {
  const char* const none[] = {nullptr};
  return Call(SYS_execveat, 5, Address(""), Address(none), Address(none), AT_EMPTY_PATH);
}

long RaiseLimit(int resource) {
  const rlimit more = {RLIM_INFINITY, RLIM_INFINITY};
  return Call(SYS_setrlimit, resource, Address(&more));
}

constexpr Act kActs[] = {
    {"find its parent", "getppid", [](const Outside&) { return Call(SYS_getppid); }},
    {"signal the daemon", "kill",
     [](const Outside& outside) { return Call(SYS_kill, outside.daemon, SIGCONT); }},
    {"signal everybody", "kill", [](const Outside&) { return Call(SYS_kill, -1, SIGCONT); }},
    {"trace the daemon", "ptrace",
     [](const Outside& outside) { return Call(SYS_ptrace, PTRACE_SEIZE, outside.daemon, 0, 0); }},
    {"read the daemon's memory", "process_vm_readv", ReadMemory},
    {"take a descriptor of the daemon", "pidfd_open", TakeDescriptor},
    {"compare descriptors of the daemon", "kcmp",
     [](const Outside& outside) {
       return Call(SYS_kcmp, outside.daemon, outside.daemon, 0, 0, 0);
     }},
    {"change the daemon's limits", "prlimit64",
     [](const Outside& outside) {
       rlimit limit;
       return Call(SYS_prlimit64, outside.daemon, RLIMIT_NOFILE, 0, Address(&limit));
     }},
    {"fork", "clone", [](const Outside&) { return Made(Call(SYS_clone, SIGCHLD)); }},
    {"fork by clone3", "clone3", Clone3},
    {"make a thread's memory sharer", "clone",
     [](const Outside&) { return Made(Call(SYS_clone, CLONE_VM | CLONE_VFORK | SIGCHLD)); }},
    {"run a program", "execve", [](const Outside&) { return Exec("/bin/true"); }},
    {"run the decoded file", "execveat", ExecMemfd},
    // It would have to ask for its number first.
    {"stop itself", "getpid",
     [](const Outside&) { return Call(SYS_kill, Call(SYS_getpid), SIGSTOP); }},
    {"replace the handler of forbidden calls", "rt_sigaction",
     [](const Outside&) { return Call(SYS_rt_sigaction, SIGSYS, 0, 0, 8); }},
    {"block the signal of forbidden calls", "rt_sigprocmask",
     [](const Outside&) {
       const uint64_t all = ~uint64_t{0};
       return Call(SYS_rt_sigprocmask, SIG_BLOCK, Address(&all), 0, 8);
     }},
    {"become dumpable", "prctl",
     [](const Outside&) { return Call(SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0); }},
    {"outlive its launcher", "prctl",
     [](const Outside&) { return Call(SYS_prctl, PR_SET_PDEATHSIG, 0, 0, 0, 0); }},
    {"take no_new_privs back", "prctl",
     [](const Outside&) { return Call(SYS_prctl, PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0); }},
    {"raise its memory limit", "setrlimit", [](const Outside&) { return RaiseLimit(RLIMIT_DATA); }},
    {"raise its limit of processes", "setrlimit",
     [](const Outside&) { return RaiseLimit(RLIMIT_NPROC); }},
    {"become root", "setresuid", [](const Outside&) { return Call(SYS_setresuid, 0, 0, 0); }},
    {"change its priority", "setpriority",
     [](const Outside&) { return Call(SYS_setpriority, PRIO_PROCESS, 0, -10); }},
    {"hide by a new personality", "personality",
     [](const Outside&) { return Call(SYS_personality, 0x0040000 /* ADDR_NO_RANDOMIZE */); }},
};

}  // namespace

absl::Span<const Act> ProcessActs() { return kActs; }

}  // namespace loadlock::escape
