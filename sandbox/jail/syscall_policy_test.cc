#include "sandbox/jail/syscall_policy.h"

#include <gtest/gtest.h>
#include <sys/syscall.h>

#include <set>
#include <string>

#include "sandbox/jail/lockdown.h"

namespace loadlock::jail {
namespace {

TEST(SyscallPolicy, EveryRuleHasItsReason) {
  for (const AllowedCall& call : AllowedCalls()) {
    EXPECT_GT(std::string(call.reason).size(), 3u) << call.number;
  }
}

TEST(SyscallPolicy, ListsOnlyWhatTheDesignKnows) {
  std::set<int> numbers;
  for (const AllowedCall& call : AllowedCalls()) numbers.insert(call.number);
#ifndef LOADLOCK_SANITIZED
  EXPECT_EQ(numbers, (std::set<int>{SYS_recvmsg, SYS_writev, SYS_write, SYS_fstat, SYS_fcntl,
                                    SYS_pwrite64, SYS_mmap, SYS_munmap, SYS_brk, SYS_exit_group}));
#endif
  for (const int never : {SYS_execve, SYS_execveat, SYS_clone, SYS_socket, SYS_openat, SYS_ptrace,
                          SYS_rt_sigaction, SYS_kill, SYS_prctl, SYS_seccomp}) {
    EXPECT_EQ(numbers.count(never), 0u) << never;
  }
}

TEST(SyscallPolicy, BuildsAProgramThatFitsTheSetup) {
  std::vector<sock_filter> program;
  const CallResult failed = BuildFilter(&program);
  ASSERT_FALSE(failed) << failed->Describe();
  EXPECT_GT(program.size(), AllowedCalls().size());
  EXPECT_LE(program.size(), kMaxFilter);
}

}  // namespace
}  // namespace loadlock::jail
