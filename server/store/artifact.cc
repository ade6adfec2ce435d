#include "server/store/artifact.h"

#include <fcntl.h>
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

namespace loadlock::store {
namespace {

using clock::SteadyTime;

absl::Status TooLarge(uint64_t max_bytes) {
  return observe::LimitReached("max_artifact_bytes", max_bytes, "the artifact is larger");
}

absl::Status WriteAll(int fd, absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      return observe::Error(absl::StatusCode::kResourceExhausted, "OUT_OF_DESCRIPTORS_OR_MEMORY",
                            "no memory for the artifact");
    }
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

}  // namespace

Artifact::Artifact() = default;
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
    got = pread(fd, room.data(), room.size(), static_cast<off_t>(size_));
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
  return WriteAll(fd_.get(), bytes);
}

absl::StatusOr<Artifact> Intake::Finish() {
  Artifact artifact;
  if (hashing_ != nullptr) hashing_->Close();
  faults::FaultPoint(faults::Stage::kCopied);
  if (absl::Status status = Seal(fd_.get()); !status.ok()) return status;
  faults::FaultPoint(faults::Stage::kSealed);
  absl::StatusOr<channel::UniqueFd> reader = ReadOnly(fd_);
  if (!reader.ok()) return reader.status();
  artifact.fd_ = *std::move(reader);
  fd_.Reset();
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

absl::StatusOr<Artifact> TakeFile(int fd, uint64_t size, uint64_t max_bytes) {
  if (size > max_bytes) return TooLarge(max_bytes);
  absl::StatusOr<Intake> intake = Intake::Start(size, max_bytes);
  if (!intake.ok()) return intake.status();
  while (intake->size() < size) {
    absl::StatusOr<uint64_t> got = intake->AppendFrom(fd, size - intake->size());
    if (!got.ok()) return got.status();
    if (*got == 0) {
      return observe::Error(
          absl::StatusCode::kAborted, "FILE_CHANGED",
          absl::StrCat("the file shrank from ", size, " to ", intake->size(), " bytes"));
    }
  }
  return intake->Finish();
}

absl::StatusOr<Artifact> TakeBytes(absl::string_view bytes, uint64_t max_bytes) {
  if (bytes.size() > max_bytes) return TooLarge(max_bytes);
  absl::StatusOr<Intake> intake = Intake::Start(bytes.size(), max_bytes);
  if (!intake.ok()) return intake.status();
  if (absl::Status status = intake->Append(bytes); !status.ok()) return status;
  return intake->Finish();
}

}  // namespace loadlock::store
