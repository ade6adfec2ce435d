#include "server/admission/shared_budget.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "server/observe/error.h"

namespace loadlock::admission {
namespace {

// Rounded down, so that of two there is one left; without a product that overflows.
uint64_t Part(uint64_t whole, uint32_t percent) {
  return whole / 100 * percent + whole % 100 * percent / 100;
}

}  // namespace

SharedBudget::Answer SharedBudget::Check(const Principal& caller, uint64_t amount) const {
  const uint64_t free = total_ - taken_;
  if (amount > free) return Answer::kFull;
  const uint64_t held = HeldBy(caller);
  if (held == 0 || held + amount <= Part(held + free, percent_)) return Answer::kGranted;
  return Answer::kOverShare;
}

SharedBudget::Answer SharedBudget::Take(const Principal& caller, uint64_t amount) {
  const Answer answer = Check(caller, amount);
  if (answer == Answer::kGranted && amount > 0) {
    taken_ += amount;
    held_[caller] += amount;
  }
  return answer;
}

void SharedBudget::GiveBack(const Principal& caller, uint64_t amount) {
  const auto found = held_.find(caller);
  if (found == held_.end()) return;
  const uint64_t given = std::min(amount, found->second);
  taken_ -= given;
  found->second -= given;
  if (found->second == 0) held_.erase(found);
}

uint64_t SharedBudget::HeldBy(const Principal& caller) const {
  const auto found = held_.find(caller);
  return found == held_.end() ? 0 : found->second;
}

absl::Status SharedBudget::OverShare(const Principal& caller, absl::string_view what) const {
  return observe::LimitReached(
      "max_caller_percent", percent_,
      absl::StrCat("this caller has ", HeldBy(caller), " of ", total_, " ", what,
                   ", its share of what other callers leave; try again later"));
}

}  // namespace loadlock::admission
