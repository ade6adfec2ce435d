#include "server/verify/general_rules.h"
#include "server/verify/schemas/schemas.h"

namespace loadlock::verify {
namespace {

// An instance by itself, judged by its own rules, or plain values.
bool IsPart(const Scope& scope, Value value) {
  const v1::ValueKind kind = scope.KindOf(value);
  if (kind == v1::VALUE_KIND_OBJECT) return scope.InstanceOf(value).has_value();
  return kind != v1::VALUE_KIND_NAME &&
         !(value.is_node() && scope.topology().holds_instance[value.index] != 0);
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
      return Broken{"", "a Bunch holds objects by their names, or plain values"};
    }
  }
  return std::nullopt;
}

}  // namespace loadlock::verify
