// Which bytes the files held that were read: so that a file which has not changed need not be read
// again.
#ifndef LOADLOCK_SERVER_STORE_KNOWN_FILES_H_
#define LOADLOCK_SERVER_STORE_KNOWN_FILES_H_

#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "server/store/state_folder.h"

namespace loadlock::store {

// The identity of an open file, if it says that its bytes are those that it had when the same was
// found before:
// - on a file system of this machine, which stamps every change itself. Over a network attributes
//   are cached, and a server has a clock of its own; a user's file system (FUSE) says what it
//   likes.
// - when the last change was more than two seconds ago. A file that is changed twice within one
// tick
//   of the clock has one identity and two contents (git's "racily clean" entries); two seconds are
//   the coarsest ticks that there are.
// What is missed: a process that has mapped the file for writing and wrote to that page before can
// write to it again, and for up to half a minute the file's times do not tell. It gets the bytes
// that were vetted, never others.
std::optional<FileIdentity> SettledIdentity(int fd);

// Thread safe. In memory alone: after a start every file is read once.
class KnownFiles {
 public:
  // Lower-case hex of SHA-256.
  std::optional<std::string> Find(const FileIdentity& id);
  // `before` is what SettledIdentity said before the file was read. It is forgotten if the file has
  // another one by now.
  void Learn(int fd, const FileIdentity& before, const std::string& sha256);

 private:
  // Some 200 bytes each.
  static constexpr size_t kMost = 1U << 16;
  using Order = std::list<FileIdentity>;

  std::mutex mutex_;  // Guards what follows.
  Order order_;       // The most recently used first.
  absl::flat_hash_map<FileIdentity, std::pair<std::string, Order::iterator>> digests_;
};

}  // namespace loadlock::store

#endif  // LOADLOCK_SERVER_STORE_KNOWN_FILES_H_
