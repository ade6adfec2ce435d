#include "server/store/artifact.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sandbox/clock/steady_time.h"
#include "sandbox/faults/fault_point.h"
#include "server/observe/error.h"
#include "server/store/hash_task.h"
#include "server/store/memfd.h"
#include "server/store/sha256.h"
#include "server/store/state_folder.h"

namespace loadlock::store {
namespace {

using clock::SteadyTime;

absl::Status TooLarge(uint64_t max_bytes) {
  return observe::LimitReached("max_artifact_bytes", max_bytes, "the artifact is larger");
}

absl::Status Shrank(uint64_t size, uint64_t got) {
  return observe::Error(absl::StatusCode::kAborted, "FILE_CHANGED",
                        absl::StrCat("the file shrank from ", size, " to ", got, " bytes"));
}

// All `size` bytes of a file.
absl::StatusOr<Artifact> TakeAll(Intake intake, int fd, uint64_t size, const Patience& patience) {
  while (intake.size() < size) {
    absl::StatusOr<uint64_t> got = intake.AppendFrom(fd, size - intake.size());
    if (!got.ok()) return got.status();
    if (*got == 0) return Shrank(size, intake.size());
    if (patience == nullptr) continue;
    if (absl::Status status = patience(); !status.ok()) return status;
  }
  return intake.Finish();
}

}  // namespace

absl::StatusOr<SharedFd> OpenAgain(const SharedFd& fd) {
  struct Opened {
    SharedFd original;  // Holds the file, if it is the store's.
    channel::UniqueFd again;
  };
  absl::StatusOr<channel::UniqueFd> again = ReadOnly(*fd);
  if (!again.ok()) return again.status();
  const auto opened = std::make_shared<Opened>(Opened{fd, *std::move(again)});
  return SharedFd(opened, &opened->again);
}

Artifact::Artifact() = default;
Artifact::Artifact(const std::shared_ptr<const Blob>& blob)
    : fd_(blob, &blob->fd), in_memory_(false), size_(blob->size), sha256_(blob->sha256) {}
Artifact::Artifact(Artifact&&) noexcept = default;
Artifact& Artifact::operator=(Artifact&&) noexcept = default;
Artifact::~Artifact() = default;

absl::StatusOr<std::string> Artifact::Sha256() {
  if (hashing_ != nullptr) {
    sha256_ = hashing_->Wait();
    hash_time_ = hashing_->elapsed();
    hashing_.reset();
  }
  return sha256_;
}

bool Artifact::HashKnown() const { return hashing_ == nullptr || hashing_->Done(); }

absl::Status Artifact::Keep() {
  if (new_blob_ == nullptr) return absl::OkStatus();
  if (hashing_ != nullptr || !sha256_.ok()) return absl::InternalError("the digest is not known");
  channel::UniqueFd own(fcntl(fd_->get(), F_DUPFD_CLOEXEC, 3));
  if (!own.valid()) {
    return observe::Error(absl::StatusCode::kResourceExhausted, "OUT_OF_DESCRIPTORS_OR_MEMORY",
                          "no descriptor for the artifact");
  }
  absl::StatusOr<std::shared_ptr<const Blob>> blob =
      store_->Keep(std::move(new_blob_), std::move(own), *sha256_);
  if (!blob.ok()) return blob.status();
  fd_ = SharedFd(*blob, &(*blob)->fd);
  return absl::OkStatus();
}

Intake::Intake(Intake&&) noexcept = default;
Intake::~Intake() = default;

absl::StatusOr<Intake> Intake::Start(uint64_t expected_size, uint64_t max_bytes) {
  Intake intake;
  intake.started_ = SteadyTime::Now();
  intake.max_bytes_ = max_bytes;
  absl::StatusOr<channel::UniqueFd> fd = NewMemfd("loadlock-artifact");
  if (!fd.ok()) return fd.status();
  intake.fd_ = *std::move(fd);
  if (expected_size <= kInlineHashBytes) {
    intake.inline_hash_ = std::make_unique<class Sha256>();
  } else {
    intake.hashing_ = std::make_unique<HashTask>();
  }
  return intake;
}

absl::StatusOr<Intake> Intake::StartFile(uint64_t size, BlobStore* store) {
  Intake intake;
  intake.started_ = SteadyTime::Now();
  intake.max_bytes_ = size;
  absl::StatusOr<std::unique_ptr<NewBlob>> blob = store->Create(size);
  if (!blob.ok()) return blob.status();
  intake.new_blob_ = *std::move(blob);
  intake.store_ = store;
  intake.hashing_ = std::make_unique<HashTask>();
  return intake;
}

absl::Status Intake::Clone(int fd) {
  if (ioctl(out(), FICLONE, fd) != 0) return absl::OkStatus();  // Then it is copied.
  struct stat info {};
  if (fstat(out(), &info) != 0) return absl::ErrnoToStatus(errno, "fstat");
  const auto size = static_cast<uint64_t>(info.st_size);
  if (size < max_bytes_) return Shrank(max_bytes_, size);
  if (ftruncate(out(), static_cast<off_t>(max_bytes_)) != 0) {
    return absl::ErrnoToStatus(errno, "ftruncate");
  }
  cloned_ = true;
  return absl::OkStatus();
}

absl::Status Intake::Append(absl::string_view bytes) {
  if (hashing_ == nullptr) return Take(bytes);
  while (!bytes.empty()) {
    const absl::Span<char> room = Room(bytes.size());
    std::memcpy(room.data(), bytes.data(), room.size());
    if (absl::Status status = Take({room.data(), room.size()}); !status.ok()) return status;
    bytes.remove_prefix(room.size());
  }
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> Intake::AppendFrom(int fd, uint64_t most) {
  const absl::Span<char> room = Room(most);
  ssize_t got = 0;
  do {
    got = pread(cloned_ ? out() : fd, room.data(), room.size(), static_cast<off_t>(size_));
  } while (got < 0 && errno == EINTR);
  if (got < 0) {
    return observe::Error(absl::StatusCode::kUnavailable, "READ_FAILED",
                          "reading the artifact failed");
  }
  const auto count = static_cast<size_t>(got);
  if (absl::Status status = Take({room.data(), count}); !status.ok()) return status;
  return count;
}

absl::Span<char> Intake::Room(uint64_t most) {
  if (hashing_ == nullptr) {
    buffer_.resize(std::min<uint64_t>(most, kInlineHashBytes));
    return absl::MakeSpan(buffer_);
  }
  const absl::Span<uint8_t> room = hashing_->Next();
  return {reinterpret_cast<char*>(room.data()), std::min<size_t>(most, room.size())};
}

// `bytes` are in the last Room if they are hashed by the task. What is hashed is what is written,
// and nobody else can write to the file.
absl::Status Intake::Take(absl::string_view bytes) {
  if (bytes.size() > max_bytes_ - size_) return TooLarge(max_bytes_);
  if (hashing_ != nullptr) {
    hashing_->Submit(bytes.size());
  } else {
    const SteadyTime start = SteadyTime::Now();
    inline_hash_->Update(
        absl::MakeConstSpan(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()));
    inline_hash_time_ += SteadyTime::Now() - start;
  }
  size_ += bytes.size();
  if (cloned_) return absl::OkStatus();
  absl::Status status = WriteAll(out(), bytes, "no room for the artifact");
  if (new_blob_ != nullptr && size_ == bytes.size()) {
    faults::FaultPoint(faults::Stage::kStoreBegun);
  }
  return status;
}

absl::StatusOr<Artifact> Intake::Finish() {
  Artifact artifact;
  if (hashing_ != nullptr) hashing_->Close();
  faults::FaultPoint(faults::Stage::kCopied);
  absl::StatusOr<channel::UniqueFd> reader;
  if (new_blob_ != nullptr) {
    reader = new_blob_->Seal();
  } else {
    if (absl::Status status = Seal(fd_.get()); !status.ok()) return status;
    reader = ReadOnly(fd_);
    fd_.Reset();
  }
  faults::FaultPoint(faults::Stage::kSealed);
  if (!reader.ok()) return reader.status();
  artifact.fd_ = std::make_shared<const channel::UniqueFd>(*std::move(reader));
  artifact.in_memory_ = new_blob_ == nullptr;
  artifact.new_blob_ = std::move(new_blob_);
  artifact.store_ = store_;
  artifact.size_ = size_;
  if (hashing_ != nullptr) {
    artifact.hashing_ = std::move(hashing_);
  } else {
    const SteadyTime start = SteadyTime::Now();
    artifact.sha256_ = inline_hash_->FinishHex();
    if (!artifact.sha256_.ok()) return artifact.sha256_.status();
    artifact.hash_time_ = inline_hash_time_ + (SteadyTime::Now() - start);
  }
  artifact.store_time_ = SteadyTime::Now() - started_ - inline_hash_time_;
  return artifact;
}

absl::StatusOr<Artifact> TakeFile(int fd, uint64_t size, uint64_t max_bytes,
                                  const Patience& patience) {
  if (size > max_bytes) return TooLarge(max_bytes);
  absl::StatusOr<Intake> intake = Intake::Start(size, max_bytes);
  if (!intake.ok()) return intake.status();
  return TakeAll(*std::move(intake), fd, size, patience);
}

absl::StatusOr<Artifact> TakeFileToStore(int fd, uint64_t size, BlobStore* store,
                                         const Patience& patience) {
  absl::StatusOr<Intake> intake = Intake::StartFile(size, store);
  if (!intake.ok()) return intake.status();
  if (absl::Status status = intake->Clone(fd); !status.ok()) return status;
  return TakeAll(*std::move(intake), fd, size, patience);
}

absl::StatusOr<Artifact> TakeBytes(absl::string_view bytes, uint64_t max_bytes) {
  if (bytes.size() > max_bytes) return TooLarge(max_bytes);
  absl::StatusOr<Intake> intake = Intake::Start(bytes.size(), max_bytes);
  if (!intake.ok()) return intake.status();
  if (absl::Status status = intake->Append(bytes); !status.ok()) return status;
  return intake->Finish();
}

}  // namespace loadlock::store
