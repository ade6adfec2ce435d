#include "server/verify/invariants/sparse_objects.h"

#include <array>
#include <cstring>

#include "absl/strings/string_view.h"

namespace loadlock::verify {
namespace {

constexpr absl::string_view kNumberKinds = "biufc";

std::optional<DType> DtypeOf(const Scope& scope, NodeId dtype) {
  return ParseTypestr(scope.view().string(scope.view().operands(dtype)[0]));
}

// A number of Python's or numpy's as its real and imaginary part; nullopt if it is none, or of
// another dtype than those that hold in a double.
std::optional<std::array<double, 2>> ElementOf(const Scope& scope, Value value) {
  if (const auto truth = scope.Bool(value)) return std::array<double, 2>{*truth ? 1.0 : 0.0, 0};
  if (const auto number = scope.Number(value)) return std::array<double, 2>{*number, 0};
  if (!value.is_node()) return std::nullopt;
  const absl::Span<const uint32_t> operands = scope.view().operands(value.index);
  if (scope.view().kind(value.index) == v1::NODE_KIND_COMPLEX) {
    return std::array{scope.view().floating(operands[0]), scope.view().floating(operands[1])};
  }
  if (scope.view().kind(value.index) != v1::NODE_KIND_SCALAR) return std::nullopt;
  const std::optional<DType> dtype = DtypeOf(scope, operands[0]);
  const absl::string_view blob = scope.view().blob(operands[1]);
  if (dtype && dtype->Is('c', 16)) {
    std::array<double, 2> parts = {};
    std::memcpy(parts.data(), blob.data(), sizeof(parts));
    return parts;
  }
  if (dtype && dtype->Is('c', 8)) {
    std::array<float, 2> parts = {};
    std::memcpy(parts.data(), blob.data(), sizeof(parts));
    return std::array{double{parts[0]}, double{parts[1]}};
  }
  return std::nullopt;
}

// Bit by bit, so that NaN is itself.
bool SameElement(const Scope& scope, Value one, Value other) {
  const auto left = ElementOf(scope, one);
  const auto right = ElementOf(scope, other);
  return left && right && std::memcmp(left->data(), right->data(), sizeof(*left)) == 0;
}

// What the client makes room for: a dtype of numbers.
Check CheckElementType(const Scope& scope, const Instance& matrix) {
  const std::optional<Value> value = matrix.Get("dtype");
  if (value && scope.view().Is(*value, v1::NODE_KIND_DTYPE)) {
    const std::optional<DType> dtype = DtypeOf(scope, value->index);
    if (dtype && dtype->native() && kNumberKinds.find(dtype->kind) != absl::string_view::npos) {
      return std::nullopt;
    }
  }
  return Broken{"dtype", "the dtype of its elements is none of numbers"};
}

// The lists in a vector of `rows` objects; nullopt if it is anything else.
std::optional<Sequence> ListsAt(const Scope& scope, const Instance& matrix, absl::string_view key,
                                int64_t rows) {
  const std::optional<Value> value = matrix.Get(key);
  if (!value || !scope.view().Is(*value, v1::NODE_KIND_OBJECT_NDARRAY)) return std::nullopt;
  const absl::Span<const uint32_t> operands = scope.view().operands(value->index);
  const Sequence lists(scope.view(), Value::Node(operands[0]));
  if (operands[2] != 1 || !lists.ok() || int64_t{lists.size()} != rows) return std::nullopt;
  for (uint32_t i = 0; i < lists.size(); ++i) {
    if (scope.KindOf(lists[i]) != v1::VALUE_KIND_LIST) return std::nullopt;
  }
  return lists;
}

Check CheckRow(const Scope& scope, const Sequence& columns, const Sequence& numbers,
               int64_t width) {
  if (columns.size() != numbers.size()) return Broken{"data", "not one number a column"};
  // Rows may share a list.
  if (!scope.view().Spend(1 + columns.size())) return Broken{"rows", "they are too many"};
  int64_t last = -1;
  for (uint32_t i = 0; i < columns.size(); ++i) {
    const std::optional<int64_t> column = scope.Int(columns[i]);
    if (!column || *column <= last || *column >= width) {
      return Broken{"rows", "the columns of a row are no ascending indices in range"};
    }
    last = *column;
    if (!ElementOf(scope, numbers[i])) return Broken{"data", "an element is no number"};
  }
  return std::nullopt;
}

using Place = std::array<int64_t, 2>;

std::optional<Place> PlaceOf(const Scope& scope, Value key) {
  if (scope.KindOf(key) != v1::VALUE_KIND_TUPLE) return std::nullopt;
  const Sequence pair(scope.view(), key);
  if (pair.size() != 2) return std::nullopt;
  const std::optional<int64_t> row = scope.Int(pair[0]);
  const std::optional<int64_t> column = scope.Int(pair[1]);
  if (!row || !column) return std::nullopt;
  return Place{*row, *column};
}

}  // namespace

Check CheckLists(const Scope& scope, const Instance& matrix, const SparseShape& shape) {
  if (Check broken = CheckElementType(scope, matrix)) return broken;
  const std::optional<Sequence> rows = ListsAt(scope, matrix, "rows", shape.rows);
  const std::optional<Sequence> data = ListsAt(scope, matrix, "data", shape.rows);
  if (!rows || !data) return Broken{"rows", "rows and data are not one list a row"};
  for (uint32_t i = 0; i < rows->size(); ++i) {
    const Sequence columns(scope.view(), (*rows)[i]);
    const Sequence numbers(scope.view(), (*data)[i]);
    if (Check broken = CheckRow(scope, columns, numbers, shape.columns)) return broken;
  }
  return std::nullopt;
}

Check CheckKeys(const Scope& scope, const Instance& matrix, const SparseShape& shape) {
  if (Check broken = CheckElementType(scope, matrix)) return broken;
  const std::optional<Value> stated = matrix.Get("_dict");
  const Mapping copy(scope.view(), stated ? *stated : Value::Node(kAbsent));
  if (stated && (!copy.ok() || copy.ordered())) return Broken{"_dict", "no dict"};
  const Mapping elements(scope.view(), Value::Node(scope.view().operands(matrix.node)[4]));
  if (stated && copy.size() != elements.size()) {
    return Broken{"_dict", "it is not what the items are"};
  }
  for (uint32_t i = 0; i < elements.size(); ++i) {
    const std::optional<Place> place = PlaceOf(scope, elements.key(i));
    if (!place || (*place)[0] < 0 || (*place)[0] >= shape.rows || (*place)[1] < 0 ||
        (*place)[1] >= shape.columns) {
      return Broken{"", "a key is no row and column in range"};
    }
    if (!ElementOf(scope, elements.value(i))) return Broken{"", "an element is no number"};
    // Which of the two counts differs by the version of scipy.
    if (stated && (PlaceOf(scope, copy.key(i)) != place ||
                   !SameElement(scope, copy.value(i), elements.value(i)))) {
      return Broken{"_dict", "it is not what the items are"};
    }
  }
  return std::nullopt;
}

}  // namespace loadlock::verify
