#include "client/cpp/sealed_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace loadlock::client {
namespace {

constexpr int kNeededSeals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW;

bool IsSealed(int fd) {
  const int seals = fcntl(fd, F_GET_SEALS);
  return seals >= 0 && (seals & kNeededSeals) == kNeededSeals;
}

// A memory file that is not sealed is none: its mode lets others write.
bool IsStored(int fd, const struct stat& status, uid_t owner) {
  const int flags = fcntl(fd, F_GETFL);
  return S_ISREG(status.st_mode) && (status.st_mode & ALLPERMS) == S_IRUSR &&
         status.st_uid == owner && flags >= 0 && (flags & O_ACCMODE) == O_RDONLY;
}

}  // namespace

absl::StatusOr<SealedFile> SealedFile::Map(Fd fd, uint64_t expected_size, uid_t owner,
                                           Access access) {
  struct stat status {};
  if (fstat(fd.get(), &status) != 0) return absl::ErrnoToStatus(errno, "fstat");
  if (!IsSealed(fd.get()) && !IsStored(fd.get(), status, owner)) {
    return absl::FailedPreconditionError(
        "the descriptor that came for the model is not sealed against change");
  }
  if (status.st_size < 0 || static_cast<uint64_t>(status.st_size) != expected_size) {
    return absl::FailedPreconditionError(absl::StrCat("the descriptor holds ", status.st_size,
                                                      " bytes, the report says ", expected_size));
  }
  if (expected_size == 0) return SealedFile();
  // Private even for reading: a shared mapping of a write-sealed memfd is refused by kernels
  // before 6.7, and the pages are the same ones until they are written.
  const int protection = access == Access::kPrivate ? PROT_READ | PROT_WRITE : PROT_READ;
  void* data = mmap(nullptr, expected_size, protection, MAP_PRIVATE, fd.get(), 0);
  if (data == MAP_FAILED) return absl::ErrnoToStatus(errno, "mmap of the model");
  return SealedFile(static_cast<uint8_t*>(data), expected_size);
}

SealedFile::~SealedFile() {
  if (data_ != nullptr) munmap(data_, size_);
}

SealedFile::SealedFile(SealedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

SealedFile& SealedFile::operator=(SealedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

}  // namespace loadlock::client
