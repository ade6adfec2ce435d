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
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void HashTask::Announce(uint64_t bytes) {
  {
    const std::lock_guard lock(mutex_);
    available_ = bytes;
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

uint64_t HashTask::NextEnd(uint64_t from, bool* stop) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return stop_ || closed_ || available_ >= from + kWindow; });
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
    absl::StatusOr<Mapping> window =
        Mapping::Map(fd_.get(), from, end - from, Mapping::Pages::kNow);
    if (window.ok()) hash.Update(window->bytes());
    failure = window.status();
    spent += absl::Now() - start;
    from = end;
  }
  absl::StatusOr<std::string> digest = failure.ok() ? hash.FinishHex() : failure;
  {
    const std::lock_guard lock(mutex_);
    digest_ = std::move(digest);
    elapsed_ = spent;
    done_ = true;
  }
  changed_.notify_all();
}

}  // namespace loadlock::store
