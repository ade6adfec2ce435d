#include "server/verify/invariants/neighbor_tree.h"

#include <array>

#include "absl/strings/str_cat.h"
#include "server/verify/schemas/schemas.h"

namespace loadlock::verify {
namespace {

// Places in the 13-tuple of BinaryTree.__getstate__.
enum Part : uint32_t {
  kData = 0,
  kIndices = 1,
  kNodes = 2,
  kBounds = 3,
  kLeafSize = 4,
  kLevels = 5,
  kNodeCount = 6,
  kFirstCounter = 7,
  kLastCounter = 10,
  kMetric = 11,
  kWeights = 12,
  kParts = 13,
};

constexpr std::array<absl::string_view, 4> kNodeFields = {"idx_start", "idx_end", "is_leaf",
                                                          "radius"};
constexpr uint32_t kNodeSize = 32;

bool IsNodeDtype(const Scope& scope, const Array& nodes) {
  if (nodes.dtype.kind != 'R' || nodes.dtype.itemsize != kNodeSize) return false;
  const absl::Span<const uint32_t> operands = scope.view().operands(nodes.dtype_node);
  if (operands.size() != 1 + 3 * kNodeFields.size()) return false;
  for (size_t i = 0; i < kNodeFields.size(); ++i) {
    const NodeId field = operands[3 * i + 2];
    if (scope.view().string(operands[3 * i + 1]) != kNodeFields[i] ||
        scope.view().integer(operands[3 * i + 3]) != static_cast<int64_t>(8 * i) ||
        scope.view().kind(field) != v1::NODE_KIND_DTYPE ||
        scope.view().string(scope.view().operands(field)[0]) != (i == 3 ? "<f8" : "<i8")) {
      return false;
    }
  }
  return true;
}

bool IsPermutation(const Array& array) {
  const uint64_t n = array.size();
  std::vector<uint8_t> seen(n, 0);
  for (uint64_t i = 0; i < n; ++i) {
    const auto index = static_cast<uint64_t>(array.At<int64_t>(i));
    if (index >= n || seen[index] != 0) return false;
    seen[index] = 1;
  }
  return true;
}

int64_t Load(const uint8_t* at) {
  int64_t value;
  std::memcpy(&value, at, sizeof(value));
  return value;
}

Check CheckNodes(const Array& nodes, int64_t rows) {
  const auto count = static_cast<int64_t>(nodes.size());
  const uint8_t* at = nodes.bytes.data();
  for (int64_t i = 0; i < count; ++i, at += kNodeSize) {
    const int64_t start = Load(at);
    const int64_t end = Load(at + 8);
    if (start < 0 || start >= end || end > rows) {
      return Broken{"", absl::StrCat("the points of node ", i, " are out of range")};
    }
    // The children of node i are 2i + 1 and 2i + 2.
    if (Load(at + 16) == 0 && i >= (count - 1) / 2) {
      return Broken{"", absl::StrCat("node ", i, " is no leaf and has no children")};
    }
  }
  return std::nullopt;
}

Check CheckNumbers(const Scope& scope, const Sequence& parts, int64_t nodes) {
  const std::optional<int64_t> leaf_size = scope.Int(parts[kLeafSize]);
  // A kernel density divides by it.
  if (!leaf_size || *leaf_size < 1) return Broken{"", "the leaf size of a tree is below 1"};
  const std::optional<int64_t> levels = scope.Int(parts[kLevels]);
  if (!levels || *levels < 1 || *levels > 62) return Broken{"", "the levels of a tree"};
  if (scope.Int(parts[kNodeCount]) != nodes) return Broken{"", "the node count of a tree"};
  for (uint32_t i = kFirstCounter; i <= kLastCounter; ++i) {
    if (!scope.Int(parts[i])) return Broken{"", "a counter of a tree is no integer"};
  }
  return std::nullopt;
}

}  // namespace

Check CheckNeighborTree(const Scope& scope, NodeId call, NeighborTree kind) {
  const NodeId state = PartsOf(scope, call).state;
  const Sequence parts(scope.view(), Value::Node(state));
  if (!IsTupleKind(scope.view().kind(state)) || parts.size() != kParts) {
    return Broken{"", "the state of a tree has 13 parts"};
  }
  const std::optional<Array> data = scope.ArrayOf(parts[kData]);
  if (!data || !data->dtype.IsFloat64() || data->rank() != 2 || !data->c_order() ||
      data->shape[0] < 1 || data->shape[1] < 1) {
    return Broken{"", "the data of a tree are not f8 (rows, columns)"};
  }
  const int64_t rows = data->shape[0];
  const int64_t columns = data->shape[1];
  const std::optional<Array> indices = scope.ArrayOf(parts[kIndices]);
  if (!indices || !indices->dtype.Is('i', 8) || !indices->IsVector(static_cast<uint64_t>(rows)) ||
      !IsPermutation(*indices)) {
    return Broken{"", "the indices of a tree are no permutation of its rows"};
  }
  const std::optional<Array> nodes = scope.ArrayOf(parts[kNodes]);
  if (!nodes || nodes->rank() != 1 || nodes->shape[0] < 1 || !IsNodeDtype(scope, *nodes)) {
    return Broken{"", "the nodes of a tree are no array of its node type"};
  }
  if (Check broken = CheckNodes(*nodes, rows)) return broken;
  const std::optional<Array> bounds = scope.ArrayOf(parts[kBounds]);
  const int64_t boxes = kind == NeighborTree::kKdTree ? 2 : 1;
  if (!bounds || !bounds->dtype.IsFloat64() || !bounds->c_order() ||
      !bounds->HasShape({boxes, nodes->shape[0], columns})) {
    return Broken{"", "the bounds of a tree are not f8 (1 or 2, nodes, columns)"};
  }
  if (Check broken = CheckNumbers(scope, parts, nodes->shape[0])) return broken;
  if (Check broken = CheckMetricWidth(scope, parts[kMetric], columns)) return broken;
  if (scope.view().IsNone(parts[kWeights])) return std::nullopt;
  const std::optional<Array> weights = scope.ArrayOf(parts[kWeights]);
  if (!weights || !weights->dtype.IsFloat64() || !weights->IsVector(static_cast<uint64_t>(rows))) {
    return Broken{"", "the weights of a tree are not one a row"};
  }
  return std::nullopt;
}

std::optional<std::pair<int64_t, int64_t>> NeighborTreeShape(const Scope& scope, Value tree) {
  const std::optional<NodeId> call = scope.CallOf(tree, policy::Schema::kNewObj);
  if (!call) return std::nullopt;
  const NodeId state = PartsOf(scope, *call).state;
  const Sequence parts(scope.view(), Value::Node(state));
  if (parts.size() != kParts) return std::nullopt;
  const std::optional<Array> data = scope.ArrayOf(parts[kData]);
  if (!data || data->rank() != 2) return std::nullopt;
  return std::make_pair(data->shape[0], data->shape[1]);
}

}  // namespace loadlock::verify
