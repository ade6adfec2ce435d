#include "server/store/memfd.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/observe/error.h"

namespace loadlock::store {
namespace {

// Linux 6.3; Debian 12's headers do not have it yet.
constexpr unsigned kNoExecSeal = 0x0008U;
// EBUSY does not always mean a writable mapping: the kernel says it too while it holds a page for a
// moment itself, to move it or to see how old it is. A mapping stays, so a few tries tell them
// apart.
constexpr int kSealAttempts = 5;
constexpr absl::Duration kSealPause = absl::Milliseconds(2);
constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;

absl::Status Errno(int error, absl::string_view what) {
  if (error == EMFILE || error == ENFILE || error == ENOMEM) {
    return observe::Error(absl::StatusCode::kResourceExhausted, "OUT_OF_DESCRIPTORS_OR_MEMORY",
                          absl::StrCat(what, ": the system has no descriptors or memory left"));
  }
  return absl::ErrnoToStatus(error, what);
}

}  // namespace

absl::StatusOr<channel::UniqueFd> NewMemfd(const char* name) {
  channel::UniqueFd fd(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | kNoExecSeal));
  if (!fd.valid() && errno == EINVAL) {  // A kernel before 6.3.
    fd.Reset(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  }
  if (!fd.valid()) return Errno(errno, "memfd_create");
  return fd;
}

absl::Status Seal(int fd) {
  for (int attempt = 0; attempt < kSealAttempts; ++attempt) {
    if (fcntl(fd, F_ADD_SEALS, kSeals) == 0) return absl::OkStatus();
    if (errno != EBUSY) return Errno(errno, "F_ADD_SEALS");
    absl::SleepFor(kSealPause);
  }
  return absl::FailedPreconditionError("a writable mapping of the memory file is left");
}

bool IsSealed(int fd) {
  const int seals = fcntl(fd, F_GET_SEALS);
  return seals >= 0 && (seals & kSeals) == kSeals;
}

absl::StatusOr<channel::UniqueFd> ReadOnly(const channel::UniqueFd& fd) {
  const std::string path = absl::StrCat("/proc/self/fd/", fd.get());
  channel::UniqueFd reopened(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (reopened.valid()) return reopened;
  if (errno != ENOENT && errno != EACCES) return Errno(errno, "reopening a memory file");
  channel::UniqueFd duplicate(fcntl(fd.get(), F_DUPFD_CLOEXEC, 3));
  if (!duplicate.valid()) return Errno(errno, "F_DUPFD_CLOEXEC");
  return duplicate;
}

absl::StatusOr<channel::UniqueFd> NewDecoded(uint64_t max_bytes) {
  absl::StatusOr<channel::UniqueFd> fd = NewMemfd("loadlock-decoded");
  if (!fd.ok()) return fd;
  rlimit limit = {};
  if (getrlimit(RLIMIT_FSIZE, &limit) != 0) return Errno(errno, "getrlimit");
  const uint64_t size =
      std::min<uint64_t>({max_bytes, limit.rlim_cur, std::numeric_limits<off_t>::max()});
  if (ftruncate(fd->get(), static_cast<off_t>(size)) != 0) return Errno(errno, "ftruncate");
  if (fcntl(fd->get(), F_ADD_SEALS, F_SEAL_GROW) != 0) return Errno(errno, "F_ADD_SEALS");
  return fd;
}

absl::Status SealDecoded(int fd, uint64_t size) {
  struct stat info {};
  if (fstat(fd, &info) != 0) return Errno(errno, "fstat");
  if (size > static_cast<uint64_t>(info.st_size)) {
    return absl::InvalidArgumentError("more decoded data is told of than there may be");
  }
  if (ftruncate(fd, static_cast<off_t>(size)) != 0) return Errno(errno, "ftruncate");
  if (absl::Status status = Seal(fd); !status.ok()) return status;
  // The end of the file counts as a hole.
  const off_t hole = lseek(fd, 0, SEEK_HOLE);
  if (hole < 0) return Errno(errno, "lseek(SEEK_HOLE)");
  if (static_cast<uint64_t>(hole) < size) {
    return absl::InvalidArgumentError(
        absl::StrCat("decoded data is told of that was not written, at byte ", hole));
  }
  return absl::OkStatus();
}

absl::StatusOr<Mapping> Mapping::Map(int fd, uint64_t offset, uint64_t size) {
  Mapping mapping;
  if (size == 0) return mapping;
  if (size <= kCopyBytes) {
    mapping.copy_ = std::make_unique<uint8_t[]>(size);
    const ssize_t got = pread(fd, mapping.copy_.get(), size, static_cast<off_t>(offset));
    if (got != static_cast<ssize_t>(size)) return absl::InternalError("pread of a memory file");
    mapping.bytes_ = absl::MakeConstSpan(mapping.copy_.get(), size);
    return mapping;
  }
  // Private, because a shared mapping of a file that may be written keeps it from being sealed.
  void* address = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, static_cast<off_t>(offset));
  if (address == MAP_FAILED) return Errno(errno, "mmap");
  mapping.bytes_ = absl::MakeConstSpan(static_cast<const uint8_t*>(address), size);
  return mapping;
}

Mapping::Mapping(Mapping&& other) noexcept
    : bytes_(std::exchange(other.bytes_, {})), copy_(std::move(other.copy_)) {}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  std::swap(copy_, other.copy_);
  return *this;
}

Mapping::~Mapping() {
  if (bytes_.empty() || copy_ != nullptr) return;
  munmap(const_cast<uint8_t*>(bytes_.data()), bytes_.size());
}

}  // namespace loadlock::store
