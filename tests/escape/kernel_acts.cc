// Wide doors of the kernel, and what only an administrator may do.
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <termios.h>

#include <ctime>

#include "tests/escape/acts.h"

namespace loadlock::escape {
namespace {

long IoUring(const Outside&) {
  io_uring_params params = {};
  return Call(SYS_io_uring_setup, 4, Address(&params));
}

long Bpf(const Outside&) {
  bpf_attr attributes = {};
  attributes.map_type = BPF_MAP_TYPE_ARRAY;
  attributes.key_size = 4;
  attributes.value_size = 4;
  attributes.max_entries = 1;
  return Call(SYS_bpf, BPF_MAP_CREATE, Address(&attributes), sizeof(attributes));
}

long Perf(const Outside&) {
  perf_event_attr attributes = {};
  attributes.type = PERF_TYPE_SOFTWARE;
  attributes.size = sizeof(attributes);
  attributes.config = PERF_COUNT_SW_CPU_CLOCK;
  return Call(SYS_perf_event_open, Address(&attributes), 0, -1, -1, 0);
}

long SetClock(const Outside&) {
  const timespec then = {1, 0};
  return Call(SYS_clock_settime, CLOCK_REALTIME, Address(&then));
}

constexpr Act kActs[] = {
    {"make an io_uring", "io_uring_setup", IoUring},
    {"make a userfaultfd", "userfaultfd",
     [](const Outside&) { return Call(SYS_userfaultfd, O_CLOEXEC | 1); }},
    {"make a BPF map", "bpf", Bpf},
    {"count by perf", "perf_event_open", Perf},
    {"read a keyring", "keyctl",
     [](const Outside&) { return Call(SYS_keyctl, KEYCTL_GET_KEYRING_ID, -3, 1); }},
    {"add a key", "add_key",
     [](const Outside&) {
       return Call(SYS_add_key, Address("user"), Address("loadlock"), Address("x"), 1, -3);
     }},
    {"make a user namespace", "unshare",
     [](const Outside&) { return Call(SYS_unshare, CLONE_NEWUSER); }},
    {"enter a namespace", "setns", [](const Outside&) { return Call(SYS_setns, 3, 0); }},
    {"mount a file system", "mount",
     [](const Outside&) {
       return Call(SYS_mount, Address("none"), Address("/"), Address("tmpfs"), 0, 0);
     }},
    {"mount by the new calls", "fsopen",
     [](const Outside&) { return Call(SYS_fsopen, Address("tmpfs"), 0); }},
    {"change the root", "chroot", [](const Outside&) { return Call(SYS_chroot, Address("/")); }},
    {"put the old root back", "pivot_root",
     [](const Outside&) { return Call(SYS_pivot_root, Address("."), Address(".")); }},
    {"type into a terminal", "ioctl",
     [](const Outside&) { return Call(SYS_ioctl, 0, TIOCSTI, Address("x")); }},
    {"set the clock", "clock_settime", SetClock},
    {"restart the machine", "reboot",
     [](const Outside&) { return Call(SYS_reboot, 0, 0, RB_AUTOBOOT, 0); }},
    {"load a kernel module", "finit_module",
     [](const Outside&) { return Call(SYS_finit_module, 5, Address(""), 0); }},
    {"read the kernel's log", "syslog", [](const Outside&) { return Call(SYS_syslog, 10, 0, 0); }},
    {"take I/O ports", "iopl", [](const Outside&) { return Call(SYS_iopl, 3); }},
    {"loosen its filter", "seccomp", [](const Outside&) { return Call(SYS_seccomp, 1, 0, 0); }},
};

}  // namespace

absl::Span<const Act> KernelActs() { return kActs; }

}  // namespace loadlock::escape
