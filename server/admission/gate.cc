#include "server/admission/gate.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/observe/error.h"

namespace loadlock::admission {

Slot::Slot(Slot&& other) noexcept
    : gate_(std::exchange(other.gate_, nullptr)), caller_(other.caller_) {}

Slot& Slot::operator=(Slot&& other) noexcept {
  std::swap(gate_, other.gate_);
  std::swap(caller_, other.caller_);
  return *this;
}

Slot::~Slot() {
  if (gate_ != nullptr) gate_->Leave(caller_);
}

Reservation::Reservation(Reservation&& other) noexcept
    : gate_(std::exchange(other.gate_, nullptr)),
      caller_(other.caller_),
      bytes_(std::exchange(other.bytes_, 0)) {}

Reservation& Reservation::operator=(Reservation&& other) noexcept {
  std::swap(gate_, other.gate_);
  std::swap(caller_, other.caller_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

Reservation::~Reservation() { ShrinkTo(0); }

void Reservation::ShrinkTo(uint64_t bytes) {
  if (gate_ == nullptr || bytes >= bytes_) return;
  gate_->GiveBack(caller_, bytes_ - bytes);
  bytes_ = bytes;
}

absl::Status Draining() {
  return observe::Error(absl::StatusCode::kUnavailable, "DRAINING", "the daemon is shutting down");
}

Gate::Gate(const Capacity& capacity)
    : capacity_(capacity),
      places_(uint64_t{capacity.max_running_requests} + capacity.max_queued_requests,
              capacity.max_caller_percent),
      bytes_(capacity.max_total_bytes, capacity.max_caller_percent) {}

absl::StatusOr<Slot> Gate::Enter(const Principal& caller) {
  const std::lock_guard lock(mutex_);
  if (draining_) {
    ++counts_.draining;
    return Draining();
  }
  switch (places_.Take(caller, 1)) {
    case SharedBudget::Answer::kGranted:
      break;
    case SharedBudget::Answer::kFull:
      ++counts_.queue_full;
      return observe::LimitReached(
          "max_queued_requests", capacity_.max_queued_requests,
          absl::StrCat("the queue is full and ", capacity_.max_running_requests,
                       " requests are running; try again later"));
    case SharedBudget::Answer::kOverShare:
      ++counts_.over_share;
      return places_.OverShare(caller, "places for requests");
  }
  return Slot(this, caller);
}

absl::StatusOr<Reservation> Gate::Reserve(const Principal& caller, uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  if (bytes > capacity_.max_total_bytes) {
    ++counts_.bytes_full;
    return observe::LimitReached("max_total_bytes", capacity_.max_total_bytes,
                                 absl::StrCat("this artifact may take ", bytes, " bytes"));
  }
  switch (bytes_.Take(caller, bytes)) {
    case SharedBudget::Answer::kGranted:
      break;
    case SharedBudget::Answer::kFull:
      ++counts_.bytes_full;
      return observe::LimitReached(
          "max_total_bytes", capacity_.max_total_bytes,
          absl::StrCat("running requests and leases hold ", bytes_.taken(),
                       " bytes and this one may take ", bytes, "; try again later"));
    case SharedBudget::Answer::kOverShare:
      ++counts_.over_share;
      return bytes_.OverShare(caller, "bytes");
  }
  return Reservation(this, caller, bytes);
}

absl::Status Gate::Grow(Reservation* reservation, const Principal& caller, uint64_t bytes) {
  absl::StatusOr<Reservation> more = Reserve(caller, bytes);
  if (!more.ok()) return more.status();
  reservation->gate_ = this;
  reservation->caller_ = caller;
  reservation->bytes_ += std::exchange(more->bytes_, 0);
  return absl::OkStatus();
}

void Gate::Drain() {
  const std::lock_guard lock(mutex_);
  draining_ = true;
}

bool Gate::draining() const {
  const std::lock_guard lock(mutex_);
  return draining_;
}

bool Gate::AwaitIdle(absl::Duration timeout) const {
  std::unique_lock lock(mutex_);
  return idle_.wait_for(lock, absl::ToChronoNanoseconds(timeout),
                        [this] { return places_.taken() == 0; });
}

uint32_t Gate::running() const {
  const std::lock_guard lock(mutex_);
  return static_cast<uint32_t>(std::min<uint64_t>(places_.taken(), capacity_.max_running_requests));
}

uint64_t Gate::reserved_bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_.taken();
}

GateCounts Gate::counts() const {
  const std::lock_guard lock(mutex_);
  GateCounts counts = counts_;
  counts.running = std::min<uint64_t>(places_.taken(), capacity_.max_running_requests);
  counts.queued = places_.taken() - counts.running;
  return counts;
}

void Gate::Leave(const Principal& caller) {
  const std::lock_guard lock(mutex_);
  places_.GiveBack(caller, 1);
  if (places_.taken() == 0) idle_.notify_all();
}

void Gate::GiveBack(const Principal& caller, uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  bytes_.GiveBack(caller, bytes);
}

}  // namespace loadlock::admission
