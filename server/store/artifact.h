// An artifact whose bytes can no longer change, and how bytes become one.
#ifndef LOADLOCK_SERVER_STORE_ARTIFACT_H_
#define LOADLOCK_SERVER_STORE_ARTIFACT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "sandbox/channel/unique_fd.h"
#include "sandbox/clock/steady_time.h"
#include "server/store/blob_store.h"

namespace loadlock::store {

// Below this size artifacts are hashed where they are copied; starting a thread costs more than
// hashing this much.
inline constexpr uint64_t kInlineHashBytes = uint64_t{256} << 10;

class HashTask;

// A descriptor of bytes that cannot change, open for reading only. Where it is a file of the store,
// the file stays as long as this is held.
using SharedFd = std::shared_ptr<const channel::UniqueFd>;

// The same bytes, opened once more: whoever gets a descriptor could otherwise move the position at
// which others read, and change its flags. RESOURCE_EXHAUSTED without descriptors.
absl::StatusOr<SharedFd> OpenAgain(const SharedFd& fd);

// Bytes that cannot change, in sealed memory or in a file of the store, and their digest. The
// digest of a large artifact may still be computed when the artifact is handed out; nothing may be
// answered before Sha256 has returned. Movable.
class Artifact {
 public:
  Artifact();
  // What is known already.
  explicit Artifact(const std::shared_ptr<const Blob>& blob);
  Artifact(Artifact&&) noexcept;
  Artifact& operator=(Artifact&&) noexcept;
  ~Artifact();  // Stops a hash that is under way.

  // Open for reading only.
  const SharedFd& fd() const { return fd_; }
  uint64_t size() const { return size_; }

  // Lower-case hex; waits until it is known. INTERNAL if hashing failed.
  absl::StatusOr<std::string> Sha256();
  // True if Sha256 does not wait.
  bool HashKnown() const;

  // If it is a new file, leaves it to the store, which it was written for; without that it ends
  // with the last descriptor. After Sha256. Nothing else changes an artifact whose digest is known,
  // so that several threads may share it then.
  absl::Status Keep();
  // True if it is in memory, not in a file.
  bool in_memory() const { return in_memory_; }

  // What it took to copy and seal, and to hash; the latter counts once Sha256 has returned.
  absl::Duration store_time() const { return store_time_; }
  absl::Duration hash_time() const { return hash_time_; }

 private:
  friend class Intake;

  SharedFd fd_;
  std::unique_ptr<NewBlob> new_blob_;  // Until Keep.
  BlobStore* store_ = nullptr;         // Of new_blob_.
  bool in_memory_ = true;
  uint64_t size_ = 0;
  absl::StatusOr<std::string> sha256_ = std::string();
  std::unique_ptr<HashTask> hashing_;  // Null once the digest is known.
  absl::Duration store_time_;
  absl::Duration hash_time_;
};

// Takes bytes in, in order, and makes them an Artifact. Hashing of large ones runs beside.
class Intake {
 public:
  // `expected_size` decides only how to hash; `max_bytes` is the cap that Append enforces.
  static absl::StatusOr<Intake> Start(uint64_t expected_size, uint64_t max_bytes);
  // Into a file of the store, exactly `size` bytes.
  static absl::StatusOr<Intake> StartFile(uint64_t size, BlobStore* store);
  Intake(Intake&&) noexcept;
  ~Intake();

  // RESOURCE_EXHAUSTED beyond max_bytes, or without memory; then the intake is dead.
  absl::Status Append(absl::string_view bytes);
  // Appends up to `most` bytes of the file, from the offset size() on, and says how many; 0 at its
  // end. UNAVAILABLE if reading fails, else as Append.
  absl::StatusOr<uint64_t> AppendFrom(int fd, uint64_t most);
  uint64_t size() const { return size_; }
  // For StartFile: makes the new file share the blocks of `fd`, where the file system can do that,
  // so that it need not be written. Then AppendFrom only reads it. ABORTED if it has become
  // shorter.
  absl::Status Clone(int fd);
  // Seals. Once, at the end.
  absl::StatusOr<Artifact> Finish();

 private:
  Intake() = default;
  // Where the next bytes may be put: up to `most`, at least one.
  absl::Span<char> Room(uint64_t most);
  absl::Status Take(absl::string_view bytes);
  int out() const { return new_blob_ == nullptr ? fd_.get() : new_blob_->fd(); }

  channel::UniqueFd fd_;               // Memory.
  std::unique_ptr<NewBlob> new_blob_;  // Or a file.
  BlobStore* store_ = nullptr;
  bool cloned_ = false;
  uint64_t size_ = 0;
  uint64_t max_bytes_ = 0;
  clock::SteadyTime started_;
  std::unique_ptr<class Sha256> inline_hash_;  // Small artifacts.
  absl::Duration inline_hash_time_;
  std::vector<char> buffer_;           // Room where no task has some.
  std::unique_ptr<HashTask> hashing_;  // Large ones.
};

// Asked now and then while something takes long; not OK: it ends with that status. May be empty.
using Patience = std::function<absl::Status()>;

// Copies exactly `size` bytes of the file, whatever happens to it meanwhile: what counts is the
// copy. RESOURCE_EXHAUSTED if `size` exceeds `max_bytes`; ABORTED if the file turned out shorter.
absl::StatusOr<Artifact> TakeFile(int fd, uint64_t size, uint64_t max_bytes,
                                  const Patience& patience = nullptr);

// The same, to a file of the store. RESOURCE_EXHAUSTED if there is no room.
absl::StatusOr<Artifact> TakeFileToStore(int fd, uint64_t size, BlobStore* store,
                                         const Patience& patience = nullptr);

// Bytes that came with the request.
absl::StatusOr<Artifact> TakeBytes(absl::string_view bytes, uint64_t max_bytes);

}  // namespace loadlock::store

#endif  // LOADLOCK_SERVER_STORE_ARTIFACT_H_
