#include "server/store/hash_task.h"

#include <utility>

#include "absl/time/clock.h"
#include "server/store/sha256.h"

namespace loadlock::store {
HashTask::HashTask()
    : memory_(std::make_unique_for_overwrite<uint8_t[]>(kPieces * kPieceBytes)),
      thread_([this] { Run(); }) {}

HashTask::~HashTask() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

absl::Span<uint8_t> HashTask::Next() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return submitted_ - hashed_ < kPieces; });
  return {Place(submitted_), kPieceBytes};
}

void HashTask::Submit(size_t size) {
  {
    const std::lock_guard lock(mutex_);
    sizes_[submitted_ % kPieces] = size;
    ++submitted_;
  }
  changed_.notify_all();
}

void HashTask::Close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  changed_.notify_all();
}

absl::StatusOr<std::string> HashTask::Wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return done_; });
  return digest_;
}

bool HashTask::Done() const {
  const std::lock_guard lock(mutex_);
  return done_;
}

absl::Duration HashTask::elapsed() const {
  const std::lock_guard lock(mutex_);
  return elapsed_;
}

bool HashTask::Take(absl::Span<const uint8_t>* piece) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return stop_ || closed_ || submitted_ > hashed_; });
  if (stop_ || submitted_ == hashed_) return false;
  *piece = {Place(hashed_), sizes_[hashed_ % kPieces]};
  return true;
}

void HashTask::Run() {
  Sha256 hash;
  absl::Duration spent;
  absl::Span<const uint8_t> piece;
  while (Take(&piece)) {
    const absl::Time start = absl::Now();
    hash.Update(piece);
    spent += absl::Now() - start;
    {
      const std::lock_guard lock(mutex_);
      ++hashed_;
    }
    changed_.notify_all();
  }
  absl::StatusOr<std::string> digest = hash.FinishHex();
  {
    const std::lock_guard lock(mutex_);
    // A task that was stopped has no digest that anybody could ask for.
    digest_ = std::move(digest);
    elapsed_ = spent;
    done_ = true;
  }
  changed_.notify_all();
}

}  // namespace loadlock::store
