#include "sandbox/jail/lockdown.h"

#include <grp.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <new>

#include "sandbox/channel/frame.h"
#include "sandbox/jail/exit_codes.h"
#include "sandbox/jail/landlock.h"
#include "sandbox/jail/raw_syscall.h"

namespace loadlock::jail {
namespace {

// Newer than the headers of Debian 12.
constexpr int kPrSetMdwe = 65;
constexpr unsigned long kPrMdweRefuseExecGain = 1;

// Why the filter's default action is a trap and not KILL_PROCESS: a refusal has to name the call,
// and a parent without privileges cannot learn it from a killed child. The trap loses nothing:
//  - the kernel has not run the call, and this handler never returns to whoever made it;
//  - the handler was installed before any hostile byte came and cannot be replaced: rt_sigaction is
//    not on the list, nor are rt_sigprocmask and rt_sigreturn;
//  - its code cannot be changed: no mapping can become executable (PROT_EXEC is refused by the
//    filter and by the kernel), and executable ones are not writable;
//  - it uses registers and its own stack frame only, no heap, no globals;
//  - a SIGSYS that cannot be delivered (blocked, or no stack) is fatal by the kernel.
// A worker that already runs hostile code can at worst send a false name, as it could without.
[[noreturn]] __attribute__((no_stack_protector, no_sanitize("address", "undefined", "thread"))) void
OnForbiddenCall(int /*signal*/, siginfo_t* info, void* /*context*/) {
  const auto number = static_cast<uint32_t>(info->si_syscall);
  const auto arch = static_cast<uint32_t>(info->si_arch);
  volatile uint8_t packet[channel::kViolationPacket];
  packet[0] = static_cast<uint8_t>(channel::FrameType::kViolation);
  for (unsigned i = 0; i < 4; ++i) {
    packet[1 + i] = static_cast<uint8_t>(number >> (8 * i));
    packet[5 + i] = static_cast<uint8_t>(arch >> (8 * i));
  }
  RawSyscall(SYS_write, channel::kChannelFd, reinterpret_cast<long>(&packet[0]), sizeof(packet));
  RawExit(kExitForbiddenCall);
}

// A signal with a handler reaches process 1 of a namespace too; the default action would not.
[[noreturn]] void OnCpuLimit(int /*signal*/) { RawExit(kExitCpuLimit); }

[[noreturn]] void OnOutOfMemory() { RawExit(kExitMemory); }

CallResult InstallHandlers() {
  sigset_t none;
  sigemptyset(&none);
  if (sigprocmask(SIG_SETMASK, &none, nullptr) != 0) return Failed("rt_sigprocmask");
  struct sigaction action = {};
  action.sa_sigaction = &OnForbiddenCall;
  action.sa_flags = SA_SIGINFO;
  sigfillset(&action.sa_mask);
  if (sigaction(SIGSYS, &action, nullptr) != 0) return Failed("rt_sigaction");
  if (signal(SIGXCPU, &OnCpuLimit) == SIG_ERR) return Failed("rt_sigaction");
  // A crash ends the worker at once; the sanitizers' own handlers would open files first.
  for (const int crash : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP}) {
    if (signal(crash, SIG_DFL) == SIG_ERR) return Failed("rt_sigaction");
  }
  // Errors instead, as process 1 of a namespace gets them anyway.
  if (signal(SIGXFSZ, SIG_IGN) == SIG_ERR || signal(SIGPIPE, SIG_IGN) == SIG_ERR) {
    return Failed("rt_sigaction");
  }
  std::set_new_handler(&OnOutOfMemory);
  return {};
}

CallResult BecomeNobody() {
  if (setgroups(0, nullptr) != 0) return Failed("setgroups");
  if (setresgid(kNobody, kNobody, kNobody) != 0) return Failed("setresgid");
  if (setresuid(kNobody, kNobody, kNobody) != 0) return Failed("setresuid");
  return {};
}

CallResult DieWithLauncher(pid_t launcher) {
  if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) return Failed("prctl(PR_SET_PDEATHSIG)");
  // It may have died before. At tier A its death kills the whole pid namespace.
  if (launcher != 0 && getppid() != launcher) return CallFailure{"getppid", ESRCH};
  return {};
}

CallResult DropCapabilities() {
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) {
    return Failed("prctl(PR_CAP_AMBIENT)");
  }
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> none = {};
  if (syscall(SYS_capset, &header, none.data()) != 0) return Failed("capset");
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return Failed("prctl(PR_SET_NO_NEW_PRIVS)");
  return {};
}

#ifdef LOADLOCK_SANITIZED
constexpr int kMaxFd = channel::kDecodedFd + 2;  // a pipe of its run-time library
#else
constexpr int kMaxFd = channel::kDecodedFd;
#endif

struct Limit {
  __rlimit_resource_t resource;
  const char* name;
  uint64_t soft;
  // What the hard limit is above it. The worker has no call left to make use of it.
  uint64_t hard_margin = 0;
};

CallResult SetLimits(const RawLimits& limits) {
  if (IsOff(kLayerLimits)) return {};
  const Limit table[] = {
#ifndef LOADLOCK_SANITIZED  // Shadow memory is terabytes of address space.
      {RLIMIT_AS, "setrlimit(RLIMIT_AS)", limits.address_space_bytes},
      {RLIMIT_DATA, "setrlimit(RLIMIT_DATA)", limits.heap_bytes},
#endif
      {RLIMIT_FSIZE, "setrlimit(RLIMIT_FSIZE)", limits.file_bytes},
      // OnCpuLimit at the soft limit, SIGKILL one second later.
      {RLIMIT_CPU, "setrlimit(RLIMIT_CPU)", limits.cpu_seconds, 1},
      // 0-2, the channel and the two of the job. Set after the others are closed: the limit does
      // not close what is open.
      {RLIMIT_NOFILE, "setrlimit(RLIMIT_NOFILE)", kMaxFd + 1},
      {RLIMIT_NPROC, "setrlimit(RLIMIT_NPROC)", 0},
      {RLIMIT_CORE, "setrlimit(RLIMIT_CORE)", 0},
      {RLIMIT_STACK, "setrlimit(RLIMIT_STACK)", uint64_t{8} << 20},  // nothing recurses deeply
      {RLIMIT_MEMLOCK, "setrlimit(RLIMIT_MEMLOCK)", 0},
      {RLIMIT_MSGQUEUE, "setrlimit(RLIMIT_MSGQUEUE)", 0},
  };
  for (const Limit& limit : table) {
    rlimit current;
    if (getrlimit(limit.resource, &current) != 0) return Failed(limit.name);
    // An inherited limit that is lower stays.
    const rlimit wanted = {std::min<rlim_t>(limit.soft, current.rlim_max),
                           std::min<rlim_t>(limit.soft + limit.hard_margin, current.rlim_max)};
    if (setrlimit(limit.resource, &wanted) != 0) return Failed(limit.name);
  }
  return {};
}

CallResult ForbidExecGain(uint8_t* layers) {
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return Failed("prctl(PR_SET_DUMPABLE)");
  if (IsOff(kLayerNoExecGain)) return {};
  if (prctl(kPrSetMdwe, kPrMdweRefuseExecGain, 0, 0, 0) == 0) {
    *layers |= kLayerNoExecGain;
  } else if (errno != EINVAL) {
    return Failed("prctl(PR_SET_MDWE)");
  }
  return {};
}

CallResult InstallFilter(const WorkerSetup& setup) {
  if (IsOff(kLayerSeccomp)) return {};
  if (setup.filter_size == 0 || setup.filter_size > kMaxFilter) {
    return CallFailure{"seccomp", EINVAL};
  }
  const sock_fprog program = {static_cast<uint16_t>(setup.filter_size),
                              const_cast<sock_filter*>(setup.filter.data())};
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) return Failed("seccomp");
  return {};
}

}  // namespace

CallResult EmptyBoundingSet() {
  for (unsigned long capability = 0; prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0;) {
    ++capability;
  }
  // EINVAL ends the loop after the last capability. EPERM comes before the first, without
  // CAP_SETPCAP: the set stays, but with no_new_privs nothing can be gained from it.
  if (errno != EINVAL && errno != EPERM) return Failed("prctl(PR_CAPBSET_DROP)");
  return {};
}

CallResult LockDown(const WorkerSetup& setup, uint8_t* layers) {
  *layers = setup.tier == Tier::kA ? kLayerNamespaces : 0;
  if (syscall(SYS_close_range, channel::kChannelFd + 1, ~0U, 0) != 0) return Failed("close_range");
  if (CallResult failed = InstallHandlers()) return failed;
  if (setup.become_nobody) {
    if (CallResult failed = BecomeNobody()) return failed;
  }
  if (setup.become_nobody || setup.is_nobody) *layers |= kLayerNobody;
  // After the change of user, which would undo it.
  if (CallResult failed = DieWithLauncher(setup.launcher)) return failed;
  if (!setup.bounding_set_is_empty) {
    if (CallResult failed = EmptyBoundingSet()) return failed;
  }
  if (CallResult failed = DropCapabilities()) return failed;
  if (setup.tier <= Tier::kB) {
    if (CallResult failed = RestrictWithLandlock()) return failed;
    *layers |= kLayerLandlock;
  }
  if (CallResult failed = SetLimits(setup.limits)) return failed;
  *layers |= kLayerLimits;
  if (CallResult failed = ForbidExecGain(layers)) return failed;
  if (CallResult failed = InstallFilter(setup)) return failed;
  *layers |= kLayerSeccomp;
  return {};
}

}  // namespace loadlock::jail
