// Lets a few events through a second and counts the rest.
#ifndef LOADLOCK_SERVER_OBSERVE_RATE_LIMIT_H_
#define LOADLOCK_SERVER_OBSERVE_RATE_LIMIT_H_

#include <cstdint>
#include <mutex>
#include <optional>

#include "absl/time/time.h"
#include "sandbox/clock/steady_time.h"

namespace loadlock::observe {

// Thread safe.
class RateLimit {
 public:
  explicit RateLimit(uint32_t per_second) : per_second_(per_second) {}

  // Absent: drop this event. Else how many were dropped since the last one that passed.
  std::optional<uint64_t> Pass(clock::SteadyTime now) {
    const std::scoped_lock lock(mutex_);
    if (now - second_began_ >= absl::Seconds(1)) {
      second_began_ = now;
      passed_ = 0;
    }
    if (passed_ == per_second_) {
      ++dropped_;
      return std::nullopt;
    }
    ++passed_;
    const uint64_t dropped = dropped_;
    dropped_ = 0;
    return dropped;
  }

 private:
  const uint32_t per_second_;
  std::mutex mutex_;
  clock::SteadyTime second_began_ = clock::SteadyTime::InfinitePast();
  uint32_t passed_ = 0;
  uint64_t dropped_ = 0;
};

}  // namespace loadlock::observe

#endif  // LOADLOCK_SERVER_OBSERVE_RATE_LIMIT_H_
