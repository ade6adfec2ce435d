#include "sandbox/bytes/budget.h"

#include <limits>

namespace loadlock::bytes {
namespace {

// Steps allowed for each node allowed. Real pickles read the memo less than twice a node; 8
// leaves room and keeps the work of the densest stream within a second.
constexpr uint64_t kWorkPerNode = 8;

uint64_t WorkFor(uint64_t nodes) {
  constexpr uint64_t kMax = std::numeric_limits<uint64_t>::max();
  return nodes > kMax / kWorkPerNode ? kMax : nodes * kWorkPerNode;
}

}  // namespace

Budget::Budget(const BudgetLimits& limits)
    : limits_(limits),
      nodes_left_(limits.max_nodes),
      heap_left_(limits.max_heap_bytes),
      decoded_left_(limits.max_decoded_bytes),
      work_left_(WorkFor(limits.max_nodes)) {}

bool Budget::Exhaust(Limit limit) {
  if (exhausted_ == Limit::kNone) exhausted_ = limit;
  return false;
}

const char* Budget::exhausted_rule() const {
  switch (exhausted_) {
    case Limit::kNone:
      return "";
    case Limit::kNodes:
    case Limit::kWork:
      return "BUDGET_NODES";
    case Limit::kHeap:
      return "BUDGET_HEAP";
    case Limit::kDecoded:
      return "BUDGET_DECODED";
  }
  return "";
}

}  // namespace loadlock::bytes
