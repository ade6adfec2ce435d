#include "server/verify/invariants/searches.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "server/verify/findings.h"
#include "server/verify/general_rules.h"

namespace loadlock::verify {
namespace {

constexpr std::array<absl::string_view, 4> kTried = {"param_grid", "param_distributions",
                                                     "best_params_", "cv_results_"};
// As many jobs as a fit of the caller may be told to start; -1 means one a CPU.
constexpr int64_t kMaxJobs = 64;
// Attributes whose numbers a classifier may answer with.
constexpr std::array<absl::string_view, 4> kAnswers = {"classes_", "constant", "outlier_label_",
                                                       "_outlier_label"};

// The parameter of the innermost estimator: "model__encoder__memory" sets `memory`.
absl::string_view LastName(absl::string_view key) {
  const size_t place = key.rfind("__");
  return place == absl::string_view::npos ? key : key.substr(place + 2);
}

bool IsObjectArray(const Scope& scope, Value value) {
  return scope.view().Is(value, v1::NODE_KIND_OBJECT_NDARRAY);
}

// Every node below that is no instance, the value first.
template <typename Visit>
bool ForEachContainer(const Scope& scope, Value value, const Visit& visit) {
  if (!value.is_node()) return true;
  std::vector<NodeId> stack = {value.index};
  absl::flat_hash_set<NodeId> seen = {value.index};
  while (!stack.empty()) {
    const NodeId id = stack.back();
    stack.pop_back();
    if (scope.view().kind(id) == v1::NODE_KIND_OBJECT) continue;
    if (!visit(Value::Node(id))) return false;
    const Children children = scope.view().children(id);
    if (!scope.view().Spend(1 + children.count)) return false;
    for (uint32_t i = 0; i < children.count; ++i) {
      if (children[i] != kAbsent && seen.insert(children[i]).second) stack.push_back(children[i]);
    }
  }
  return true;
}

bool IsFewJobs(const Scope& scope, Value value) {
  const std::optional<int64_t> jobs = scope.Int(value);
  return scope.view().IsNone(value) || (jobs && *jobs >= -kMaxJobs && *jobs <= kMaxJobs);
}

bool MayBe(const Scope& scope, absl::string_view name, Value value) {
  if (name == "n_jobs") return IsFewJobs(scope, value);
  if (name == "dtype" && scope.ArrayOf(value)) return false;
  const Demand demand = DemandOn(scope, name, value);
  return !demand.forced && demand.refused.empty();
}

// What a masked array holds, as cv_results_ keeps what was tried; else the value itself.
Value DataOf(const Scope& scope, Value value) {
  if (!scope.CallOf(value, policy::Schema::kMaskedArray)) return value;
  const uint32_t state = scope.view().operands(value.index)[2];
  return state == kAbsent ? value : Sequence(scope.view(), Value::Node(state))[4];
}

// A value to set, or all that there are to try.
bool MayBeTried(const Scope& scope, absl::string_view name, Value value) {
  const Sequence choices(scope.view(), value);
  if (choices.ok()) {
    bool all = true;
    for (uint32_t i = 0; i < choices.size() && all; ++i) {
      all = scope.view().Spend(1) && MayBe(scope, name, choices[i]);
    }
    // A pair, as ngram_range is, is a value by itself.
    return all || (name == "ngram_range" && MayBe(scope, name, value));
  }
  if (IsObjectArray(scope, value)) {
    const Children choices_of = scope.view().children(value.index);
    for (uint32_t i = 0; i < choices_of.count; ++i) {
      if (choices_of[i] != kAbsent &&
          scope.KindOf(Value::Node(choices_of[i])) != v1::VALUE_KIND_DTYPE &&
          !MayBe(scope, name, Value::Node(choices_of[i]))) {
        return false;
      }
    }
    return true;
  }
  return MayBe(scope, name, value);
}

std::optional<std::string> ForbiddenParameter(const Scope& scope, Value container) {
  const Mapping parameters(scope.view(), container);
  if (!parameters.ok()) return std::nullopt;
  for (uint32_t i = 0; i < parameters.size(); ++i) {
    const std::optional<absl::string_view> key = scope.view().Str(parameters.key(i));
    if (!scope.view().Spend(1)) return "too many parameters";
    if (key && !MayBeTried(scope, LastName(*key), DataOf(scope, parameters.value(i)))) {
      return absl::StrCat("the parameter '", Safe(*key), "' has a value that a model may not have");
    }
  }
  return std::nullopt;
}

// The largest integer that the attribute holds; nullopt if it holds none.
std::optional<int64_t> LargestOf(const Scope& scope, Value value) {
  if (const std::optional<int64_t> number = scope.Int(value)) return number;
  const std::optional<Array> array = scope.ArrayOf(value);
  if (!array || (array->dtype.kind != 'i' && array->dtype.kind != 'u')) return std::nullopt;
  std::optional<int64_t> largest;
  for (uint64_t i = 0; i < array->size(); ++i) {
    // Other byte orders, and what has more than 63 bits: as large as can be.
    const int64_t number = IntAt(*array, i).value_or(std::numeric_limits<int64_t>::max());
    largest = std::max(largest.value_or(number), number);
  }
  return largest;
}

}  // namespace

Check CheckSearch(const Scope& scope, const Instance& search) {
  for (const absl::string_view key : kTried) {
    const std::optional<Value> value = search.Get(key);
    if (!value) continue;
    std::string why;
    const bool whole = ForEachContainer(scope, *value, [&](Value container) {
      why = ForbiddenParameter(scope, container).value_or("");
      return why.empty();
    });
    if (!whole) return Broken{key, why.empty() ? "it holds too much" : why};
  }
  return std::nullopt;
}

Check CheckVoting(const Scope& scope, const Instance& model) {
  const std::optional<Value> parts = model.Get("estimators_");
  const std::optional<Value> voting = model.Get("voting");
  if (!parts || !voting || scope.view().Str(*voting) == "soft") return std::nullopt;
  const std::optional<Value> encoder = model.Get("le_");
  const std::optional<Instance> labels = encoder ? scope.InstanceOf(*encoder) : std::nullopt;
  const std::optional<Value> classes = labels ? labels->Get("classes_") : std::nullopt;
  const std::optional<uint64_t> count = classes ? scope.Length(*classes) : std::nullopt;
  if (!count) return Broken{"le_", "le_ is no encoder with classes"};
  const auto limit = static_cast<int64_t>(std::max<uint64_t>(*count, 2));
  if (!parts->is_node()) return Broken{"estimators_", "estimators_ is no list"};
  std::vector<NodeId> stack = {parts->index};
  absl::flat_hash_set<NodeId> seen = {parts->index};
  while (!stack.empty()) {
    const NodeId id = stack.back();
    stack.pop_back();
    if (const std::optional<Instance> part = scope.InstanceOf(Value::Node(id))) {
      for (const absl::string_view key : kAnswers) {
        const std::optional<Value> value = part->Get(key);
        const std::optional<int64_t> largest = value ? LargestOf(scope, *value) : std::nullopt;
        if (largest && *largest >= limit) {
          return Broken{"estimators_", "a part may answer with more than there are classes"};
        }
      }
    }
    const Children children = scope.view().children(id);
    if (!scope.view().Spend(1 + children.count)) return Broken{"estimators_", "too many parts"};
    for (uint32_t i = 0; i < children.count; ++i) {
      const NodeId child = children[i];
      if (child == kAbsent) continue;
      const bool holds = scope.topology().holds_instance[child] != 0 ||
                         scope.view().kind(child) == v1::NODE_KIND_OBJECT;
      if (holds && seen.insert(child).second) stack.push_back(child);
    }
  }
  return std::nullopt;
}

}  // namespace loadlock::verify
