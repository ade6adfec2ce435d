// SimpleNamespace and ChainMap: dicts by other names.
#include <algorithm>

#include "absl/strings/ascii.h"
#include "server/verify/general_rules.h"
#include "server/verify/schemas/schemas.h"

namespace loadlock::verify {
namespace {

// What **kwargs may hold; Python takes other letters too, which no attribute of a library has.
bool IsAttribute(absl::string_view key) {
  return !key.empty() && !absl::ascii_isdigit(static_cast<unsigned char>(key.front())) &&
         std::all_of(key.begin(), key.end(), [](char c) {
           const auto byte = static_cast<unsigned char>(c);
           return c == '_' || absl::ascii_isalnum(byte) || byte >= 0x80;
         });
}

bool HoldsInstance(const Scope& scope, Value value) {
  return value.is_node() && (scope.KindOf(value) == v1::VALUE_KIND_OBJECT ||
                             scope.topology().holds_instance[value.index] != 0);
}

// A dict, or one that is made by a call.
bool IsMap(const Scope& scope, Value value) {
  return scope.KindOf(value) == v1::VALUE_KIND_DICT ||
         scope.CallOf(value, policy::Schema::kDefaultDict) ||
         scope.CallOf(value, policy::Schema::kCounter);
}

}  // namespace

// SimpleNamespace(), then BUILD with a dict. Its items are judged by their own rules as those of a
// dict are; but a callable must not answer to the name of an estimator's method.
Check CheckNamespace(const Scope& scope, NodeId call) {
  const CallParts parts = PartsOf(scope, call);
  if (parts.args.size() != 0 || parts.has_items) {
    return Broken{"", "a namespace is made with arguments or has items"};
  }
  if (parts.state == kAbsent) return std::nullopt;
  const Mapping state(scope.view(), Value::Node(parts.state));
  if (!state.ok() || state.ordered() || !state.str_keys() ||
      scope.topology().references[parts.state] != 1) {
    return Broken{"", "the state of a namespace is no plain dict of its own"};
  }
  for (uint32_t i = 0; i < state.size(); ++i) {
    const absl::string_view key = state.str_key(i);
    const absl::string_view broken = KeyRuleBroken(key);
    if (!IsAttribute(key) || broken == "DUNDER_KEY") {
      return Broken{"",
                    "an attribute of a namespace has no name, or one that Python gives a meaning"};
    }
    if (!broken.empty() && HoldsInstance(scope, state.value(i))) {
      return Broken{"", "a namespace holds an object by the name of a method"};
    }
  }
  return std::nullopt;
}

Check CheckChainMap(const Scope& scope, const Instance& object) {
  const std::optional<Value> value = object.Get("maps");
  if (!HasDictAlone(scope, object) || object.state.size() != 1 || !value ||
      scope.KindOf(*value) != v1::VALUE_KIND_LIST) {
    return Broken{"", "a ChainMap is a list of dicts"};
  }
  const Sequence maps(scope.view(), *value);
  for (uint32_t i = 0; i < maps.size(); ++i) {
    if (!IsMap(scope, maps[i])) return Broken{"", "a map of a ChainMap is no dict"};
  }
  if (maps.size() == 0) return Broken{"", "a ChainMap without maps"};
  return std::nullopt;
}

}  // namespace loadlock::verify
