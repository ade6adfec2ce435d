#include "server/verify/hash_cost.h"

#include <algorithm>
#include <vector>

namespace loadlock::verify {

bool HashCost::IsContainer(NodeId id) const {
  const v1::NodeKind kind = scope_->view().kind(id);
  return kind == v1::NODE_KIND_TUPLE || kind == v1::NODE_KIND_FROZENSET;
}

uint64_t HashCost::Sum(NodeId id) const {
  uint64_t sum = 1;
  for (const NodeId element : scope_->view().operands(id)) {
    const auto known = known_.find(element);
    sum = std::min(kEndless, sum + (known == known_.end() ? 1 : known->second));
  }
  return sum;
}

uint64_t HashCost::Of(NodeId root) {
  if (!IsContainer(root)) return scope_->Length(Value::Node(root)).value_or(1);
  // Depth first with a stack of its own; a container is left when it is seen again. One that
  // contains itself, which is refused elsewhere, counts itself as a plain value.
  std::vector<NodeId> stack = {root};
  absl::flat_hash_map<NodeId, bool> entered;
  while (!stack.empty()) {
    const NodeId id = stack.back();
    if (known_.contains(id)) {
      stack.pop_back();
    } else if (!entered.insert({id, true}).second) {
      known_[id] = Sum(id);
      stack.pop_back();
    } else {
      for (const NodeId element : scope_->view().operands(id)) {
        if (IsContainer(element) && !entered.contains(element)) stack.push_back(element);
      }
    }
  }
  return known_[root];
}

}  // namespace loadlock::verify
