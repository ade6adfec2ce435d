#include "sandbox/jail/namespaces.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <string>

#include "sandbox/channel/unique_fd.h"
#include "sandbox/jail/lockdown.h"

namespace loadlock::jail {
namespace {

constexpr unsigned long kFlags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC |
                                 CLONE_NEWUTS | CLONE_NEWCGROUP | CLONE_NEWPID;

CallResult WriteProcFile(pid_t process, const std::string& name, const std::string& text) {
  const std::string path = "/proc/" + std::to_string(process) + "/" + name;
  const channel::UniqueFd file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file.valid()) return Failed("open(" + name + ")");
  if (write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return Failed("write(" + name + ")");
  }
  return {};
}

// The raw call: glibc's fork cannot make a namespace or another parent's child. There are no
// threads whose locks the child could find held.
pid_t Clone(unsigned long flags) {
  return static_cast<pid_t>(syscall(SYS_clone, flags, 0, 0, 0, 0));
}

// What the process between parent and child says before it ends.
struct Unshared {
  pid_t pid = -1;
  int error = 0;
  bool failed_in_unshare = false;
};

std::string OneId(unsigned outside) { return "0 " + std::to_string(outside) + " 1"; }

}  // namespace

CallResult ForkIntoNamespaces(NamespaceCall call, pid_t* pid) {
  if (call == NamespaceCall::kUnshare) return ForkByUnshare(kFlags, pid);
  *pid = Clone(kFlags | SIGCHLD);
  if (*pid < 0) return Failed("clone(namespaces)");
  return {};
}

CallResult ForkByUnshare(unsigned long flags, pid_t* pid) {
  std::array<int, 2> ends = {-1, -1};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return Failed("pipe2");
  channel::UniqueFd from_between(ends[0]);
  channel::UniqueFd to_parent(ends[1]);
  const pid_t between = Clone(SIGCHLD);
  if (between < 0) return Failed("clone");
  if (between == 0) {
    Unshared made;
    made.failed_in_unshare = unshare(static_cast<int>(flags)) != 0;
    // Its parent is ours, so that this process may end.
    if (!made.failed_in_unshare) made.pid = Clone(CLONE_PARENT | SIGCHLD);
    if (made.pid == 0) {
      *pid = 0;
      return {};
    }
    made.error = errno;
    // A parent that hears nothing knows that it failed.
    (void)!write(to_parent.get(), &made, sizeof(made));
    _exit(0);
  }
  to_parent.Reset();
  Unshared made;
  made.error = ECHILD;
  (void)!read(from_between.get(), &made, sizeof(made));
  while (waitpid(between, nullptr, 0) < 0 && errno == EINTR) {
  }
  *pid = made.pid;
  if (made.pid > 0) return {};
  return CallFailure{made.failed_in_unshare ? "unshare(namespaces)" : "clone", made.error};
}

bool CanBecomeNobody() {
  if (geteuid() != 0) return false;
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> have = {};
  if (syscall(SYS_capget, &header, have.data()) != 0) return false;
  constexpr uint32_t kNeeded = 1U << CAP_SETUID | 1U << CAP_SETGID | 1U << CAP_KILL;
  return (have[0].effective & kNeeded) == kNeeded;
}

CallResult MapIds(pid_t child, bool to_nobody) {
  if (!to_nobody) {
    // The kernel wants this from who maps without privileges.
    if (CallResult failed = WriteProcFile(child, "setgroups", "deny")) return failed;
  }
  const unsigned user = to_nobody ? kNobody : geteuid();
  const unsigned group = to_nobody ? kNobody : getegid();
  if (CallResult failed = WriteProcFile(child, "gid_map", OneId(group))) return failed;
  return WriteProcFile(child, "uid_map", OneId(user));
}

CallResult TakeMappedIds(bool mapped_to_nobody) {
  if (mapped_to_nobody && setgroups(0, nullptr) != 0) return Failed("setgroups");
  if (setresgid(0, 0, 0) != 0) return Failed("setresgid");
  if (setresuid(0, 0, 0) != 0) return Failed("setresuid");
  return {};
}

CallResult EnterEmptyRoot() {
  constexpr unsigned long kFlagsOfRoot = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  // Nothing done here may show outside.
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    return Failed("mount(private)");
  }
  if (mount("none", "/proc", "tmpfs", kFlagsOfRoot, "size=4k,mode=0555") != 0) {
    return Failed("mount(tmpfs)");
  }
  if (chdir("/proc") != 0) return Failed("chdir");
  // Both names are the new root: the old one ends up stacked under it, and is detached from there.
  if (syscall(SYS_pivot_root, ".", ".") != 0) return Failed("pivot_root");
  if (umount2(".", MNT_DETACH) != 0) return Failed("umount2");
  if (chdir("/") != 0) return Failed("chdir");
  if (mount(nullptr, "/", nullptr, MS_REMOUNT | MS_RDONLY | kFlagsOfRoot, nullptr) != 0 ||
      mount(nullptr, "/", nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | kFlagsOfRoot, nullptr) != 0) {
    return Failed("mount(read-only)");
  }
  return {};
}

}  // namespace loadlock::jail
