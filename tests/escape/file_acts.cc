// Files: by every kind of path, and by descriptors that somebody may have forgotten.
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cerrno>

#include "tests/escape/acts.h"

namespace loadlock::escape {
namespace {

long Open(const char* path, int flags) {
  return Call(SYS_openat, AT_FDCWD, Address(path), flags, 0600);
}

// The worker has 0-2, the channel and the two descriptors of its job.
long UseForgottenDescriptor() {
  for (int fd = 6; fd < 1024; ++fd) {
    const long flags = Call(SYS_fcntl, fd, F_GETFD);
    if (flags != -EBADF) return flags;
  }
  return -EBADF;
}

long OpenBeneath(const Outside& outside) {
  open_how how = {};
  how.flags = O_RDONLY;
  return Call(SYS_openat2, AT_FDCWD, Address(outside.file.c_str()), Address(&how), sizeof(how));
}

long HardLink(const Outside& outside) {
  return Call(SYS_linkat, AT_FDCWD, Address(outside.file.c_str()), AT_FDCWD, Address("/link"), 0);
}

long Rename(const Outside& outside) {
  return Call(SYS_renameat2, AT_FDCWD, Address(outside.file.c_str()), AT_FDCWD,
              Address((outside.file + ".new").c_str()), 0);
}

constexpr Act kActs[] = {
    {"read a file by its path", "openat",
     [](const Outside& outside) { return Open(outside.file.c_str(), O_RDONLY); }},
    {"write a file by its path", "openat",
     [](const Outside& outside) { return Open(outside.file.c_str(), O_WRONLY | O_APPEND); }},
    {"read /etc/passwd by a relative path", "openat",
     [](const Outside&) { return Open("../../../../etc/passwd", O_RDONLY); }},
    {"read /etc/passwd by the old open", "open",
     [](const Outside&) { return Call(SYS_open, Address("/etc/passwd"), O_RDONLY); }},
    {"open a file by openat2", "openat2", OpenBeneath},
    {"list the root folder", "openat",
     [](const Outside&) { return Open("/", O_RDONLY | O_DIRECTORY); }},
    {"open its own memory in /proc", "openat",
     [](const Outside&) { return Open("/proc/self/mem", O_RDWR); }},
    {"open the artifact for writing by /proc/self/fd", "openat",
     [](const Outside&) { return Open("/proc/self/fd/4", O_RDWR); }},
    {"open a device", "openat", [](const Outside&) { return Open("/dev/kmsg", O_WRONLY); }},
    {"make a file", "openat",
     [](const Outside&) { return Open("/tmp/loadlock-escape", O_WRONLY | O_CREAT | O_EXCL); }},
    {"make an unnamed file", "openat",
     [](const Outside&) { return Open("/tmp", O_WRONLY | O_TMPFILE); }},
    {"make a folder", "mkdirat",
     [](const Outside&) {
       return Call(SYS_mkdirat, AT_FDCWD, Address("/tmp/loadlock-escape.d"), 0700);
     }},
    {"make a device node", "mknodat",
     [](const Outside&) {
       return Call(SYS_mknodat, AT_FDCWD, Address("/tmp/loadlock-escape.n"), S_IFCHR | 0600, 0x103);
     }},
    {"make a symbolic link", "symlinkat",
     [](const Outside&) {
       return Call(SYS_symlinkat, Address("/etc"), AT_FDCWD, Address("/tmp/loadlock-escape.l"));
     }},
    {"make a hard link", "linkat", HardLink},
    {"rename a file", "renameat2", Rename},
    {"cut a file", "truncate",
     [](const Outside& outside) { return Call(SYS_truncate, Address(outside.file.c_str()), 0); }},
    {"change a file's mode", "fchmodat",
     [](const Outside& outside) {
       return Call(SYS_fchmodat, AT_FDCWD, Address(outside.file.c_str()), 0777);
     }},
    {"look at a file", "newfstatat",
     [](const Outside& outside) {
       struct stat info;
       return Call(SYS_newfstatat, AT_FDCWD, Address(outside.file.c_str()), Address(&info), 0);
     }},
    {"delete a file", "unlinkat",
     [](const Outside& outside) {
       return Call(SYS_unlinkat, AT_FDCWD, Address(outside.file.c_str()), 0);
     }},
    {"use a descriptor that was left open", "fcntl",
     [](const Outside&) { return UseForgottenDescriptor(); }},
    {"write to the artifact", "pwrite64",
     [](const Outside&) { return Call(SYS_pwrite64, 4, Address("x"), 1, 0); }},
    {"take the seals' place: cut the decoded file", "ftruncate",
     [](const Outside&) { return Call(SYS_ftruncate, 5, 0); }},
    {"watch files", "inotify_init1", [](const Outside&) { return Call(SYS_inotify_init1, 0); }},
};

}  // namespace

absl::Span<const Act> FileActs() { return kActs; }

}  // namespace loadlock::escape
