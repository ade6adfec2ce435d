// A worker that is locked down by the code of the real one and then does one act that it is told:
// the job is the name of the act. The tests say what has to become of it.
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "sandbox/channel/frame.h"
#include "sandbox/channel/worker_end.h"
#include "sandbox/jail/exit_codes.h"
#include "sandbox/jail/process.h"

namespace loadlock::jail {
namespace {

using channel::FrameType;
using channel::FrameWriter;
using channel::ReceivedJob;

// Sends a complete answer.
int Answer(FrameWriter& writer, const std::string& result) {
  return writer.Write(FrameType::kResult, result).ok() && writer.End().ok() ? kExitOk
                                                                            : kExitChannel;
}

// Acts that end with what a system call said; the filter must not let it come so far.
long Forbidden(const std::string& act) {
  char path[] = "/etc/passwd";
  char* none[] = {nullptr};
  iovec part = {path, sizeof(path)};
  const std::map<std::string, std::function<long()>> acts = {
      {"getppid", [] { return syscall(SYS_getppid); }},
      {"socket", [] { return syscall(SYS_socket, AF_INET, SOCK_STREAM, 0); }},
      {"openat", [&] { return syscall(SYS_openat, AT_FDCWD, path, O_RDONLY); }},
      {"execve", [&] { return syscall(SYS_execve, path, none, none); }},
      {"execveat", [&] { return syscall(SYS_execveat, 4, "", none, none, AT_EMPTY_PATH); }},
      {"clone", [] { return syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0); }},
      {"clone3", [] { return syscall(SYS_clone3, nullptr, 0); }},
      {"ptrace", [] { return syscall(SYS_ptrace, 0, 0, 0, 0); }},
      {"process_vm_readv", [&] { return syscall(SYS_process_vm_readv, 1, &part, 1, &part, 1, 0); }},
      {"mount", [] { return syscall(SYS_mount, nullptr, "/", "tmpfs", 0, nullptr); }},
      {"unshare", [] { return syscall(SYS_unshare, CLONE_NEWUSER); }},
      {"setns", [] { return syscall(SYS_setns, 3, 0); }},
      {"bpf", [] { return syscall(SYS_bpf, 0, nullptr, 0); }},
      {"io_uring_setup", [] { return syscall(SYS_io_uring_setup, 1, nullptr); }},
      {"userfaultfd", [] { return syscall(SYS_userfaultfd, 1); }},
      {"keyctl", [] { return syscall(SYS_keyctl, 0, 0, 0, 0, 0); }},
      {"perf_event_open", [] { return syscall(SYS_perf_event_open, nullptr, 0, 0, 0, 0); }},
      {"kill", [] { return syscall(SYS_kill, -1, SIGKILL); }},
      {"dup", [] { return syscall(SYS_dup, 3); }},
      {"sendmsg", [] { return syscall(SYS_sendmsg, 3, nullptr, 0); }},
      {"prctl", [] { return syscall(SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0); }},
      {"seccomp", [] { return syscall(SYS_seccomp, 0, 0, nullptr); }},
      {"rt_sigaction", [] { return syscall(SYS_rt_sigaction, SIGSYS, nullptr, nullptr, 8); }},
      {"rt_sigreturn", [] { return syscall(SYS_rt_sigreturn); }},
      {"setrlimit", [] { return syscall(SYS_setrlimit, 0, nullptr); }},
      {"memfd_create", [] { return syscall(SYS_memfd_create, "x", 0); }},
      {"newfstatat", [&] { return syscall(SYS_newfstatat, AT_FDCWD, path, nullptr, 0); }},
      {"madvise", [] { return syscall(SYS_madvise, 0, 0, 0); }},
      // Allowed calls with arguments that are not.
      {"mmap", [] { return syscall(SYS_mmap, 0, 4096, PROT_READ | PROT_EXEC, 34, -1, 0); }},
      {"mprotect", [&] { return syscall(SYS_mprotect, 0, 4096, PROT_READ | PROT_EXEC); }},
      {"writev", [&] { return syscall(SYS_writev, 4, &part, 1); }},
      {"write", [&] { return syscall(SYS_write, 5, path, 1); }},
      {"pwrite64", [&] { return syscall(SYS_pwrite64, 4, path, 1, 0); }},
      {"ftruncate", [] { return syscall(SYS_ftruncate, 5, 0); }},
      {"recvmsg", [] { return syscall(SYS_recvmsg, 5, nullptr, 0); }},
      {"fstat", [] { return syscall(SYS_fstat, 3, nullptr); }},
      {"fcntl", [] { return syscall(SYS_fcntl, 4, F_SETFL, 0); }},
  };
  const auto found = acts.find(act);
  return found == acts.end() ? -1 : found->second();
}

// Jumps through the 32-bit entry, whose numbers mean other calls: 20 is getpid there, writev here.
void OtherArchitecture() {
#if defined(__x86_64__)
  asm volatile("int $0x80" : : "a"(20) : "memory");
#else
  RawExit(0);
#endif
}

int Allocate() {
  std::vector<std::unique_ptr<char[]>> blocks;
  for (;;) {
    constexpr size_t kBlock = size_t{1} << 20;
    blocks.push_back(std::make_unique<char[]>(kBlock));  // zeroed, hence touched
  }
}

int WriteBeyondTheFileLimit() {
  const std::string chunk(size_t{64} << 10, 'x');
  for (off_t at = 0;; at += static_cast<off_t>(chunk.size())) {
    const ssize_t size = pwrite(channel::kDecodedFd, chunk.data(), chunk.size(), at);
    if (size < 0) return errno == EFBIG ? kExitFileLimit : 1;
  }
}

// Uses up the stack; the depth is never reached, which the compiler cannot know.
[[gnu::noinline]] int Recurse(const volatile int* depth, int at) {
  volatile char here[4096];
  here[0] = static_cast<char>(at);
  return *depth == at ? here[0] : Recurse(depth, at + 1) + here[0];
}

int Misbehave(const std::string& act, FrameWriter& writer) {
  if (act == "spin") {
    for (;;) asm volatile("");
  }
  if (act == "allocate") return Allocate();
  if (act == "fill") return WriteBeyondTheFileLimit();
  if (act == "segv") {
    volatile uintptr_t nowhere = 8;
    const volatile int* const address = reinterpret_cast<const volatile int*>(nowhere);
    return *address;
  }
  if (act == "overflow") {
    const volatile int never = -1;
    return Recurse(&never, 0);
  }
  if (act == "abort") abort();
  if (act == "answer and stay") {
    Answer(writer, "the answer");
    for (;;) asm volatile("");
  }
  if (act == "close") return 7;
  if (act == "no end") return writer.Write(FrameType::kResult, "part").ok() ? kExitOk : 1;
  if (act == "garbage") return ::write(channel::kChannelFd, "?garbage", 8) == 8 ? 0 : 1;
  if (act == "hang") {
    char byte;
    iovec part = {&byte, 1};
    msghdr header = {};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    return recvmsg(channel::kChannelFd, &header, 0) < 0 ? 1 : 0;
  }
  if (act == "other-architecture") OtherArchitecture();
  if (act == "x32") return static_cast<int>(syscall(0x40000000 | SYS_getpid));
  return Answer(writer, "survived " + act + " with " + std::to_string(Forbidden(act)));
}

int Perform(ReceivedJob& job, FrameWriter& writer) {
  if (job.job == "honest") {
    // All that a job needs, once.
    struct stat info;
    if (syscall(SYS_fstat, job.artifact.get(), &info) != 0) return 1;
    const auto size = static_cast<size_t>(info.st_size);
    const void* map = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, job.artifact.get(), 0);
    if (map == MAP_FAILED) return 2;
    if (fcntl(job.artifact.get(), F_GET_SEALS) < 0) return 3;
    const std::string artifact(static_cast<const char*>(map), size);
    if (pwrite(job.decoded.get(), artifact.data(), artifact.size(), 0) < 0) return 4;
    std::string large(size_t{8} << 20, 'x');
    large.resize(size_t{24} << 20);
    if (!writer.Write(FrameType::kGraph, std::string(300'000, 'g')).ok()) return 6;
    if (!writer.Write(FrameType::kProvenance, "p").ok()) return 7;
    return Answer(writer, artifact);
  }
  return Misbehave(job.job, writer);
}

}  // namespace
}  // namespace loadlock::jail

int main(int argc, char** argv) {
  return loadlock::jail::ProcessMain(argc, argv, {&loadlock::jail::Perform});
}
