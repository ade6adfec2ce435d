#include <array>
#include <cstdint>
#include <string>

#include "tests/hostile/scenario.h"

namespace loadlock::hostile {
namespace {

// Product of the two is what a checker would do that looks at what is shared once for each that
// shares it: more than 10^9, of slow steps.
constexpr uint32_t kMany = 50'000;

constexpr std::string_view kScaler = "sklearn.preprocessing._data.StandardScaler";

// A dict of `count` keys that are str, and one at the end that is none, all of them with `value`.
NodeId PairsEndingInAnInt(Output& o, uint32_t count, NodeId value) {
  std::vector<uint32_t> operands;
  operands.reserve(size_t{2} * count + 2);
  const NodeId key = o.Str("k");
  for (uint32_t i = 0; i < count; ++i) operands.insert(operands.end(), {key, value});
  operands.insert(operands.end(), {o.Int(1), value});
  return o.Node(v1::NODE_KIND_DICT, std::move(operands));
}

void ObjectsShareAState(Output& o) {
  o.Clear();
  const NodeId state = PairsEndingInAnInt(o, kMany, o.None());
  const NodeId name = o.Name("sklearn.preprocessing._data", "StandardScaler");
  std::vector<uint32_t> objects;
  for (uint32_t i = 0; i < kMany; ++i) {
    objects.push_back(o.Node(v1::NODE_KIND_OBJECT, {name, kAbsent, state, kAbsent, kAbsent}));
  }
  o.Root(o.List(std::move(objects)));
}

void ObjectsShareItems(Output& o) {
  o.Clear();
  const NodeId items = PairsEndingInAnInt(o, kMany, o.None());
  const NodeId name = o.Name("sklearn.preprocessing._data", "StandardScaler");
  std::vector<uint32_t> objects;
  for (uint32_t i = 0; i < kMany; ++i) {
    objects.push_back(o.Node(v1::NODE_KIND_OBJECT, {name, kAbsent, kAbsent, kAbsent, items}));
  }
  o.Root(o.List(std::move(objects)));
}

void ManyNamesInAState(Output& o) {
  o.Clear();
  const NodeId value = o.Name("numpy", "log1p");
  o.Root(o.Object(kScaler, PairsEndingInAnInt(o, 2 * kMany, value)));
}

// Trees that share the array of their nodes: every one is walked.
void TreesShareNodes(Output& o) {
  o.Clear();
  const NodeId i8 = o.Dtype("<i8");
  const NodeId f8 = o.Dtype("<f8");
  std::vector<uint32_t> record = {o.Ints({56})};
  const std::array<std::string_view, 7> names = {"left_child",
                                                 "right_child",
                                                 "feature",
                                                 "threshold",
                                                 "impurity",
                                                 "n_node_samples",
                                                 "weighted_n_node_samples"};
  for (size_t i = 0; i < names.size(); ++i) {
    const bool number = i == 3 || i == 4 || i == 6;
    record.insert(record.end(),
                  {o.Text(names[i]), number ? f8 : i8, o.Ints({static_cast<int64_t>(8 * i)})});
  }
  // A chain: each node has the next two as children, of which the first is a leaf.
  constexpr int64_t kNodes = 60'001;
  std::vector<int64_t> nodes(size_t{7} * kNodes, 0);
  for (int64_t i = 0; i < kNodes; ++i) {
    const bool inner = i % 2 == 0 && i + 2 < kNodes;
    nodes[static_cast<size_t>(7 * i)] = inner ? i + 1 : -1;
    nodes[static_cast<size_t>(7 * i + 1)] = inner ? i + 2 : -1;
  }
  const NodeId type = o.Node(v1::NODE_KIND_DTYPE_RECORD, std::move(record));
  const NodeId array = o.Array(type, {kNodes}, Bytes(nodes));
  const NodeId values = o.Array(f8, {kNodes, 1, 1}, std::string(sizeof(double) * kNodes, '\0'));
  const NodeId one = o.Int(1);
  const NodeId args = o.Tuple({one, o.Array(i8, {1}, Bytes<int64_t>({1})), one});
  const NodeId callee = o.Name("sklearn.tree._tree", "Tree");
  const NodeId state = o.Dict({{"max_depth", o.Int(kNodes)},
                               {"node_count", o.Int(kNodes)},
                               {"nodes", array},
                               {"values", values}});
  std::vector<uint32_t> trees;
  for (uint32_t i = 0; i < kMany; ++i) {
    trees.push_back(o.Node(v1::NODE_KIND_CALL, {callee, args, state, kAbsent, kAbsent}));
  }
  o.Root(o.List(std::move(trees)));
}

// Encoders that share the list of their columns.
void EncodersShareColumns(Output& o) {
  o.Clear();
  constexpr uint32_t kEncoders = 30'000;
  const NodeId one = o.Int(1);
  const NodeId category = o.Array(o.Dtype("|u1"), {1}, "x");
  const NodeId categories = o.List(std::vector<uint32_t>(kMany, category));
  const NodeId outs = o.List(std::vector<uint32_t>(kMany, one));
  const NodeId features = o.Int(kMany);
  const NodeId none = o.None();
  const NodeId name = o.Name("sklearn.preprocessing._encoders", "OneHotEncoder");
  const uint32_t keys[] = {o.Text("categories_"), o.Text("n_features_in_"),
                           o.Text("_n_features_outs"), o.Text("drop_idx_")};
  std::vector<uint32_t> encoders;
  for (uint32_t i = 0; i < kEncoders; ++i) {
    const NodeId state = o.Node(v1::NODE_KIND_DICT_STR, {keys[0], keys[1], keys[2], keys[3],
                                                         categories, features, outs, none});
    encoders.push_back(o.Node(v1::NODE_KIND_OBJECT, {name, kAbsent, state, kAbsent, kAbsent}));
  }
  o.Root(o.List(std::move(encoders)));
}

// Forests that share the list of their trees.
void ForestsShareTrees(Output& o) {
  o.Clear();
  constexpr uint32_t kForests = 20'000;
  const NodeId one = o.Int(1);
  const NodeId classes = o.Array(o.Dtype("<i8"), {1}, Bytes<int64_t>({1}));
  const NodeId call =
      o.Call("sklearn.tree._tree.Tree", o.Tuple({one, classes, one}), o.Dict({{"max_depth", one}}));
  const NodeId tree =
      o.Object("sklearn.tree._classes.DecisionTreeRegressor",
               o.Dict({{"tree_", call}, {"n_features_in_", one}, {"n_outputs_", one}}));
  const NodeId trees = o.List(std::vector<uint32_t>(kMany, tree));
  const NodeId name = o.Name("sklearn.ensemble._forest", "RandomForestRegressor");
  const uint32_t keys[] = {o.Text("estimators_"), o.Text("n_features_in_"), o.Text("n_outputs_")};
  std::vector<uint32_t> forests;
  for (uint32_t i = 0; i < kForests; ++i) {
    const NodeId state =
        o.Node(v1::NODE_KIND_DICT_STR, {keys[0], keys[1], keys[2], trees, one, one});
    forests.push_back(o.Node(v1::NODE_KIND_OBJECT, {name, kAbsent, state, kAbsent, kAbsent}));
  }
  o.Root(o.List(std::move(forests)));
}

// A hundred reasons to refuse at the end of a long way.
void DeepFindings(Output& o) {
  o.Clear();
  std::vector<uint32_t> bad;
  bad.reserve(200);
  for (int i = 0; i < 200; ++i) bad.push_back(o.Name("posix", "system" + std::to_string(i)));
  NodeId inner = o.List(std::move(bad));
  for (int i = 0; i < 1'000'000; ++i) inner = o.List({inner});
  o.Root(inner);
}

// The same at the end of a long list.
void WideFindings(Output& o) {
  o.Clear();
  std::vector<uint32_t> items(2'000'000, o.None());
  for (int i = 0; i < 200; ++i) {
    items.push_back(o.List({o.Name("posix", "system" + std::to_string(i))}));
  }
  o.Root(o.List(std::move(items)));
}

const std::array kLies = {
    Lie{"work-shared-state", &ObjectsShareAState},
    Lie{"work-shared-items", &ObjectsShareItems},
    Lie{"work-names-in-a-state", &ManyNamesInAState},
    Lie{"work-shared-tree-nodes", &TreesShareNodes},
    Lie{"work-shared-columns", &EncodersShareColumns},
    Lie{"work-shared-trees", &ForestsShareTrees},
    Lie{"work-deep-findings", &DeepFindings},
    Lie{"work-wide-findings", &WideFindings},
};

}  // namespace

std::span<const Lie> WorkLies() { return kLies; }

}  // namespace loadlock::hostile
