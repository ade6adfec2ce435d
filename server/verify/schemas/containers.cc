#include "server/verify/schemas/schemas.h"

namespace loadlock::verify {
namespace {

// What a defaultdict may call for a missing key: a type that makes an empty value.
bool IsPlainType(const Scope& scope, Value value) {
  if (!scope.view().Is(value, v1::NODE_KIND_GLOBAL)) return false;
  const v1::Global& global = scope.view().global(value.index);
  if (global.module() == "collections" && global.name() == "OrderedDict") return true;
  if (global.module() != "builtins" && global.module() != "__builtin__") return false;
  for (const absl::string_view name : {"list", "dict", "int", "float", "set", "str"}) {
    if (global.name() == name) return true;
  }
  return false;
}

Check CheckDefaultDictArgs(const Scope& scope, const Sequence& args) {
  if (args.size() == 0) return std::nullopt;
  if (args.size() == 1 && (scope.view().IsNone(args[0]) || IsPlainType(scope, args[0]))) {
    return std::nullopt;
  }
  return Broken{
      "", "the factory of a defaultdict is none of list, dict, int, float, set, str, OrderedDict"};
}

Check CheckCounterArgs(const Scope& scope, const Sequence& args) {
  if (args.size() == 0) return std::nullopt;
  if (args.size() == 1 && scope.KindOf(args[0]) == v1::VALUE_KIND_DICT) return std::nullopt;
  return Broken{"", "a Counter is made from a dict"};
}

Check CheckDequeArgs(const Scope& scope, const Sequence& args) {
  if (args.size() == 0) return std::nullopt;
  const v1::ValueKind items = scope.KindOf(args[0]);
  if (items != v1::VALUE_KIND_LIST && items != v1::VALUE_KIND_TUPLE) {
    return Broken{"", "a deque is made from a list"};
  }
  if (args.size() == 1) return std::nullopt;
  const std::optional<int64_t> limit = scope.Int(args[1]);
  if (args.size() == 2 && (scope.view().IsNone(args[1]) || (limit && *limit >= 0))) {
    return std::nullopt;
  }
  return Broken{"", "the length of a deque is None or a number"};
}

}  // namespace

Check CheckContainer(const Scope& scope, NodeId call, policy::Schema schema) {
  const CallParts parts = PartsOf(scope, call);
  if (parts.state != kAbsent) return Broken{"", "a container has no state beside its items"};
  // Keys are plain, as those of every dict; so are counts, which are compared.
  if (schema == policy::Schema::kCounter && scope.topology().holds_instance[call] != 0) {
    return Broken{"", "its items are not plain"};
  }
  const absl::Span<const uint32_t> operands = scope.view().operands(call);
  const bool lists = operands[3] != kAbsent;
  const bool pairs = operands[4] != kAbsent;
  if (lists && schema != policy::Schema::kDeque) return Broken{"", "list items in a dict"};
  if (pairs && schema == policy::Schema::kDeque) return Broken{"", "dict items in a deque"};
  switch (schema) {
    case policy::Schema::kDefaultDict:
      return CheckDefaultDictArgs(scope, parts.args);
    case policy::Schema::kCounter:
      return CheckCounterArgs(scope, parts.args);
    default:
      return CheckDequeArgs(scope, parts.args);
  }
}

}  // namespace loadlock::verify
