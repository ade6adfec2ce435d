// Bytes that are not changed any more: a sealed memfd or a file of the daemon's store, mapped.
//
// Nobody can write to the first. The second only the daemon's user could open for writing, after
// changing its mode, and the daemon never does: it is trusted with the verdict as well.
#ifndef LOADLOCK_CLIENT_CPP_SEALED_FILE_H_
#define LOADLOCK_CLIENT_CPP_SEALED_FILE_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "client/cpp/fd.h"

namespace loadlock::client {

enum class Access {
  // A write is a fault.
  kReadOnly,
  // Writable; a written page becomes this process's own copy.
  kPrivate,
};

class SealedFile {
 public:
  // Maps `fd`, which is closed either way. FAILED_PRECONDITION unless it is sealed
  // against writing, shrinking and growing (else the sender could change what was vetted), or
  // is a regular file of `owner`, 0400 and open for reading only; and has exactly
  // `expected_size` bytes. A file of size 0 has no mapping.
  static absl::StatusOr<SealedFile> Map(Fd fd, uint64_t expected_size, uid_t owner, Access access);

  SealedFile() = default;
  ~SealedFile();
  SealedFile(SealedFile&& other) noexcept;
  SealedFile& operator=(SealedFile&& other) noexcept;
  SealedFile(const SealedFile&) = delete;
  SealedFile& operator=(const SealedFile&) = delete;

  // Writable only if mapped with kPrivate.
  absl::Span<uint8_t> bytes() const { return {data_, size_}; }

 private:
  SealedFile(uint8_t* data, size_t size) : data_(data), size_(size) {}

  uint8_t* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace loadlock::client

#endif  // LOADLOCK_CLIENT_CPP_SEALED_FILE_H_
