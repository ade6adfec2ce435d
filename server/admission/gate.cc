#include "server/admission/gate.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/observe/error.h"

namespace loadlock::admission {

Slot::Slot(Slot&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}

Slot& Slot::operator=(Slot&& other) noexcept {
  std::swap(gate_, other.gate_);
  return *this;
}

Slot::~Slot() {
  if (gate_ != nullptr) gate_->Leave();
}

Reservation::Reservation(Reservation&& other) noexcept
    : gate_(std::exchange(other.gate_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

Reservation& Reservation::operator=(Reservation&& other) noexcept {
  std::swap(gate_, other.gate_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

Reservation::~Reservation() { ShrinkTo(0); }

void Reservation::ShrinkTo(uint64_t bytes) {
  if (gate_ == nullptr || bytes >= bytes_) return;
  gate_->GiveBack(bytes_ - bytes);
  bytes_ = bytes;
}

absl::StatusOr<Slot> Gate::Enter() {
  const std::lock_guard lock(mutex_);
  if (draining_) {
    return observe::Error(absl::StatusCode::kUnavailable, "DRAINING",
                          "the daemon is shutting down");
  }
  const uint64_t places = uint64_t{capacity_.max_running_requests} + capacity_.max_queued_requests;
  if (places_taken_ >= places) {
    return observe::LimitReached(
        "max_queued_requests", capacity_.max_queued_requests,
        absl::StrCat("the queue is full and ", capacity_.max_running_requests,
                     " requests are running; try again later"));
  }
  ++places_taken_;
  return Slot(this);
}

absl::StatusOr<Reservation> Gate::Reserve(uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  if (bytes > capacity_.max_total_bytes) {
    return observe::LimitReached("max_total_bytes", capacity_.max_total_bytes,
                                 absl::StrCat("this artifact may take ", bytes, " bytes"));
  }
  if (bytes > capacity_.max_total_bytes - reserved_) {
    return observe::LimitReached(
        "max_total_bytes", capacity_.max_total_bytes,
        absl::StrCat("running requests and leases hold ", reserved_,
                     " bytes and this one may take ", bytes, "; try again later"));
  }
  reserved_ += bytes;
  return Reservation(this, bytes);
}

absl::Status Gate::Grow(Reservation* reservation, uint64_t bytes) {
  absl::StatusOr<Reservation> more = Reserve(bytes);
  if (!more.ok()) return more.status();
  reservation->gate_ = this;
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
                        [this] { return places_taken_ == 0; });
}

uint32_t Gate::running() const {
  const std::lock_guard lock(mutex_);
  return static_cast<uint32_t>(std::min<uint64_t>(places_taken_, capacity_.max_running_requests));
}

uint64_t Gate::reserved_bytes() const {
  const std::lock_guard lock(mutex_);
  return reserved_;
}

void Gate::Leave() {
  const std::lock_guard lock(mutex_);
  if (--places_taken_ == 0) idle_.notify_all();
}

void Gate::GiveBack(uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  reserved_ -= bytes;
}

}  // namespace loadlock::admission
