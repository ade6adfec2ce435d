#include "server/store/hash_task.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "server/store/memfd.h"
#include "server/store/sha256.h"

namespace loadlock::store {
namespace {

// Mapped and hashed at once, then unmapped, so that the daemon's resident memory does not grow with
// the artifact. A multiple of the page size.
constexpr uint64_t kWindow = uint64_t{2} << 20;

}  // namespace

HashTask::HashTask(channel::UniqueFd fd) : fd_(std::move(fd)), thread_([this] { Run(); }) {}

HashTask::~HashTask() {
  {
    absl::MutexLock lock(&mutex_);
    stop_ = true;
  }
  thread_.join();
}

void HashTask::Announce(uint64_t bytes) {
  absl::MutexLock lock(&mutex_);
  available_ = bytes;
}

void HashTask::Close() {
  absl::MutexLock lock(&mutex_);
  closed_ = true;
}

absl::StatusOr<std::string> HashTask::Wait() {
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(&done_));
  return digest_;
}

bool HashTask::Done() const {
  absl::MutexLock lock(&mutex_);
  return done_;
}

absl::Duration HashTask::elapsed() const {
  absl::MutexLock lock(&mutex_);
  return elapsed_;
}

uint64_t HashTask::NextEnd(uint64_t from, bool* stop) {
  absl::MutexLock lock(&mutex_);
  const auto ready = [&]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return stop_ || closed_ || available_ >= from + kWindow;
  };
  mutex_.Await(absl::Condition(&ready));
  *stop = stop_;
  return std::min(available_, from + kWindow);
}

void HashTask::Run() {
  Sha256 hash;
  absl::Status failure;
  absl::Duration spent;
  uint64_t from = 0;
  while (failure.ok()) {
    bool stop = false;
    const uint64_t end = NextEnd(from, &stop);
    if (stop) failure = absl::CancelledError("hashing was stopped");
    if (stop || end == from) break;
    const absl::Time start = absl::Now();
    absl::StatusOr<Mapping> window = Mapping::Map(fd_.get(), from, end - from);
    if (window.ok()) hash.Update(window->bytes());
    failure = window.status();
    spent += absl::Now() - start;
    from = end;
  }
  absl::StatusOr<std::string> digest = failure.ok() ? hash.FinishHex() : failure;
  absl::MutexLock lock(&mutex_);
  digest_ = std::move(digest);
  elapsed_ = spent;
  done_ = true;
}

}  // namespace loadlock::store
