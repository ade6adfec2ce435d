#include "server/verify/invariants/tree.h"

#include <algorithm>
#include <array>
#include <limits>

#include "absl/strings/str_cat.h"
#include "server/verify/invariants/labels.h"
#include "server/verify/schemas/schemas.h"

namespace loadlock::verify {
namespace {

// sklearn counts features and classes in intp; no model has more of either, and n_outputs x
// max_classes x 8 stays far from overflow.
constexpr int64_t kMaxCount = int64_t{1} << 31;

struct Field {
  absl::string_view name;
  absl::string_view typestr;
  int64_t offset;
};

// Node of scikit-learn up to 1.2, 56 bytes; since 1.3 missing_go_to_left makes it 64.
constexpr std::array kNodeFields = {
    Field{"left_child", "<i8", 0},
    Field{"right_child", "<i8", 8},
    Field{"feature", "<i8", 16},
    Field{"threshold", "<f8", 24},
    Field{"impurity", "<f8", 32},
    Field{"n_node_samples", "<i8", 40},
    Field{"weighted_n_node_samples", "<f8", 48},
    Field{"missing_go_to_left", "|u1", 56},
};
constexpr size_t kOldFields = 7;
constexpr uint32_t kOldNodeSize = 56;
constexpr uint32_t kNewNodeSize = 64;
constexpr int64_t kLeaf = -1;

bool IsNodeDtype(const Scope& scope, const Array& nodes) {
  const bool is_old = nodes.dtype.itemsize == kOldNodeSize;
  if (nodes.dtype.kind != 'R' || (!is_old && nodes.dtype.itemsize != kNewNodeSize)) return false;
  const absl::Span<const uint32_t> operands = scope.view().operands(nodes.dtype_node);
  const size_t fields = is_old ? kOldFields : kNodeFields.size();
  if (operands.size() != 1 + 3 * fields) return false;
  for (size_t i = 0; i < fields; ++i) {
    const NodeId field = operands[3 * i + 2];
    if (scope.view().string(operands[3 * i + 1]) != kNodeFields[i].name ||
        scope.view().integer(operands[3 * i + 3]) != kNodeFields[i].offset ||
        scope.view().kind(field) != v1::NODE_KIND_DTYPE ||
        scope.view().string(scope.view().operands(field)[0]) != kNodeFields[i].typestr) {
      return false;
    }
  }
  return true;
}

int64_t Load(const uint8_t* at) {
  int64_t value;
  std::memcpy(&value, at, sizeof(value));
  return value;
}

// Children after their parent, each node one parent, features in range; `depth` is the longest
// way from the root to a leaf, counted in edges.
Check CheckNodes(const Array& nodes, int64_t n_features, int64_t* depth) {
  const uint64_t count = nodes.size();
  const auto n = static_cast<int64_t>(count);
  // Depth of each node from 1; 0: no parent seen. A tree as deep as it has nodes would need
  // more than 2^32 of them to overflow.
  std::vector<uint32_t> depths(count, 0);
  depths[0] = 1;
  uint32_t deepest = 1;
  const uint8_t* at = nodes.bytes.data();
  for (int64_t i = 0; i < n; ++i, at += nodes.dtype.itemsize) {
    const uint32_t mine = depths[static_cast<size_t>(i)];
    if (mine == 0) return Broken{"nodes", absl::StrCat("node ", i, " has no parent")};
    const int64_t left = Load(at);
    const int64_t right = Load(at + 8);
    if (left == kLeaf && right == kLeaf) continue;
    if (left <= i || left >= n || right <= i || right >= n || left == right) {
      return Broken{"nodes", absl::StrCat("the children of node ", i, " are out of range")};
    }
    const int64_t feature = Load(at + 16);
    if (feature < 0 || feature >= n_features) {
      return Broken{"nodes", absl::StrCat("the feature of node ", i, " is out of range")};
    }
    for (const int64_t child : {left, right}) {
      uint32_t& theirs = depths[static_cast<size_t>(child)];
      if (theirs != 0) return Broken{"nodes", absl::StrCat("node ", child, " has two parents")};
      theirs = mine + 1;
    }
    deepest = std::max(deepest, mine + 1);
  }
  *depth = int64_t{deepest} - 1;
  return std::nullopt;
}

Check CheckTreeState(const Scope& scope, const TreeHeader& header, const Mapping& state) {
  if (!state.ok() || state.ordered() || !state.str_keys() || state.size() != 4) {
    return Broken{"", "the state of a Tree is a plain dict of 4 keys"};
  }
  const auto max_depth = state.Find("max_depth");
  const auto node_count = state.Find("node_count");
  const auto nodes_value = state.Find("nodes");
  const auto values_value = state.Find("values");
  if (!max_depth || !node_count || !nodes_value || !values_value) {
    return Broken{"", "the state of a Tree lacks a key"};
  }
  const std::optional<Array> nodes = scope.ArrayOf(*nodes_value);
  if (!nodes || nodes->rank() != 1 || !IsNodeDtype(scope, *nodes)) {
    return Broken{"nodes", "the nodes of a Tree are no array of its node type"};
  }
  const auto n = static_cast<int64_t>(nodes->size());
  // More cannot be counted in the depths' type.
  if (n < 1 || n > std::numeric_limits<uint32_t>::max() - 1) {
    return Broken{"nodes", "a Tree without nodes"};
  }
  if (scope.Int(*node_count) != n) return Broken{"node_count", "node_count is not that of nodes"};
  const std::optional<Array> values = scope.ArrayOf(*values_value);
  if (!values || !values->dtype.IsFloat64() || !values->c_order() ||
      !values->HasShape({n, header.n_outputs, header.max_classes})) {
    return Broken{"values", "the values of a Tree are not f8 (nodes, outputs, classes)"};
  }
  int64_t depth = 0;
  if (Check broken = CheckNodes(*nodes, header.n_features, &depth)) return broken;
  // decision_path makes room for max_depth + 1 entries a row; no way is longer than the nodes.
  const std::optional<int64_t> claimed = scope.Int(*max_depth);
  if (!claimed || *claimed < depth || *claimed > n) {
    return Broken{"max_depth", "max_depth is not that of the nodes"};
  }
  return std::nullopt;
}

}  // namespace

bool ClassesFit(const Scope& scope, Value value, const TreeHeader& header) {
  const Sequence list(scope.view(), value);
  if (!list.ok()) {
    return header.n_outputs == 1 &&
           LabelCount(scope, value) == static_cast<uint64_t>(header.n_classes[0]);
  }
  if (list.size() != header.n_classes.size()) return false;
  for (uint32_t i = 0; i < list.size(); ++i) {
    if (LabelCount(scope, list[i]) != static_cast<uint64_t>(header.n_classes[i])) return false;
  }
  return true;
}

bool SameClasses(const Scope& scope, Value value, const TreeHeader& header) {
  if (const std::optional<int64_t> one = scope.Int(value)) {
    return header.n_outputs == 1 && header.n_classes[0] == *one;
  }
  const Sequence list(scope.view(), value);
  if (list.ok()) {
    if (list.size() != header.n_classes.size()) return false;
    for (uint32_t i = 0; i < list.size(); ++i) {
      if (scope.Int(list[i]) != header.n_classes[i]) return false;
    }
    return true;
  }
  const std::optional<Array> array = scope.ArrayOf(value);
  if (!array || !array->IsVector(header.n_classes.size())) return false;
  for (uint64_t i = 0; i < header.n_classes.size(); ++i) {
    if (IntAt(*array, i) != header.n_classes[i]) return false;
  }
  return true;
}

std::optional<TreeHeader> ReadTreeHeader(const Scope& scope, Value tree) {
  const std::optional<NodeId> call = scope.CallOf(tree, policy::Schema::kTree);
  if (!call) return std::nullopt;
  const Sequence args = PartsOf(scope, *call).args;
  if (args.size() != 3) return std::nullopt;
  const std::optional<int64_t> features = scope.Int(args[0]);
  const std::optional<Array> classes = scope.ArrayOf(args[1]);
  const std::optional<int64_t> outputs = scope.Int(args[2]);
  if (!features || *features < 0 || *features > kMaxCount || !outputs || *outputs < 1 ||
      *outputs > kMaxCount || !classes || !classes->dtype.Is('i', 8) ||
      !classes->IsVector(static_cast<uint64_t>(*outputs))) {
    return std::nullopt;
  }
  TreeHeader header;
  header.n_features = *features;
  header.n_outputs = *outputs;
  for (uint64_t i = 0; i < classes->size(); ++i) {
    const auto count = classes->At<int64_t>(i);
    if (count < 1 || count > kMaxCount) return std::nullopt;
    header.n_classes.push_back(count);
    header.max_classes = std::max(header.max_classes, count);
  }
  return header;
}

Check CheckTree(const Scope& scope, NodeId call) {
  const std::optional<TreeHeader> header = ReadTreeHeader(scope, Value::Node(call));
  if (!header) {
    return Broken{"", "Tree takes n_features, n_classes of n_outputs numbers from 1, n_outputs"};
  }
  const CallParts parts = PartsOf(scope, call);
  if (parts.state == kAbsent || parts.has_items) return Broken{"", "Tree needs one BUILD"};
  return CheckTreeState(scope, *header, Mapping(scope.view(), Value::Node(parts.state)));
}

Check CheckTreeOwner(const Scope& scope, const Instance& owner) {
  const std::optional<Value> tree = owner.Get("tree_");
  if (!tree) return std::nullopt;
  const std::optional<TreeHeader> header = ReadTreeHeader(scope, *tree);
  if (!header) return Broken{"tree_", "tree_ is no Tree"};
  const auto features = owner.Get("n_features_in_");
  if (!features || scope.Int(*features) != header->n_features) {
    return Broken{"n_features_in_", "n_features_in_ is not that of tree_"};
  }
  const auto outputs = owner.Get("n_outputs_");
  if (!outputs || scope.Int(*outputs) != header->n_outputs) {
    return Broken{"n_outputs_", "n_outputs_ is not that of tree_"};
  }
  const auto n_classes = owner.Get("n_classes_");
  if (n_classes && !SameClasses(scope, *n_classes, *header)) {
    return Broken{"n_classes_", "n_classes_ are not those of tree_"};
  }
  const auto classes = owner.Get("classes_");
  if (classes && !ClassesFit(scope, *classes, *header)) {
    return Broken{"classes_", "classes_ are not as many as tree_ has"};
  }
  // A classifier's predict_proba cuts by n_classes_.
  if (classes && !n_classes) return Broken{"n_classes_", "n_classes_ is missing"};
  return std::nullopt;
}

}  // namespace loadlock::verify
