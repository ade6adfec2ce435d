#include <vector>

#include "absl/container/flat_hash_set.h"
#include "server/verify/general_rules.h"
#include "server/verify/schemas/schemas.h"

namespace loadlock::verify {
namespace {

// Anything but values that are made by calls or by their constructors, in the value or below it.
bool HoldsModels(const Scope& scope, Value value) {
  if (!value.is_node()) return false;
  std::vector<NodeId> stack = {value.index};
  absl::flat_hash_set<NodeId> seen = {value.index};
  while (!stack.empty()) {
    const NodeId id = stack.back();
    stack.pop_back();
    if (scope.view().kind(id) == v1::NODE_KIND_OBJECT) {
      const std::optional<Instance> object = scope.InstanceOf(Value::Node(id));
      if (!object || object->entry->trust() != v1::TRUST_BY_NAME_AND_PARAMS) return true;
    } else if (scope.view().kind(id) != v1::NODE_KIND_CALL &&
               scope.topology().holds_instance[id] == 0) {
      continue;
    }
    const Children children = scope.view().children(id);
    if (!scope.view().Spend(1 + children.count)) return true;
    for (uint32_t i = 0; i < children.count; ++i) {
      if (children[i] != kAbsent && seen.insert(children[i]).second) stack.push_back(children[i]);
    }
  }
  return false;
}

// An instance by itself, judged by its own rules, or values.
bool IsPart(const Scope& scope, Value value) {
  if (scope.view().Is(value, v1::NODE_KIND_OBJECT)) return scope.InstanceOf(value).has_value();
  return scope.KindOf(value) != v1::VALUE_KIND_NAME && !HoldsModels(scope, value);
}

}  // namespace

// Items are attributes too. The state is not read: the class ignores it.
Check CheckBunch(const Scope& scope, const Instance& object) {
  const absl::Span<const uint32_t> operands = scope.view().operands(object.node);
  if (operands[1] != kAbsent && scope.Length(Value::Node(operands[1])) != 0) {
    return Broken{"", "a Bunch is made with arguments"};
  }
  if (operands[3] != kAbsent) return Broken{"", "a Bunch has items of a list"};
  if (operands[2] != kAbsent && (!object.state.ok() || object.state.ordered() ||
                                 scope.topology().holds_instance[operands[2]] != 0)) {
    return Broken{"", "the state of a Bunch is no plain dict, or holds an object"};
  }
  if (operands[4] == kAbsent) return std::nullopt;
  const Mapping items(scope.view(), Value::Node(operands[4]));
  if (!items.ok() || !items.str_keys()) return Broken{"", "the names of a Bunch are no texts"};
  for (uint32_t i = 0; i < items.size(); ++i) {
    // Looked up as attributes by Python and numpy themselves: __array_interface__ and its like.
    if (KeyRuleBroken(items.str_key(i)) == "DUNDER_KEY") {
      return Broken{"", "a name in a Bunch is one that Python gives a meaning"};
    }
    if (!IsPart(scope, items.value(i))) {
      return Broken{"", "a Bunch holds objects by their names, or values"};
    }
  }
  return std::nullopt;
}

}  // namespace loadlock::verify
