// The daemon's own folder on disk: who may see it, and what it belongs to.
//
// Everything in it is written by this daemon alone: the folder is 0700 and the daemon's, files are
// complete before they have their names, and one daemon at a time holds the lock. Nothing that is
// read back is believed for that: see BlobStore and OutputStore.
#ifndef LOADLOCK_SERVER_STORE_STATE_FOLDER_H_
#define LOADLOCK_SERVER_STORE_STATE_FOLDER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "sandbox/channel/unique_fd.h"

namespace loadlock::store {

// What distinguishes a file from any other, and from itself when it was another: the times are
// nanoseconds since 1970, by the clock of the file system.
struct FileIdentity {
  uint64_t device = 0;
  uint64_t inode = 0;
  uint64_t size = 0;
  int64_t modified = 0;
  int64_t changed = 0;

  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
  template <typename H>
  friend H AbslHashValue(H hash, const FileIdentity& id) {
    return H::combine(std::move(hash), id.device, id.inode, id.size, id.modified, id.changed);
  }
};

absl::StatusOr<FileIdentity> IdentityOf(int fd);

class StateFolder {
 public:
  // Opens the folder, which is made if it is missing (its parent is not), and takes its lock.
  // What it holds for another `scope`, or of another layout, is removed. FAILED_PRECONDITION if it
  // is not a folder of this user that is closed to all others; UNAVAILABLE if another daemon has
  // it.
  static absl::StatusOr<StateFolder> Open(const std::string& path, absl::string_view scope);

  // A folder in it, 0700, made if it is missing.
  absl::StatusOr<channel::UniqueFd> Subfolder(const std::string& name) const;

  // 32 random bytes that only this folder has; made at its first use.
  absl::StatusOr<std::string> Key() const;

 private:
  channel::UniqueFd fd_;
  channel::UniqueFd lock_;
};

// A regular file of this user in a folder of StateFolder.
struct ListedFile {
  std::string name;
  FileIdentity id;
};

// All files of a subfolder, oldest first, but those that began and were never finished: these, and
// whatever else does not belong there, are removed.
absl::StatusOr<std::vector<ListedFile>> ListAndClean(int folder);

// What the names of files begin with that are being written.
inline constexpr char kTemporary[] = "new-";

// Writes all of `bytes`; RESOURCE_EXHAUSTED if the disk or the limit of file sizes is full.
absl::Status WriteAll(int fd, absl::string_view bytes, absl::string_view what);

// Gives a complete file its final name for good: its bytes are on the disk before the name is, and
// the name before this returns. `temporary` is gone afterwards, whatever happens.
absl::Status Publish(int folder, int fd, const std::string& temporary, const std::string& name);

// A complete file with that content, 0400.
absl::Status WriteFile(int folder, const std::string& name, absl::string_view bytes);

// Its content if it is a regular file of at most `max_bytes`.
absl::StatusOr<std::string> ReadFile(int folder, const std::string& name, uint64_t max_bytes);

}  // namespace loadlock::store

#endif  // LOADLOCK_SERVER_STORE_STATE_FOLDER_H_
