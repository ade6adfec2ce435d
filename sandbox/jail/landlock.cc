#include "sandbox/jail/landlock.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>

#include "sandbox/channel/unique_fd.h"
#include "sandbox/jail/layers.h"

namespace loadlock::jail {
namespace {

// The kernel's struct landlock_ruleset_attr, newest form: the headers of the build machine may be
// older than the kernel that runs us.
struct RulesetAttr {
  uint64_t handled_access_fs;
  uint64_t handled_access_net;  // since ABI 4
  uint64_t scoped;              // since ABI 6
};

constexpr uint32_t kCreateRulesetVersion = 1;

constexpr uint64_t Bits(int count) { return (uint64_t{1} << count) - 1; }

// Rights are numbered in the order in which they came, so an ABI has the first n of them.
RulesetAttr EverythingOf(long abi) {
  RulesetAttr attr = {};
  attr.handled_access_fs = Bits(13);                // EXECUTE ... MAKE_SYM
  if (abi >= 2) attr.handled_access_fs = Bits(14);  // REFER
  if (abi >= 3) attr.handled_access_fs = Bits(15);  // TRUNCATE
  if (abi >= 5) attr.handled_access_fs = Bits(16);  // IOCTL_DEV
  if (abi >= 4) attr.handled_access_net = Bits(2);  // BIND_TCP, CONNECT_TCP
  if (abi >= 6) attr.scoped = Bits(2);              // ABSTRACT_UNIX_SOCKET, SIGNAL
  return attr;
}

size_t SizeFor(long abi) {
  if (abi >= 6) return sizeof(RulesetAttr);
  return abi >= 4 ? offsetof(RulesetAttr, scoped) : offsetof(RulesetAttr, handled_access_net);
}

}  // namespace

CallResult RestrictWithLandlock() {
  if (IsOff(kLayerLandlock)) return {};
  const long abi = syscall(SYS_landlock_create_ruleset, nullptr, 0, kCreateRulesetVersion);
  if (abi < 0) return Failed("landlock_create_ruleset");
  const RulesetAttr attr = EverythingOf(abi);
  const channel::UniqueFd ruleset(
      static_cast<int>(syscall(SYS_landlock_create_ruleset, &attr, SizeFor(abi), 0)));
  if (!ruleset.valid()) return Failed("landlock_create_ruleset");
  if (syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0) {
    return Failed("landlock_restrict_self");
  }
  return {};
}

}  // namespace loadlock::jail
