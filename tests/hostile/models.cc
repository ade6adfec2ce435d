#include <array>
#include <cstdint>
#include <cstring>
#include <string>

#include "tests/hostile/scenario.h"

namespace loadlock::hostile {
namespace {

// A regression tree of three nodes: the first with two leaves.
struct Tree {
  std::vector<int64_t> left = {1, -1, -1};
  std::vector<int64_t> right = {2, -1, -1};
  std::vector<int64_t> feature = {0, -2, -2};
  int64_t node_count = 3;
  int64_t max_depth = 1;
  int64_t features = 2;
  // Of its estimator.
  int64_t features_in = 2;
  std::vector<int64_t> values_shape = {3, 1, 1};
};

constexpr size_t kNodeBytes = 64;

NodeId NodeType(Output& o) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kFields = {
      {{"left_child", "<i8"},
       {"right_child", "<i8"},
       {"feature", "<i8"},
       {"threshold", "<f8"},
       {"impurity", "<f8"},
       {"n_node_samples", "<i8"},
       {"weighted_n_node_samples", "<f8"},
       {"missing_go_to_left", "|u1"}}};
  std::vector<uint32_t> operands = {o.Ints({kNodeBytes})};
  for (size_t i = 0; i < kFields.size(); ++i) {
    const NodeId dtype = o.Dtype(kFields[i].second);
    operands.insert(operands.end(),
                    {o.Text(kFields[i].first), dtype, o.Ints({static_cast<int64_t>(8 * i)})});
  }
  return o.Node(v1::NODE_KIND_DTYPE_RECORD, operands);
}

std::string NodeArray(const Tree& tree) {
  std::string bytes(tree.left.size() * kNodeBytes, '\0');
  for (size_t i = 0; i < tree.left.size(); ++i) {
    char* const at = bytes.data() + i * kNodeBytes;
    std::memcpy(at, &tree.left[i], 8);
    std::memcpy(at + 8, &tree.right[i], 8);
    std::memcpy(at + 16, &tree.feature[i], 8);
  }
  return bytes;
}

// The whole graph is one estimator with this tree; its nodes lie in the decoded file.
void Regressor(Output& o, const Tree& tree) {
  o.Clear();
  const NodeId nodes =
      o.Array(NodeType(o), {static_cast<int64_t>(tree.left.size())}, NodeArray(tree));
  const NodeId values = o.Array(o.Dtype("<f8"), tree.values_shape, std::string(24, '\0'));
  const NodeId state = o.Dict({{"max_depth", o.Int(tree.max_depth)},
                               {"node_count", o.Int(tree.node_count)},
                               {"nodes", nodes},
                               {"values", values}});
  const NodeId classes = o.Array(o.Dtype("<i8"), {1}, Bytes<int64_t>({1}));
  const NodeId args = o.Tuple({o.Int(tree.features), classes, o.Int(1)});
  const NodeId call = o.Call("sklearn.tree._tree.Tree", args, state);
  o.Root(o.Object("sklearn.tree._classes.DecisionTreeRegressor",
                  o.Dict({{"tree_", call},
                          {"n_features_in_", o.Int(tree.features_in)},
                          {"n_outputs_", o.Int(1)}})));
}

// A scaler with this attribute beside the number of features.
void Scaler(Output& o, std::string_view key, NodeId (*value)(Output&)) {
  o.Clear();
  o.Root(o.Object("sklearn.preprocessing._data.StandardScaler",
                  o.Dict({{"n_features_in_", o.Int(2)}, {key, value(o)}})));
}

NodeId None(Output& o) { return o.None(); }
NodeId Path(Output& o) { return o.Str("/tmp/cache"); }
NodeId ThreeNumbers(Output& o) { return o.Array(o.Dtype("<f8"), {3}, Bytes<double>({1, 2, 3})); }
NodeId TwoNumbers(Output& o) { return o.Array(o.Dtype("<f8"), {2}, Bytes<double>({1, 2})); }

void KeyTwice(Output& o) {
  o.Clear();
  const NodeId none = o.None();
  const NodeId state = o.Dict({{"mean_", TwoNumbers(o)}, {"mean_", none}});
  o.Root(o.Object("sklearn.preprocessing._data.StandardScaler", state));
}

void KeyNoStr(Output& o) {
  o.Clear();
  const NodeId state = o.Node(v1::NODE_KIND_DICT, {o.Int(1), o.None()});
  o.Root(o.Object("sklearn.preprocessing._data.StandardScaler", state));
}

void Generator(Output& o, int64_t position) {
  o.Clear();
  const NodeId key = o.Array(o.Dtype("<u4"), {624}, std::string(size_t{4} * 624, '\1'));
  const NodeId inner = o.Dict({{"key", key}, {"pos", o.Int(position)}});
  const NodeId outer = o.Dict({{"bit_generator", o.Str("MT19937")}, {"state", inner}});
  o.Root(o.Node(v1::NODE_KIND_BIT_GENERATOR, {o.Text("MT19937"), outer}));
}

const std::array kLies = {
    Lie{"tree-honest", [](Output& o) { Regressor(o, {}); }},
    Lie{"tree-child-outside",
        [](Output& o) {
          Regressor(o, {.left = {7, -1, -1}});
        }},
    Lie{"tree-child-huge",
        [](Output& o) {
          Regressor(o, {.left = {INT64_MAX, -1, -1}});
        }},
    Lie{"tree-child-negative",
        [](Output& o) {
          Regressor(o, {.left = {-2, -1, -1}});
        }},
    Lie{"tree-child-is-itself",
        [](Output& o) {
          Regressor(o, {.left = {0, -1, -1}});
        }},
    Lie{"tree-child-before-its-parent",
        [](Output& o) {
          Regressor(o, {.left = {1, 0, -1}, .right = {2, 0, -1}});
        }},
    Lie{"tree-child-twice",
        [](Output& o) {
          Regressor(o, {.left = {2, -1, -1}});
        }},
    Lie{"tree-half-a-leaf",
        [](Output& o) {
          Regressor(o, {.left = {1, 2, -1}});
        }},
    Lie{"tree-feature-outside",
        [](Output& o) {
          Regressor(o, {.feature = {2, -2, -2}});
        }},
    Lie{"tree-feature-negative",
        [](Output& o) {
          Regressor(o, {.feature = {-3, -2, -2}});
        }},
    Lie{"tree-count-lies", [](Output& o) { Regressor(o, {.node_count = 4}); }},
    Lie{"tree-count-negative", [](Output& o) { Regressor(o, {.node_count = -1}); }},
    Lie{"tree-depth-lies", [](Output& o) { Regressor(o, {.max_depth = 0}); }},
    Lie{"tree-no-nodes",
        [](Output& o) { Regressor(o, {.left = {}, .right = {}, .feature = {}, .node_count = 0}); }},
    Lie{"tree-values-short",
        [](Output& o) {
          Regressor(o, {.values_shape = {1, 3, 1}});
        }},
    Lie{"tree-features-huge", [](Output& o) { Regressor(o, {.features = INT64_MAX}); }},
    Lie{"tree-of-another-width", [](Output& o) { Regressor(o, {.features_in = 3}); }},
    Lie{"state-honest", [](Output& o) { Scaler(o, "mean_", &TwoNumbers); }},
    Lie{"state-shape", [](Output& o) { Scaler(o, "mean_", &ThreeNumbers); }},
    Lie{"state-dunder", [](Output& o) { Scaler(o, "__array_interface__", &None); }},
    Lie{"state-shadows", [](Output& o) { Scaler(o, "transform", &None); }},
    Lie{"state-key-twice", &KeyTwice},
    Lie{"state-key-no-str", &KeyNoStr},
    // Accepted, with the value replaced.
    Lie{"state-forced", [](Output& o) { Scaler(o, "memory", &Path); }},
    Lie{"generator-honest", [](Output& o) { Generator(o, 624); }},
    Lie{"generator-position", [](Output& o) { Generator(o, 625); }},
};

}  // namespace

std::span<const Lie> ModelLies() { return kLies; }

}  // namespace loadlock::hostile
