// Memory files: made, sealed and reopened read-only.
#ifndef LOADLOCK_SERVER_STORE_MEMFD_H_
#define LOADLOCK_SERVER_STORE_MEMFD_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "sandbox/channel/unique_fd.h"

namespace loadlock::store {

// An empty, sealable memory file that can never be executed (where the kernel knows how to forbid
// it). RESOURCE_EXHAUSTED if there are no descriptors left.
absl::StatusOr<channel::UniqueFd> NewMemfd(const char* name);

// Makes the content of `fd` final: it can neither shrink nor grow nor be written, by anyone, ever.
// FAILED_PRECONDITION if somebody still holds a writable mapping.
absl::Status Seal(int fd);

// True if `fd` has all the seals that Seal sets.
bool IsSealed(int fd);

// A descriptor of the same file that is open for reading only. Where /proc is not mounted this is a
// duplicate of `fd`, and only the seals protect the file.
absl::StatusOr<channel::UniqueFd> ReadOnly(const channel::UniqueFd& fd);

// A memory file for a worker to write to: `max_bytes` long, all of it a hole, and sealed against
// growing, so that the kernel refuses what is beyond. Shorter if this process may not make files as
// long (RLIMIT_FSIZE).
absl::StatusOr<channel::UniqueFd> NewDecoded(uint64_t max_bytes);

// Cuts a file of NewDecoded to the `size` that its worker says it wrote, and seals it.
// FAILED_PRECONDITION if a writable mapping is left; then it may be tried again. INVALID_ARGUMENT
// if `size` is more than the file holds, or part of it was never written.
absl::Status SealDecoded(int fd, uint64_t size);

// Bytes of a memory file, to read. Only for sealed files: a file that shrinks under a mapping kills
// the process. Small ones are copied: with many threads, unmapping costs more than that.
class Mapping {
 public:
  Mapping() = default;
  // `size` 0 gives an empty mapping.
  static absl::StatusOr<Mapping> Map(int fd, uint64_t offset, uint64_t size);
  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&& other) noexcept;
  ~Mapping();

  absl::Span<const uint8_t> bytes() const { return bytes_; }

 private:
  static constexpr uint64_t kCopyBytes = uint64_t{32} << 10;

  absl::Span<const uint8_t> bytes_;
  std::unique_ptr<uint8_t[]> copy_;  // What bytes_ spans, if it was copied.
};

}  // namespace loadlock::store

#endif  // LOADLOCK_SERVER_STORE_MEMFD_H_
