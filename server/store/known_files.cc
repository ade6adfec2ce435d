#include "server/store/known_files.h"

#include <linux/magic.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <ctime>

namespace loadlock::store {
namespace {

constexpr int64_t kSettled = 2'000'000'000;  // Nanoseconds.
// Not in Debian 12's linux/magic.h.
constexpr int64_t kZfs = 0x2fc12fc1;
constexpr int64_t kBcachefs = 0xca451a4e;
constexpr std::array<int64_t, 8> kLocal = {EXT4_SUPER_MAGIC,
                                           XFS_SUPER_MAGIC,
                                           BTRFS_SUPER_MAGIC,
                                           F2FS_SUPER_MAGIC,
                                           TMPFS_MAGIC,
                                           OVERLAYFS_SUPER_MAGIC,
                                           kZfs,
                                           kBcachefs};

bool IsLocal(int fd) {
  struct statfs info {};
  if (fstatfs(fd, &info) != 0) return false;
  const auto type = static_cast<int64_t>(static_cast<uint32_t>(info.f_type));
  return std::find(kLocal.begin(), kLocal.end(), type) != kLocal.end();
}

}  // namespace

std::optional<FileIdentity> SettledIdentity(int fd) {
  const absl::StatusOr<FileIdentity> id = IdentityOf(fd);
  if (!id.ok() || !IsLocal(fd)) return std::nullopt;
  // The clock that the kernel stamps files with. One that was set back makes them look as if they
  // came from the future, and then they are not settled.
  timespec now = {};
  if (clock_gettime(CLOCK_REALTIME_COARSE, &now) != 0) return std::nullopt;
  const int64_t oldest = int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec - kSettled;
  if (id->changed >= oldest || id->modified >= oldest) return std::nullopt;
  return *id;
}

std::optional<std::string> KnownFiles::Find(const FileIdentity& id) {
  const std::lock_guard lock(mutex_);
  const auto found = digests_.find(id);
  if (found == digests_.end()) return std::nullopt;
  order_.splice(order_.begin(), order_, found->second.second);
  return found->second.first;
}

void KnownFiles::Learn(int fd, const FileIdentity& before, const std::string& sha256) {
  const absl::StatusOr<FileIdentity> after = IdentityOf(fd);
  const std::lock_guard lock(mutex_);
  const auto found = digests_.find(before);
  if (found != digests_.end()) {
    order_.erase(found->second.second);
    digests_.erase(found);
  }
  if (!after.ok() || *after != before) return;
  order_.push_front(before);
  digests_[before] = {sha256, order_.begin()};
  if (order_.size() <= kMost) return;
  digests_.erase(order_.back());
  order_.pop_back();
}

}  // namespace loadlock::store
