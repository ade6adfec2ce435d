// Points in time that only pass. Deadlines, leases and pauses are measured by them: the wall clock
// jumps when somebody sets it or the machine wakes up, and must neither end a request early nor
// keep a lease for ever. A type of its own, so that the two cannot be mixed.
#ifndef LOADLOCK_SANDBOX_CLOCK_STEADY_TIME_H_
#define LOADLOCK_SANDBOX_CLOCK_STEADY_TIME_H_

#include <compare>
#include <ctime>

#include "absl/time/time.h"

namespace loadlock::clock {

class SteadyTime {
 public:
  // As Now() of CLOCK_MONOTONIC's start.
  constexpr SteadyTime() = default;

  static SteadyTime Now() {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return SteadyTime(absl::DurationFromTimespec(now));
  }
  static constexpr SteadyTime InfiniteFuture() { return SteadyTime(absl::InfiniteDuration()); }
  static constexpr SteadyTime InfinitePast() { return SteadyTime(-absl::InfiniteDuration()); }

  friend SteadyTime operator+(SteadyTime time, absl::Duration step) {
    return SteadyTime(time.since_start_ + step);
  }
  friend SteadyTime operator-(SteadyTime time, absl::Duration step) {
    return SteadyTime(time.since_start_ - step);
  }
  friend absl::Duration operator-(SteadyTime a, SteadyTime b) {
    return a.since_start_ - b.since_start_;
  }
  friend constexpr bool operator==(SteadyTime a, SteadyTime b) {
    return a.since_start_ == b.since_start_;
  }
  friend constexpr std::weak_ordering operator<=>(SteadyTime a, SteadyTime b) {
    if (a.since_start_ < b.since_start_) return std::weak_ordering::less;
    return a == b ? std::weak_ordering::equivalent : std::weak_ordering::greater;
  }

 private:
  explicit constexpr SteadyTime(absl::Duration since_start) : since_start_(since_start) {}

  absl::Duration since_start_;
};

}  // namespace loadlock::clock

#endif  // LOADLOCK_SANDBOX_CLOCK_STEADY_TIME_H_
