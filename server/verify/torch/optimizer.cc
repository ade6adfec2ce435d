#include "server/verify/torch/optimizer.h"

#include <algorithm>
#include <array>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "server/verify/torch/modules.h"
#include "server/verify/torch/structure.h"
#include "server/verify/torch/tensor.h"

namespace loadlock::verify::torch {
namespace {

// A kernel that writes past a state that is too small.
constexpr absl::string_view kFused = "fused";
// Of operations that compare shapes and raise: training on a GPU sets them.
constexpr std::array<absl::string_view, 2> kOtherSteps = {"foreach", "capturable"};
// One number for the whole parameter.
constexpr std::array<absl::string_view, 4> kScalars = {"step", "mu_product", "eta", "mu"};

bool IsOff(const Scope& scope, Value value) {
  return scope.view().IsNone(value) || scope.view().Is(value, v1::NODE_KIND_FALSE);
}

// Of an optimizer that steps on when it is loaded, or of a dict that one was saved as.
Check CheckGroup(const Scope& scope, Value value, bool saved) {
  const Mapping group(scope.view(), value);
  if (const std::optional<Value> fused = group.Find(kFused); fused && !IsOff(scope, *fused)) {
    return Broken{"param_groups",
                  "a parameter group sets 'fused': that step trusts the sizes of the state's "
                  "tensors; save the optimizer with it set to None or False"};
  }
  for (const absl::string_view key : kOtherSteps) {
    const std::optional<Value> step = group.Find(key);
    if (!step || IsOff(scope, *step)) continue;
    if (saved && scope.view().Is(*step, v1::NODE_KIND_TRUE)) continue;
    return Broken{"param_groups",
                  absl::StrCat("a parameter group sets '", key, "'; ",
                               saved ? "it is None, False or True"
                                     : "save the optimizer's state_dict(), or with it set to None "
                                       "or False")};
  }
  return std::nullopt;
}

// The items of a dict or defaultdict.
Mapping ItemsOf(const Scope& scope, Value value) {
  if (const auto call = scope.CallOf(value, policy::Schema::kDefaultDict)) {
    return {scope.view(), Value::Node(scope.view().operands(*call)[4])};
  }
  return {scope.view(), value};
}

Check CheckEntry(const Scope& scope, const Facts& parameter, absl::string_view key, Value value) {
  const std::optional<Facts> tensor = FactsOf(scope, value);
  if (!tensor) {
    const v1::ValueKind kind = scope.KindOf(value);
    if (kind == v1::VALUE_KIND_NONE || kind == v1::VALUE_KIND_INT || kind == v1::VALUE_KIND_FLOAT ||
        kind == v1::VALUE_KIND_BOOL) {
      return std::nullopt;
    }
    return Broken{"state", "a parameter's state holds what is no number and no tensor"};
  }
  if (tensor->kind != v1::NODE_KIND_TENSOR) return Broken{"state", "a tensor is not strided"};
  const bool scalar =
      tensor->sizes.empty() && std::find(kScalars.begin(), kScalars.end(), key) != kScalars.end();
  if (scalar || (tensor->sizes == parameter.sizes && tensor->type == parameter.type)) {
    return std::nullopt;
  }
  return Broken{"state", "a tensor has not the shape and dtype of its parameter"};
}

Check CheckState(const Scope& scope, Value state, const absl::flat_hash_set<NodeId>& parameters) {
  const Mapping items = ItemsOf(scope, state);
  if (!items.ok() && !scope.CallOf(state, policy::Schema::kDefaultDict)) {
    return Broken{"state", "no dict"};
  }
  for (uint32_t i = 0; i < items.size(); ++i) {
    const Value key = items.key(i);
    if (!key.is_node() || !parameters.contains(key.index)) {
      return Broken{"state", "a key is no parameter of a group"};
    }
    const Mapping entries(scope.view(), items.value(i));
    if (!entries.ok() || !entries.str_keys()) return Broken{"state", "no dict a parameter"};
    const std::optional<Facts> parameter = FactsOf(scope, key);
    for (uint32_t j = 0; j < entries.size(); ++j) {
      if (Check broken = CheckEntry(scope, *parameter, entries.str_key(j), entries.value(j))) {
        return broken;
      }
    }
  }
  return std::nullopt;
}

}  // namespace

Check CheckSavedOptimizer(const Scope& scope, NodeId dict) {
  const Mapping saved(scope.view(), Value::Node(dict));
  const std::optional<Value> groups = saved.Find("param_groups");
  if (!groups || !saved.Find("state")) return std::nullopt;
  if (!groups->is_node()) return std::nullopt;
  if (scope.KindOf(*groups) == v1::VALUE_KIND_OBJECT ||
      scope.topology().holds_instance[groups->index] != 0) {
    return Broken{"param_groups", "parameter groups are plain lists of dicts"};
  }
  const Sequence list(scope.view(), *groups);
  for (uint32_t i = 0; i < list.size(); ++i) {
    if (Check broken = CheckGroup(scope, list[i], /*saved=*/true)) return broken;
  }
  return std::nullopt;
}

Check CheckOptimizer(const Scope& scope, const Instance& optimizer) {
  if (Check broken = CheckHooks(scope, optimizer)) return broken;
  const std::optional<Value> groups = optimizer.Get("param_groups");
  const std::optional<Value> state = optimizer.Get("state");
  const std::optional<Value> defaults = optimizer.Get("defaults");
  if (!groups || !state || !defaults) return Broken{"param_groups", "the optimizer is not whole"};
  // What a group that is added later gets.
  if (Check broken = CheckGroup(scope, *defaults, /*saved=*/false)) return broken;
  const Sequence list(scope.view(), *groups);
  if (!list.ok() || scope.KindOf(*groups) != v1::VALUE_KIND_LIST) {
    return Broken{"param_groups", "no list"};
  }
  absl::flat_hash_set<NodeId> parameters;
  for (uint32_t i = 0; i < list.size(); ++i) {
    if (Check broken = CheckGroup(scope, list[i], /*saved=*/false)) return broken;
    const std::optional<Value> params = Mapping(scope.view(), list[i]).Find("params");
    if (!params) return Broken{"param_groups", "a group without parameters"};
    const Sequence members(scope.view(), *params);
    for (uint32_t j = 0; j < members.size(); ++j) {
      const std::optional<Facts> facts = FactsOf(scope, members[j]);
      if (!facts || facts->kind != v1::NODE_KIND_TENSOR) {
        return Broken{"param_groups", "a parameter is no strided tensor"};
      }
      parameters.insert(members[j].index);
    }
  }
  return CheckState(scope, *state, parameters);
}

}  // namespace loadlock::verify::torch
