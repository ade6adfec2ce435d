#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <memory>
#include <string>
#include <vector>

#include "sandbox/channel/daemon_end.h"
#include "sandbox/channel/frame.h"
#include "sandbox/jail/exit_codes.h"
#include "sandbox/jail/raw_syscall.h"
#include "tests/hostile/scenario.h"

namespace loadlock::hostile {
namespace {

// Sleeps in the one call that can: nothing more ever comes from the daemon.
int WaitForEver(Stage&) {
  char byte;
  iovec part = {&byte, 1};
  msghdr header = {};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  return recvmsg(channel::kChannelFd, &header, 0) < 0 ? 1 : 0;
}

int Spin(Stage&) {
  for (;;) asm volatile("");
}

int Allocate(Stage&) {
  std::vector<std::unique_ptr<char[]>> blocks;
  for (;;) blocks.push_back(std::make_unique<char[]>(size_t{1} << 20));
}

// Uses up the stack; the depth is never reached, which the compiler cannot know.
[[gnu::noinline]] int Recurse(const volatile int* depth, int at) {
  volatile char here[4096];
  here[0] = static_cast<char>(at);
  return *depth == at ? here[0] : Recurse(depth, at + 1) + here[0];
}

int OverflowTheStack(Stage&) {
  const volatile int never = -1;
  return Recurse(&never, 0);
}

int ReadNowhere(Stage&) {
  volatile uintptr_t nowhere = 8;
  return *reinterpret_cast<const volatile int*>(nowhere);
}

// The page behind the only one of the artifact.
int ReadBeyondTheFile(Stage&) {
  constexpr size_t kPage = 4096;
  void* const map = mmap(nullptr, 2 * kPage, PROT_READ, MAP_PRIVATE, channel::kArtifactFd, 0);
  return map == MAP_FAILED ? 1 : static_cast<const volatile char*>(map)[kPage];
}

int DivideByZero(Stage&) {
#if defined(__x86_64__)
  // By hand: a compiler may do anything with a division by zero.
  asm volatile("xor %%ecx, %%ecx\n\tdiv %%ecx" : : "a"(1), "d"(0) : "ecx", "cc");
#endif
  return 1;
}

int IllegalInstruction(Stage&) { __builtin_trap(); }

int Breakpoint(Stage&) {
#if defined(__x86_64__)
  asm volatile("int3");
#endif
  return 1;
}

// Jumps through the 32-bit entry, whose numbers mean other calls.
int OtherArchitecture(Stage&) {
#if defined(__x86_64__)
  asm volatile("int $0x80" : : "a"(20) : "memory");
#endif
  return 1;
}

int SendItself(Stage&, int signal) { return static_cast<int>(syscall(SYS_kill, 0, signal)); }

// A result frame with two descriptors.
int SendDescriptors(Stage& stage) {
  const absl::Status sent =
      channel::SendJob(channel::kChannelFd, "x", stage.job.artifact.get(), stage.job.decoded.get());
  return sent.ok() ? 0 : 1;
}

// The whole output, then this end of the process.
int AfterTheOutput(Stage& stage, int (*end)(Stage&)) {
  Output output = Honest();
  const int code = Send(stage.job, stage.writer, output);
  return code == jail::kExitOk ? end(stage) : code;
}

// Claims a limit, a crash or success in its exit code.
template <int code>
int ExitWith(Stage&) {
  return code;
}

const std::array kActs = {
    Act{"wait-for-ever", &WaitForEver},
    Act{"spin-for-ever", &Spin},
    Act{"allocate-for-ever", &Allocate},
    Act{"overflow-the-stack", &OverflowTheStack},
    Act{"die-by-segv", &ReadNowhere},
    Act{"die-by-bus", &ReadBeyondTheFile},
    Act{"die-by-fpe", &DivideByZero},
    Act{"die-by-ill", &IllegalInstruction},
    Act{"die-by-trap", &Breakpoint},
    Act{"other-architecture", &OtherArchitecture},
    Act{"kill-itself", [](Stage& s) { return SendItself(s, SIGKILL); }},
    Act{"stop-itself", [](Stage& s) { return SendItself(s, SIGSTOP); }},
    Act{"terminate-itself", [](Stage& s) { return SendItself(s, SIGTERM); }},
    Act{"abort-itself", [](Stage& s) { return SendItself(s, SIGABRT); }},
    Act{"signal-a-thread",
        [](Stage&) { return static_cast<int>(syscall(SYS_tgkill, 1, 1, SIGSTOP)); }},
    Act{"send-descriptors", &SendDescriptors},
    Act{"exit-1", &ExitWith<1>},
    Act{"exit-as-memory-limit", &ExitWith<jail::kExitMemory>},
    Act{"exit-as-file-limit", &ExitWith<jail::kExitFileLimit>},
    Act{"exit-as-cpu-limit", &ExitWith<jail::kExitCpuLimit>},
    Act{"exit-as-forbidden-call", &ExitWith<jail::kExitForbiddenCall>},
    Act{"exit-as-abort", &ExitWith<jail::kExitAborted>},
    Act{"exit-as-lock-down", &ExitWith<jail::kExitLockDown>},
    Act{"exit-as-bad-job", &ExitWith<jail::kExitBadJob>},
    Act{"exit-255", &ExitWith<255>},
    Act{"output-then-exit-1", [](Stage& s) { return AfterTheOutput(s, &ExitWith<1>); }},
    Act{"output-then-segv", [](Stage& s) { return AfterTheOutput(s, &ReadNowhere); }},
    Act{"output-then-wait", [](Stage& s) { return AfterTheOutput(s, &WaitForEver); }},
    Act{"output-then-spin", [](Stage& s) { return AfterTheOutput(s, &Spin); }},
};

}  // namespace

std::span<const Act> ProcessActs() { return kActs; }

}  // namespace loadlock::hostile
