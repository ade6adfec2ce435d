// The system calls that a locked-down worker may make, and the filter built from them.
#ifndef LOADLOCK_SANDBOX_JAIL_SYSCALL_POLICY_H_
#define LOADLOCK_SANDBOX_JAIL_SYSCALL_POLICY_H_

#include <linux/filter.h>
#include <seccomp.h>

#include <string>
#include <vector>

#include "sandbox/jail/call_failure.h"

namespace loadlock::jail {

struct AllowedCall {
  int number;
  // All of them must hold; none: any arguments.
  std::vector<scmp_arg_cmp> arguments;
  // Who needs it, and why it may be had.
  const char* reason;
};

// The whole allow-list. Several entries for one call are alternatives.
const std::vector<AllowedCall>& AllowedCalls();

// Compiles the allow-list to BPF. Every other call raises SIGSYS (see lockdown.cc for what
// follows); a call by another architecture's entry, or x32, kills the process.
CallResult BuildFilter(std::vector<sock_filter>* program);

}  // namespace loadlock::jail

#endif  // LOADLOCK_SANDBOX_JAIL_SYSCALL_POLICY_H_
