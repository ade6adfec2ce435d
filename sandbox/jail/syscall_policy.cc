#include "sandbox/jail/syscall_policy.h"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <memory>

#include "sandbox/channel/frame.h"
#include "sandbox/channel/unique_fd.h"
#include "sandbox/jail/layers.h"

namespace loadlock::jail {
namespace {

using channel::kArtifactFd;
using channel::kChannelFd;
using channel::kDecodedFd;

scmp_arg_cmp Equals(unsigned argument, uint64_t value) { return {argument, SCMP_CMP_EQ, value, 0}; }

scmp_arg_cmp LacksBits(unsigned argument, uint64_t bits) {
  return {argument, SCMP_CMP_MASKED_EQ, bits, 0};
}

std::vector<AllowedCall> MakeAllowedCalls() {
  std::vector<AllowedCall> calls = {
      {SCMP_SYS(recvmsg), {Equals(0, kChannelFd)}, "receives the job"},
      {SCMP_SYS(writev), {Equals(0, kChannelFd)}, "sends the frames"},
      {SCMP_SYS(write), {Equals(0, kChannelFd)}, "reports a forbidden call (lockdown.cc)"},
      {SCMP_SYS(writev), {Equals(0, STDERR_FILENO)}, "the C library's last words, to /dev/null"},
      {SCMP_SYS(write), {Equals(0, STDERR_FILENO)}, "the same of Abseil's raw log"},
      {SCMP_SYS(fstat), {Equals(0, kArtifactFd)}, "checks the artifact's size against the job"},
      {SCMP_SYS(fcntl),
       {Equals(0, kArtifactFd), Equals(1, F_GET_SEALS)},
       "checks that nobody can change the artifact"},
      {SCMP_SYS(pwrite64), {Equals(0, kDecodedFd)}, "writes decoded data"},
      {SCMP_SYS(mmap), {LacksBits(2, PROT_EXEC)}, "maps artifact and decoded data; large heap"},
      {SCMP_SYS(munmap), {}, "the heap; maps decoded data anew after it grew"},
      {SCMP_SYS(brk), {}, "the heap"},
      {SCMP_SYS(exit_group), {}, "ends"},
  };
#ifdef LOADLOCK_SANITIZED
  for (const int number :
       {SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(sched_yield), SCMP_SYS(futex),
        SCMP_SYS(sigaltstack), SCMP_SYS(clock_gettime), SCMP_SYS(rt_sigprocmask),
        SCMP_SYS(getrusage), SCMP_SYS(nanosleep), SCMP_SYS(clock_nanosleep), SCMP_SYS(lseek),
        SCMP_SYS(madvise), SCMP_SYS(mprotect), SCMP_SYS(mremap), SCMP_SYS(close),
        SCMP_SYS(pipe2)}) {
    calls.push_back({number, {}, "the sanitizer's run-time library"});
  }
  // It asks the kernel whether memory is readable by writing it to a pipe of its own.
  calls.push_back(
      {SCMP_SYS(write), {{0, SCMP_CMP_GT, kDecodedFd, 0}}, "the sanitizer's run-time library"});
#endif
#ifdef __SANITIZE_THREAD__
  calls.push_back({SCMP_SYS(rt_sigreturn), {}, "ThreadSanitizer puts signals off"});
#endif
  return calls;
}

CallResult FailedWith(const char* call, int negated_errno) {
  return CallFailure{call, -negated_errno};
}

}  // namespace

const std::vector<AllowedCall>& AllowedCalls() {
  static const auto* const calls = new std::vector<AllowedCall>(MakeAllowedCalls());
  return *calls;
}

CallResult BuildFilter(std::vector<sock_filter>* program) {
  // The library only says that an argument was wrong.
  const uint32_t kill = SECCOMP_RET_KILL_PROCESS;
  if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &kill) != 0) {
    return Failed("seccomp(KILL_PROCESS)");
  }
  const std::unique_ptr<void, void (*)(scmp_filter_ctx)> filter(seccomp_init(SCMP_ACT_TRAP),
                                                                &seccomp_release);
  if (filter == nullptr) return CallFailure{"seccomp_init", ENOMEM};
  int result = seccomp_attr_set(filter.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
  if (result != 0) return FailedWith("seccomp_attr_set", result);
  // A binary tree over the numbers: the kernel runs the filter once for every call that there is
  // when it is installed, to remember which ones need not be asked about, and that is half the
  // cost.
  result = seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);
  if (result != 0) return FailedWith("seccomp_attr_set", result);
  const std::vector<AllowedCall>& calls = AllowedCalls();
  for (size_t i = 0; i < calls.size(); ++i) {
    if (IsCallOff(i)) continue;
    const AllowedCall& call = calls[i];
    result = seccomp_rule_add_exact_array(filter.get(), SCMP_ACT_ALLOW, call.number,
                                          static_cast<unsigned>(call.arguments.size()),
                                          call.arguments.data());
    if (result != 0) return FailedWith("seccomp_rule_add", result);
  }
  // Version 2.5 of the library exports to a descriptor only.
  const channel::UniqueFd file(memfd_create("filter", MFD_CLOEXEC));
  if (!file.valid()) return Failed("memfd_create");
  result = seccomp_export_bpf(filter.get(), file.get());
  if (result != 0) return FailedWith("seccomp_export_bpf", result);
  struct stat info;
  if (fstat(file.get(), &info) != 0) return Failed("fstat");
  program->resize(static_cast<size_t>(info.st_size) / sizeof(sock_filter));
  if (pread(file.get(), program->data(), static_cast<size_t>(info.st_size), 0) != info.st_size) {
    return Failed("pread");
  }
  return {};
}

}  // namespace loadlock::jail
