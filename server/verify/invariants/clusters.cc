#include "server/verify/invariants/clusters.h"

#include <array>

#include "absl/container/flat_hash_set.h"
#include "server/verify/record.h"
#include "server/verify/schemas/schemas.h"

namespace loadlock::verify {
namespace {

constexpr absl::string_view kLeaf = "sklearn.cluster._birch._CFNode";
constexpr absl::string_view kBisection = "sklearn.cluster._bisect_k_means._BisectingTree";

// HIERARCHY_dtype of sklearn.cluster._hdbscan._tree.
constexpr std::array kLinkageFields = {
    RecordField{"left_node", "<i8", 0},
    RecordField{"right_node", "<i8", 8},
    RecordField{"value", "<f8", 16},
    RecordField{"cluster_size", "<i8", 24},
};
constexpr uint32_t kLinkageSize = 32;

// An instance of the class at the key; nullopt too if there is None.
std::optional<Instance> InstanceAt(const Scope& scope, const Instance& owner, absl::string_view key,
                                   absl::string_view cls) {
  const std::optional<Value> value = owner.Get(key);
  std::optional<Instance> instance = value ? scope.InstanceOf(*value) : std::nullopt;
  if (!instance || instance->entry->name() != cls) return std::nullopt;
  return instance;
}

bool IsNone(const Scope& scope, const Instance& owner, absl::string_view key) {
  const std::optional<Value> value = owner.Get(key);
  return value && scope.view().IsNone(*value);
}

// A vector, or for sparse data a matrix of one row.
bool IsCenter(const Scope& scope, Value value, int64_t features) {
  if (const auto call = scope.CallOf(value, policy::Schema::kMatrix)) {
    const Sequence args = PartsOf(scope, *call).args;
    const std::optional<Array> row = args.size() == 1 ? scope.ArrayOf(args[0]) : std::nullopt;
    return row && row->dtype.kind == 'f' && row->dtype.native() && row->HasShape({1, features});
  }
  const std::optional<Array> center = scope.ArrayOf(value);
  return center && center->dtype.kind == 'f' && center->dtype.native() &&
         (center->HasShape({features}) || center->HasShape({1, features}));
}

}  // namespace

Check CheckBirch(const Scope& scope, const Instance& model) {
  if (!model.Has("dummy_leaf_")) {
    if (!model.Has("root_")) return std::nullopt;
    return Broken{"dummy_leaf_", "dummy_leaf_ is missing"};
  }
  if (!InstanceAt(scope, model, "root_", kLeaf)) return Broken{"root_", "root_ is no node"};
  std::optional<Instance> leaf = InstanceAt(scope, model, "dummy_leaf_", kLeaf);
  absl::flat_hash_set<NodeId> seen;
  while (leaf) {
    if (!seen.insert(leaf->node).second) {
      return Broken{"dummy_leaf_", "the list of leaves has no end"};
    }
    if (IsNone(scope, *leaf, "next_leaf_")) return std::nullopt;
    leaf = InstanceAt(scope, *leaf, "next_leaf_", kLeaf);
  }
  return Broken{"dummy_leaf_", "a leaf of the list is no node"};
}

Check CheckBisecting(const Scope& scope, const Instance& model) {
  const std::optional<Value> root = model.Get("_bisecting_tree");
  if (!root) return std::nullopt;
  const std::optional<Value> width = model.Get("n_features_in_");
  const std::optional<int64_t> features = width ? scope.Int(*width) : std::nullopt;
  if (!features) return Broken{"n_features_in_", "n_features_in_ is missing"};
  std::vector<Value> stack = {*root};
  absl::flat_hash_set<NodeId> seen;
  while (!stack.empty()) {
    const Value value = stack.back();
    stack.pop_back();
    const std::optional<Instance> node = scope.InstanceOf(value);
    if (!node || node->entry->name() != kBisection || !seen.insert(node->node).second) {
      return Broken{"_bisecting_tree", "the bisections are no tree"};
    }
    const std::optional<Value> center = node->Get("center");
    if (!center || !IsCenter(scope, *center, *features)) {
      return Broken{"_bisecting_tree", "a center is not as wide as the features"};
    }
    const bool leaf = IsNone(scope, *node, "left") && IsNone(scope, *node, "right");
    if (leaf) continue;
    for (const absl::string_view key : {"left", "right"}) {
      const std::optional<Value> child = node->Get(key);
      if (!child) return Broken{"_bisecting_tree", "a bisection without a half"};
      stack.push_back(*child);
    }
  }
  return std::nullopt;
}

Check CheckHdbscan(const Scope& scope, const Instance& model) {
  const absl::string_view key = "_single_linkage_tree_";
  const std::optional<Value> value = model.Get(key);
  if (!value) return std::nullopt;
  const std::optional<Array> linkage = scope.ArrayOf(*value);
  if (!linkage || linkage->rank() != 1 ||
      !IsRecord(scope, *linkage, kLinkageSize, kLinkageFields)) {
    return Broken{key, "the linkage tree is no array of scikit-learn's record"};
  }
  // n rows unite n + 1 samples; what they make is numbered up to 2n.
  const int64_t last = 2 * static_cast<int64_t>(linkage->size());
  const uint8_t* row = linkage->bytes.data();
  for (uint64_t i = 0; i < linkage->size(); ++i, row += kLinkageSize) {
    for (const int64_t node : {LoadField<int64_t>(row, 0), LoadField<int64_t>(row, 8)}) {
      if (node < 0 || node > last) return Broken{key, "a node of the linkage is out of range"};
    }
  }
  return std::nullopt;
}

Check CheckFeatureLabels(const Scope& scope, const Instance& model) {
  const std::optional<Value> value = model.Get("labels_");
  if (!value) return std::nullopt;
  const std::optional<Array> labels = scope.ArrayOf(*value);
  const std::optional<Value> features = model.Get("n_features_in_");
  if (!labels || labels->rank() != 1 || !features ||
      scope.Int(*features) != static_cast<int64_t>(labels->size())) {
    return Broken{"labels_", "labels_ are not one number a feature"};
  }
  for (uint64_t i = 0; i < labels->size(); ++i) {
    const std::optional<int64_t> label = IntAt(*labels, i);
    if (!label || *label < 0 || *label >= static_cast<int64_t>(labels->size())) {
      return Broken{"labels_", "a label is no cluster"};
    }
  }
  // Names are made for as many columns as these say.
  for (const absl::string_view key : {"n_clusters_", "_n_features_out"}) {
    const std::optional<Value> number = model.Get(key);
    if (!number) continue;
    const std::optional<int64_t> clusters = scope.Int(*number);
    if (!clusters || *clusters < 1 || *clusters > static_cast<int64_t>(labels->size())) {
      return Broken{key, "there are not as many clusters"};
    }
  }
  return std::nullopt;
}

}  // namespace loadlock::verify
