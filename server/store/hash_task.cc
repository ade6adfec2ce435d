#include "server/store/hash_task.h"

#include <sched.h>

#include <utility>

#include "sandbox/clock/steady_time.h"
#include "server/store/sha256.h"

namespace loadlock::store {
namespace {

using clock::SteadyTime;

// Moves this thread off processor `busy`; where there is no other processor nothing happens.
void MoveOff(int busy) {
  cpu_set_t allowed;
  if (busy < 0 || sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return;
  cpu_set_t others = allowed;
  CPU_CLR(static_cast<size_t>(busy), &others);
  if (CPU_COUNT(&others) == 0 || sched_setaffinity(0, sizeof(others), &others) != 0) return;
  sched_setaffinity(0, sizeof(allowed), &allowed);  // It stays where it is, but may move again.
}

}  // namespace

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
    processor_ = sched_getcpu();
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

bool HashTask::Take(absl::Span<const uint8_t>* piece, int* processor) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return stop_ || closed_ || submitted_ > hashed_; });
  if (stop_ || submitted_ == hashed_) return false;
  *piece = {Place(hashed_), sizes_[hashed_ % kPieces]};
  *processor = processor_;
  return true;
}

void HashTask::Run() {
  Sha256 hash;
  absl::Duration spent;
  absl::Span<const uint8_t> piece;
  int processor = -1;
  uint64_t taken = 0;
  uint64_t next_move = 1;
  while (Take(&piece, &processor)) {
    // The threads wake each other so often that the scheduler, which looks at wake-ups, leaves both
    // on one processor beside an idle one; then the copy takes as long as copy and hash together.
    // Ever more seldom, because the other processors may have work of their own.
    if (++taken >= next_move && sched_getcpu() == processor) {
      MoveOff(processor);
      next_move = 2 * taken;
    }
    const SteadyTime start = SteadyTime::Now();
    hash.Update(piece);
    spent += SteadyTime::Now() - start;
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
