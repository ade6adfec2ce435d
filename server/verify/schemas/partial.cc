// functools.partial of a listed function, by keywords. Where it may stand, names.cc says.
#include <algorithm>
#include <array>

#include "absl/strings/match.h"
#include "server/verify/invariants/functions.h"
#include "server/verify/schemas/schemas.h"

namespace loadlock::verify {
namespace {

constexpr absl::string_view kCheckArray = "sklearn.utils.validation.check_array";
constexpr std::array<absl::string_view, 3> kKeywords = {"dtype", "ensure_all_finite",
                                                        "force_all_finite"};

// Of check_array: a list of types, whose names CheckNames judges, or a truth or text.
bool IsOfCheckArray(const Scope& scope, absl::string_view key, Value value) {
  if (std::find(kKeywords.begin(), kKeywords.end(), key) == kKeywords.end()) return false;
  if (key != "dtype") {
    return scope.Bool(value).has_value() || scope.view().Str(value) == "allow-nan";
  }
  const Sequence types(scope.view(), value);
  if (!types.ok()) return scope.view().IsNone(value);
  for (uint32_t i = 0; i < types.size(); ++i) {
    if (!scope.view().Is(types[i], v1::NODE_KIND_GLOBAL) &&
        scope.KindOf(types[i]) != v1::VALUE_KIND_DTYPE) {
      return false;
    }
  }
  return true;
}

// Of a score: numbers, texts and lists of them. How many processes work on it, the caller says.
bool IsOfScore(const Scope& scope, absl::string_view key, Value value) {
  if (key.empty() || key[0] == '_' || key == "n_jobs") return false;
  switch (scope.KindOf(value)) {
    case v1::VALUE_KIND_NONE:
    case v1::VALUE_KIND_BOOL:
    case v1::VALUE_KIND_INT:
    case v1::VALUE_KIND_FLOAT:
    case v1::VALUE_KIND_STR:
    case v1::VALUE_KIND_RANDOM:
      return true;
    case v1::VALUE_KIND_LIST:
    case v1::VALUE_KIND_TUPLE: {
      const Sequence elements(scope.view(), value);
      for (uint32_t i = 0; i < elements.size(); ++i) {
        const v1::ValueKind kind = scope.KindOf(elements[i]);
        if (kind != v1::VALUE_KIND_BOOL && kind != v1::VALUE_KIND_INT &&
            kind != v1::VALUE_KIND_FLOAT && kind != v1::VALUE_KIND_STR) {
          return false;
        }
      }
      return true;
    }
    default:
      return false;
  }
}

bool IsKeyword(const Scope& scope, absl::string_view function, absl::string_view key, Value value) {
  if (function == kCheckArray) return IsOfCheckArray(scope, key, value);
  if (absl::StartsWith(function, "sklearn.metrics.") ||
      absl::StartsWith(function, "sklearn.feature_selection.")) {
    return IsOfScore(scope, key, value);
  }
  return IsFunctionArgument(scope, key, value);
}

}  // namespace

// partial(function), then BUILD with (function, (), keywords, None or {}).
Check CheckPartial(const Scope& scope, NodeId call) {
  const CallParts parts = PartsOf(scope, call);
  if (parts.has_items || parts.state == kAbsent || parts.args.size() != 1 ||
      !scope.view().Is(parts.args[0], v1::NODE_KIND_GLOBAL)) {
    return Broken{"", "a partial of anything but one function"};
  }
  const std::string function = scope.view().FullName(parts.args[0].index);
  const Sequence state(scope.view(), Value::Node(parts.state));
  if (!IsTupleKind(scope.view().kind(parts.state)) || state.size() != 4 ||
      !scope.view().Is(state[0], v1::NODE_KIND_GLOBAL) ||
      scope.view().FullName(state[0].index) != function || scope.Length(state[1]) != 0) {
    return Broken{"", "its state is another function or has arguments"};
  }
  if (!scope.view().IsNone(state[3]) && scope.Length(state[3]) != 0) {
    return Broken{"", "its function has attributes"};
  }
  const Mapping keywords(scope.view(), state[2]);
  if (!keywords.ok() || !keywords.str_keys()) return Broken{"", "its keywords are no dict"};
  for (uint32_t i = 0; i < keywords.size(); ++i) {
    if (!IsKeyword(scope, function, keywords.str_key(i), keywords.value(i))) {
      return Broken{"", "a keyword that no model gives to this function"};
    }
  }
  return std::nullopt;
}

}  // namespace loadlock::verify
