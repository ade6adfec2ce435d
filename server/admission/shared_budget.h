// One budget that several callers take from, so that none of them can have all of it.
#ifndef LOADLOCK_SERVER_ADMISSION_SHARED_BUDGET_H_
#define LOADLOCK_SERVER_ADMISSION_SHARED_BUDGET_H_

#include <sys/types.h>

#include <cstdint>
#include <optional>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace loadlock::admission {

// Whose requests count together: a user at the other end of the unix socket. Absent: all callers
// over TCP, whom nobody can tell apart.
using Principal = std::optional<uid_t>;

// A caller may hold at most `percent` of what the others leave (dynamic thresholds: Choudhury and
// Hahne, "Dynamic queue length thresholds for shared-memory packet switches", 1998). Alone it has
// that part of the whole, and the rest is there at once for whoever comes; with n of them each
// settles at percent / (100 + (n - 1) * percent) of the whole, 43 % of it for two at 75 %. Nothing
// that was granted is taken back. Who holds nothing may take whatever is free, so that a large
// request can be served at all.
//
// Not thread safe.
class SharedBudget {
 public:
  enum class Answer {
    kGranted,
    kFull,       // Nobody could have as much now.
    kOverShare,  // It is free, but kept for others.
  };

  // `percent` is 1 to 100; 100 keeps nothing for others.
  SharedBudget(uint64_t total, uint32_t percent) : total_(total), percent_(percent) {}

  Answer Check(const Principal& caller, uint64_t amount) const;
  // As Check; takes if that is kGranted.
  Answer Take(const Principal& caller, uint64_t amount);
  // At most what it holds.
  void GiveBack(const Principal& caller, uint64_t amount);

  uint64_t taken() const { return taken_; }
  uint64_t HeldBy(const Principal& caller) const;

  // RESOURCE_EXHAUSTED for kOverShare; `what` in the plural, as in "leases".
  absl::Status OverShare(const Principal& caller, absl::string_view what) const;

 private:
  const uint64_t total_;
  const uint32_t percent_;
  uint64_t taken_ = 0;
  absl::flat_hash_map<Principal, uint64_t> held_;  // Only what is not 0.
};

}  // namespace loadlock::admission

#endif  // LOADLOCK_SERVER_ADMISSION_SHARED_BUDGET_H_
