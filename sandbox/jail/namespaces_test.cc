// Tier A where a filter stands between us and clone, unshare or mount, as in containers: each case
// runs in a process of its own, which takes its filter to the end.
#include "sandbox/jail/namespaces.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <seccomp.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <iostream>
#include <string>

#include "sandbox/jail/testing/jail_testing.h"

namespace loadlock::jail {
namespace {

struct Refused {
  bool clone = false;
  bool unshare = false;
  bool mount = false;
};

// What a container's profile answers; it stays for all that this process starts.
bool Refuse(const Refused& what) {
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
  constexpr uint32_t kNotPermitted = SCMP_ACT_ERRNO(EPERM);
  int error = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
  for (const uint64_t bit :
       {CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID}) {
    if (!what.clone) break;
    error |= seccomp_rule_add(filter, kNotPermitted, SCMP_SYS(clone), 1,
                              SCMP_A0(SCMP_CMP_MASKED_EQ, bit, bit));
  }
  if (what.unshare) error |= seccomp_rule_add(filter, kNotPermitted, SCMP_SYS(unshare), 0);
  if (what.mount) error |= seccomp_rule_add(filter, kNotPermitted, SCMP_SYS(mount), 0);
  if (error == 0) error = seccomp_load(filter);
  seccomp_release(filter);
  return error == 0;
}

// In a process with the filter: starts a jail, lets workers of both kinds serve, and says the tier
// and the reason on standard error.
[[noreturn]] void ServeBehind(const Refused& what) {
  if (!Refuse(what)) _exit(2);
  const auto jail = StartJail({.warm_workers = 2});
  if (jail == nullptr) _exit(3);
  // More at once than are ready, so that some are made by exec and some by fork.
  for (int i = 0; i < 6; ++i) {
    if (Ask(*jail, "honest").output.result != kArtifact) _exit(4);
  }
  // The workers' limits hold as ever, and nothing is left between launcher and workers.
  if (!Eventually([&] { return jail->ready_workers() == 2; })) _exit(5);
  if (!Eventually([&] { return IdleWorkers(*jail).size() == 2; })) _exit(6);
  std::cerr << "tier " << TierLetter(jail->tier()) << " because '" << jail->tier_reason() << "'\n";
  _exit(0);
}

// What this machine gives without a filter.
bool HasTierA() {
  const auto jail = StartJail({});
  return jail != nullptr && jail->tier() == Tier::kA;
}

TEST(Namespaces, AreMadeByUnshareWhereCloneMayNot) {
  const std::string expected = HasTierA() ? "tier A because ''" : "tier [BC] because 'tier A: ";
  EXPECT_EXIT(ServeBehind({.clone = true}), ::testing::ExitedWithCode(0), expected);
}

TEST(Namespaces, AreMadeByCloneWhereUnshareMayNot) {
  const std::string expected = HasTierA() ? "tier A because ''" : "tier [BC] because 'tier A: ";
  EXPECT_EXIT(ServeBehind({.unshare = true}), ::testing::ExitedWithCode(0), expected);
}

TEST(Namespaces, WithoutBothTheReasonNamesBoth) {
  EXPECT_EXIT(ServeBehind({.clone = true, .unshare = true}), ::testing::ExitedWithCode(0),
              "because 'tier A: clone\\(namespaces\\): Operation not permitted, "
              "unshare\\(namespaces\\): Operation not permitted");
}

// The whole recipe is tried: namespaces alone, in which nothing may be mounted, are not tier A.
TEST(Namespaces, AreNotEnoughWithoutTheRestOfTheRecipe) {
  if (HasTierA()) {
    EXPECT_EXIT(ServeBehind({.mount = true}), ::testing::ExitedWithCode(0),
                "because 'tier A: mount\\(private\\): Operation not permitted");
  }
}

}  // namespace
}  // namespace loadlock::jail
