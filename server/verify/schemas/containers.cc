#include <algorithm>
#include <array>

#include "server/verify/schemas/schemas.h"

namespace loadlock::verify {
namespace {

bool IsEmptyMaker(const Scope& scope, Value value) {
  if (!scope.view().Is(value, v1::NODE_KIND_GLOBAL)) return false;
  const v1::Global& global = scope.view().global(value.index);
  return MakesEmptyValue(global.module(), global.name());
}

Check CheckDefaultDictArgs(const Scope& scope, const Sequence& args) {
  if (args.size() == 0) return std::nullopt;
  if (args.size() == 1 && (scope.view().IsNone(args[0]) || IsEmptyMaker(scope, args[0]))) {
    return std::nullopt;
  }
  return Broken{
      "",
      "the factory of a defaultdict is no type of Python or collections that makes an empty value"};
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

bool MakesEmptyValue(absl::string_view module, absl::string_view name) {
  const auto is = [name](absl::string_view known) { return name == known; };
  if (module == "collections") {
    constexpr std::array<absl::string_view, 4> kCollections = {"OrderedDict", "Counter", "deque",
                                                               "defaultdict"};
    return std::any_of(kCollections.begin(), kCollections.end(), is);
  }
  constexpr std::array<absl::string_view, 12> kBuiltins = {
      "list",  "dict", "int",   "float",     "set",     "str",
      "tuple", "bool", "bytes", "bytearray", "complex", "frozenset"};
  return (module == "builtins" || module == "__builtin__") &&
         std::any_of(kBuiltins.begin(), kBuiltins.end(), is);
}

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
