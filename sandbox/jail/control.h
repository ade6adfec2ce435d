// The messages between the daemon and the launcher, over an AF_UNIX SOCK_SEQPACKET pair.
//
// Both ends are trusted and built together, so a message is a plain struct; the version in it makes
// a mixed installation an error instead of a misunderstanding. Workers never hold this socket.
//
//   daemon -> launcher   kConfigure once, then kSpawn*
//   launcher -> daemon   kTier once (with a pidfd of the process that serves), then for each kSpawn
//                        either kFailed, or kSpawned (with the daemon's end of the channel and a
//                        pidfd) and later kExited
// kExited may bring a replacement (with its two descriptors): a worker that has served is replaced
// in the same breath, so that a full pool costs one message a request and not four. What ends any
// other way is reported only, and the daemon decides how soon to try again.
// When the daemon's end closes, the launcher kills its workers and exits.
#ifndef LOADLOCK_SANDBOX_JAIL_CONTROL_H_
#define LOADLOCK_SANDBOX_JAIL_CONTROL_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/channel/unique_fd.h"
#include "sandbox/jail/tier.h"

namespace loadlock::jail {

// The launcher's end of the socket, in the launcher.
inline constexpr int kControlFd = 3;
inline constexpr uint32_t kControlVersion = 2;

enum class MessageKind : uint32_t { kConfigure = 1, kTier, kSpawn, kSpawned, kFailed, kExited };

enum class SpawnMode : uint8_t {
  kExec,  // a fresh address space: for the warm pool, where nobody waits for it
  kFork,  // a copy of the launcher: a third of the time, for the overflow and for bursts
};

// Replacements get ids of the launcher's own, beyond the daemon's.
inline constexpr uint64_t kFirstReplacement = uint64_t{1} << 63;

// The limits in plain numbers.
struct RawLimits {
  uint64_t heap_bytes = 0;
  uint64_t address_space_bytes = 0;
  uint64_t file_bytes = 0;
  uint64_t cpu_seconds = 0;
};
RawLimits ToRaw(const WorkerLimits& limits);

// One message; which fields mean something depends on its kind.
struct Message {
  static constexpr size_t kMaxText = 1000;

  MessageKind kind = MessageKind::kConfigure;
  uint32_t version = kControlVersion;
  // kSpawn, kSpawned, kFailed, kExited: the worker.
  uint64_t id = 0;
  // kConfigure: the best tier to try, and the worst. kTier: the tier that works.
  Tier tier = Tier::kA;
  Tier minimum = Tier::kC;
  // kTier: false if no tier works.
  bool usable = false;
  // kConfigure: how many workers the launcher replaces by itself.
  uint32_t warm_workers = 0;
  // kSpawn: somebody waits for it.
  bool urgent = false;
  // kExited: the worker that stands in for it, 0 for none.
  uint64_t replacement = 0;
  // kExited: as waitid says (CLD_*) and what the process used.
  int32_t exit_code = 0;
  int32_t exit_status = 0;
  uint64_t max_rss_bytes = 0;
  uint64_t cpu_microseconds = 0;
  // kConfigure.
  RawLimits limits;
  // kTier, kFailed: why.
  uint32_t text_size = 0;
  std::array<char, kMaxText> text = {};

  void SetText(std::string_view value);
  std::string Text() const;
};

// Blocks if the socket is full, unless `flags` holds MSG_DONTWAIT. False with errno on error.
bool SendMessage(int fd, const Message& message, const std::vector<int>& fds, int flags);

enum class Received { kMessage, kNothing, kClosed };

// Blocks unless `flags` holds MSG_DONTWAIT (then kNothing if there is no message). kClosed too for
// another version or size, or values that there are not: the other end is not ours.
Received ReceiveMessage(int fd, Message* message, std::array<channel::UniqueFd, 2>* fds, int flags);

}  // namespace loadlock::jail

#endif  // LOADLOCK_SANDBOX_JAIL_CONTROL_H_
