// How much the daemon takes on: places for requests, and bytes for what they hold.
//
// Both answer at once. Nothing waits here but the bounded number of requests that have a place and
// no thread yet.
#ifndef LOADLOCK_SERVER_ADMISSION_GATE_H_
#define LOADLOCK_SERVER_ADMISSION_GATE_H_

#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/admission/shared_budget.h"

namespace loadlock::admission {

struct Capacity {
  uint32_t max_running_requests = 0;
  uint32_t max_queued_requests = 0;
  uint64_t max_total_bytes = 0;
  // The most that one caller may have of what others leave of each; 100: all.
  uint32_t max_caller_percent = 100;
};

// For who watches; the last four since the start.
struct GateCounts {
  uint64_t running = 0;
  uint64_t queued = 0;
  uint64_t queue_full = 0;
  uint64_t bytes_full = 0;
  uint64_t over_share = 0;
  uint64_t draining = 0;
};

class Gate;

// A request's place; given back when it goes out of scope. Must not outlive the Gate.
class Slot {
 public:
  Slot() = default;
  Slot(Slot&& other) noexcept;
  Slot& operator=(Slot&& other) noexcept;
  ~Slot();

 private:
  friend class Gate;
  Slot(Gate* gate, const Principal& caller) : gate_(gate), caller_(caller) {}

  Gate* gate_ = nullptr;
  Principal caller_;
};

// Bytes out of max_total_bytes; given back when it goes out of scope. Must not outlive the Gate.
class Reservation {
 public:
  Reservation() = default;
  Reservation(Reservation&& other) noexcept;
  Reservation& operator=(Reservation&& other) noexcept;
  ~Reservation();

  // Gives back what is beyond `bytes`; never takes more.
  void ShrinkTo(uint64_t bytes);
  uint64_t bytes() const { return bytes_; }

 private:
  friend class Gate;
  Reservation(Gate* gate, const Principal& caller, uint64_t bytes)
      : gate_(gate), caller_(caller), bytes_(bytes) {}

  Gate* gate_ = nullptr;
  Principal caller_;
  uint64_t bytes_ = 0;
};

// UNAVAILABLE: the daemon is shutting down.
absl::Status Draining();

// Thread safe.
class Gate {
 public:
  explicit Gate(const Capacity& capacity);

  // RESOURCE_EXHAUSTED when running and queue are full or the caller has its share of them,
  // UNAVAILABLE while draining.
  absl::StatusOr<Slot> Enter(const Principal& caller);

  // RESOURCE_EXHAUSTED when max_total_bytes or the caller's share would be exceeded; says whether
  // waiting can help.
  absl::StatusOr<Reservation> Reserve(const Principal& caller, uint64_t bytes);

  // Adds `bytes` to a reservation of this gate and caller, or to an empty one; errors as Reserve.
  absl::Status Grow(Reservation* reservation, const Principal& caller, uint64_t bytes);

  // From now on Enter answers UNAVAILABLE.
  void Drain();
  bool draining() const;

  // Waits until no request has a place. False if that took longer than `timeout`.
  bool AwaitIdle(absl::Duration timeout) const;

  // Requests that have a place, at most the running ones.
  uint32_t running() const;
  uint64_t reserved_bytes() const;
  GateCounts counts() const;

 private:
  friend class Slot;
  friend class Reservation;
  void Leave(const Principal& caller);
  void GiveBack(const Principal& caller, uint64_t bytes);

  const Capacity capacity_;
  mutable std::mutex mutex_;  // Guards what follows.
  mutable std::condition_variable idle_;
  SharedBudget places_;
  SharedBudget bytes_;
  bool draining_ = false;
  GateCounts counts_;  // But for running and queued.
};

}  // namespace loadlock::admission

#endif  // LOADLOCK_SERVER_ADMISSION_GATE_H_
