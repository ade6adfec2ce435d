#include "server/verify/invariants/forest.h"

#include "absl/strings/str_cat.h"
#include "server/verify/invariants/tree.h"

namespace loadlock::verify {
namespace {

// The header of the Tree of a tree estimator.
std::optional<TreeHeader> HeaderOf(const Scope& scope, Value estimator) {
  const auto owner = scope.InstanceWith(estimator, policy::Invariant::kTreeOwner);
  if (!owner) return std::nullopt;
  const std::optional<Value> tree = owner->Get("tree_");
  return tree ? ReadTreeHeader(scope, *tree) : std::nullopt;
}

std::optional<int64_t> IntOf(const Scope& scope, const Instance& object, absl::string_view key) {
  const std::optional<Value> value = object.Get(key);
  return value ? scope.Int(*value) : std::nullopt;
}

// Every index of a vector of integers is within 0..limit-1.
bool AllBelow(const Array& array, int64_t limit) {
  for (uint64_t i = 0; i < array.size(); ++i) {
    const std::optional<int64_t> index = IntAt(array, i);
    if (!index || *index < 0 || *index >= limit) return false;
  }
  return true;
}

// One array of node_count numbers a tree.
Check CheckPerTree(const Scope& scope, const Instance& forest, absl::string_view key,
                   const Sequence& estimators) {
  const std::optional<Value> value = forest.Get(key);
  if (!value) return std::nullopt;
  const Sequence arrays(scope.view(), *value);
  if (!arrays.ok() || arrays.size() != estimators.size()) {
    return Broken{key, "not one array a tree"};
  }
  for (uint32_t i = 0; i < arrays.size(); ++i) {
    const std::optional<Array> array = scope.ArrayOf(arrays[i]);
    const std::optional<Value> tree = scope.InstanceOf(estimators[i])->Get("tree_");
    if (!tree) return Broken{key, "a tree is missing"};
    const Mapping state(scope.view(), Value::Node(scope.view().operands(tree->index)[2]));
    const std::optional<Value> count = state.Find("node_count");
    if (!array || !count || array->rank() != 1 || scope.Int(*count) != array->shape[0]) {
      return Broken{key, "an array is not as long as its tree has nodes"};
    }
  }
  return std::nullopt;
}

}  // namespace

Check CheckForest(const Scope& scope, const Instance& forest) {
  const std::optional<Value> value = forest.Get("estimators_");
  if (!value) return std::nullopt;
  const Sequence estimators(scope.view(), *value);
  if (!estimators.ok()) return Broken{"estimators_", "estimators_ is no list"};
  const std::optional<int64_t> features = IntOf(scope, forest, "n_features_in_");
  if (!features) return Broken{"n_features_in_", "n_features_in_ is missing"};
  // Only forests that predict say how many outputs they have.
  const bool has_outputs = forest.Has("n_outputs_");
  const int64_t outputs = has_outputs ? IntOf(scope, forest, "n_outputs_").value_or(-1) : 1;
  const std::optional<Value> n_classes = forest.Get("n_classes_");
  const std::optional<Value> classes = forest.Get("classes_");
  if (classes && !n_classes) return Broken{"n_classes_", "n_classes_ is missing"};
  for (uint32_t i = 0; i < estimators.size(); ++i) {
    const std::optional<TreeHeader> tree = HeaderOf(scope, estimators[i]);
    if (!tree) return Broken{"estimators_", absl::StrCat("estimator ", i, " is no fitted tree")};
    if (tree->n_features != *features || tree->n_outputs != outputs) {
      return Broken{"estimators_",
                    absl::StrCat("tree ", i, " has other features or outputs than the forest")};
    }
    if (n_classes && !SameClasses(scope, *n_classes, *tree)) {
      return Broken{"estimators_", absl::StrCat("tree ", i, " has other classes than the forest")};
    }
    if (classes && !ClassesFit(scope, *classes, *tree)) {
      return Broken{"classes_", absl::StrCat("classes_ are not as many as tree ", i, " has")};
    }
  }
  return std::nullopt;
}

Check CheckIsolationForest(const Scope& scope, const Instance& forest) {
  const std::optional<Value> value = forest.Get("estimators_");
  if (!value) return std::nullopt;
  const Sequence estimators(scope.view(), *value);
  if (!estimators.ok()) return Broken{"estimators_", "estimators_ is no list"};
  const std::optional<int64_t> features = IntOf(scope, forest, "n_features_in_");
  const std::optional<int64_t> used = IntOf(scope, forest, "_max_features");
  const std::optional<Value> columns_value = forest.Get("estimators_features_");
  if (!features || !used || !columns_value) {
    return Broken{"", "n_features_in_, _max_features or estimators_features_ is missing"};
  }
  const Sequence columns(scope.view(), *columns_value);
  if (columns.size() != estimators.size()) {
    return Broken{"estimators_features_", "not one array a tree"};
  }
  for (uint32_t i = 0; i < estimators.size(); ++i) {
    const std::optional<TreeHeader> tree = HeaderOf(scope, estimators[i]);
    const std::optional<Array> mine = scope.ArrayOf(columns[i]);
    if (!tree || tree->n_outputs != 1) {
      return Broken{"estimators_", absl::StrCat("estimator ", i, " is no fitted tree")};
    }
    if (!mine || mine->rank() != 1 || !AllBelow(*mine, *features)) {
      return Broken{"estimators_features_", absl::StrCat("columns of tree ", i)};
    }
    // score_samples gives a tree its columns only if _max_features says so.
    const int64_t width = *used == *features ? *features : mine->shape[0];
    if (tree->n_features != width) {
      return Broken{"estimators_", absl::StrCat("tree ", i, " has another width than its columns")};
    }
  }
  for (const absl::string_view key : {"_decision_path_lengths", "_average_path_length_per_tree"}) {
    if (Check broken = CheckPerTree(scope, forest, key, estimators)) return broken;
  }
  return std::nullopt;
}

}  // namespace loadlock::verify
