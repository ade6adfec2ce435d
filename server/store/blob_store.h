// Copies of large artifacts on disk, by their SHA-256.
//
// A digest is believed only if this process has computed it: of the bytes while it wrote them, or
// of the file when it found it, at its first use after the start. So neither a crash in the middle
// of a write, nor a disk that forgets, nor somebody who changed the folder while no daemon had it
// leads to other bytes than those of the digest. A file that has changed since (which its times
// tell) is read again, and removed if it is not what it should be.
//
// Who could change a file that is handed over? It is 0400 in a folder 0700: processes of the
// daemon's own user, and root. Callers and workers get descriptors that are open for reading, and
// cannot make more of them.
#ifndef LOADLOCK_SERVER_STORE_BLOB_STORE_H_
#define LOADLOCK_SERVER_STORE_BLOB_STORE_H_

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sandbox/channel/unique_fd.h"
#include "server/store/background.h"
#include "server/store/state_folder.h"

namespace loadlock::store {

// A file that stays as long as somebody holds this.
struct Blob {
  channel::UniqueFd fd;  // Open for reading only.
  uint64_t size = 0;
  std::string sha256;
};

class BlobStore;

// A file that is being written, and its part of the quota. Without Keep it is removed.
class NewBlob {
 public:
  ~NewBlob();
  NewBlob(const NewBlob&) = delete;
  NewBlob& operator=(const NewBlob&) = delete;

  // Open for reading and writing, until Seal.
  int fd() const { return writer_.get(); }
  // No more is written from now on, by anybody: the file becomes 0400 and the writing descriptor
  // is closed. The one that is left is open for reading only. Once.
  absl::StatusOr<channel::UniqueFd> Seal();

 private:
  friend class BlobStore;
  NewBlob(BlobStore* store, std::string name, uint64_t size)
      : store_(store), name_(std::move(name)), size_(size) {}

  BlobStore* const store_;
  std::string name_;  // Empty once the store has it.
  const uint64_t size_;
  channel::UniqueFd writer_;
};

struct StoreUse {
  uint64_t files = 0;
  uint64_t bytes = 0;
};

// Thread safe.
class BlobStore {
 public:
  // `folder` is a subfolder of StateFolder. What it holds beyond `max_bytes` is removed, oldest
  // first. `background` must outlive the store.
  static absl::StatusOr<std::unique_ptr<BlobStore>> Open(channel::UniqueFd folder,
                                                         uint64_t max_bytes,
                                                         Background* background);
  ~BlobStore();

  // Room for `size` bytes, for which files that nobody holds are removed, the least recently used
  // first. RESOURCE_EXHAUSTED if those that are held leave too little.
  absl::StatusOr<std::unique_ptr<NewBlob>> Create(uint64_t size);

  // Takes over a sealed file whose bytes have that digest, which the caller has computed. `fd` is
  // what Seal gave. It is brought to the disk later, and served at once.
  absl::StatusOr<std::shared_ptr<const Blob>> Keep(std::unique_ptr<NewBlob> blob,
                                                   channel::UniqueFd fd, const std::string& sha256);

  // Whether Find would try.
  bool Has(const std::string& sha256, uint64_t size) const;
  // NOT_FOUND if there is none, or none any more.
  absl::StatusOr<std::shared_ptr<const Blob>> Find(const std::string& sha256);
  // It goes before all others when room is needed.
  void Demote(const std::string& sha256);

  StoreUse use() const;
  uint64_t max_bytes() const { return max_bytes_; }

 private:
  friend class NewBlob;
  struct Entry {
    std::string name;  // Of its file: the digest, or, before it is on the disk, another.
    FileIdentity id;
    bool verified = false;
    std::weak_ptr<const Blob> held = {};
    std::list<std::string>::iterator use = {};  // In order_.
  };
  using Entries = absl::flat_hash_map<std::string, Entry>;

  BlobStore(channel::UniqueFd folder, uint64_t max_bytes, Background* background)
      : folder_(std::move(folder)), max_bytes_(max_bytes), background_(background) {}
  absl::Status Load();
  // With mutex_ held.
  Entries::iterator Insert(const std::string& sha256, Entry entry);
  void Remove(Entries::iterator entry);
  bool MakeRoom(uint64_t size);
  absl::StatusOr<std::shared_ptr<const Blob>> Hold(Entries::iterator entry);

  absl::Status Verify(const Blob& blob, const FileIdentity& id);
  void Publish(const std::string& sha256, const std::string& temporary, int fd);
  void GiveUp(const std::string& name, uint64_t size);

  const channel::UniqueFd folder_;
  const uint64_t max_bytes_;
  Background* const background_;
  mutable std::mutex mutex_;  // Guards what follows.
  Entries entries_;
  std::list<std::string> order_;  // Digests, the most recently used first.
  uint64_t bytes_ = 0;            // Of entries and of files that are being written.
  uint64_t made_ = 0;
};

}  // namespace loadlock::store

#endif  // LOADLOCK_SERVER_STORE_BLOB_STORE_H_
