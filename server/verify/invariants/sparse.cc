#include "server/verify/invariants/sparse.h"

#include <algorithm>
#include <array>
#include <limits>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/verify/invariants/sparse_objects.h"

namespace loadlock::verify {
namespace {

constexpr int64_t kMaxInt32 = std::numeric_limits<int32_t>::max();

enum class Format { kCsr, kCsc, kCoo, kDia, kBsr, kLil, kDok };

std::optional<Format> FormatOf(absl::string_view class_name) {
  if (absl::StartsWith(class_name, "csr_")) return Format::kCsr;
  if (absl::StartsWith(class_name, "csc_")) return Format::kCsc;
  if (absl::StartsWith(class_name, "coo_")) return Format::kCoo;
  if (absl::StartsWith(class_name, "dia_")) return Format::kDia;
  if (absl::StartsWith(class_name, "bsr_")) return Format::kBsr;
  if (absl::StartsWith(class_name, "lil_")) return Format::kLil;
  if (absl::StartsWith(class_name, "dok_")) return Format::kDok;
  return std::nullopt;
}

// What scipy writes beside the arrays: flags and caches that the constructor finds out anew.
bool IsKnownKey(absl::string_view key) {
  constexpr std::array<absl::string_view, 17> kKeys = {"_shape",
                                                       "data",
                                                       "indices",
                                                       "indptr",
                                                       "row",
                                                       "col",
                                                       "coords",
                                                       "offsets",
                                                       "maxprint",
                                                       "_has_sorted_indices",
                                                       "_has_canonical_format",
                                                       "has_canonical_format",
                                                       "has_sorted_indices",
                                                       "_is_array",
                                                       "rows",
                                                       "dtype",
                                                       "_dict"};
  for (const absl::string_view known : kKeys) {
    if (key == known) return true;
  }
  return false;
}

bool IsNumber(const Array& array) {
  const char kind = array.dtype.kind;
  return array.dtype.native() &&
         (kind == 'b' || kind == 'i' || kind == 'u' || kind == 'f' || kind == 'c');
}

bool IsIndex(const Array& array) {
  return array.rank() == 1 && (array.dtype.Is('i', 4) || array.dtype.Is('i', 8));
}

std::optional<Array> ArrayAt(const Scope& scope, const Instance& matrix, absl::string_view key) {
  const std::optional<Value> value = matrix.Get(key);
  return value ? scope.ArrayOf(*value) : std::nullopt;
}

template <typename T>
bool AllWithin(const Array& array, int64_t limit) {
  const uint64_t count = array.size();
  bool ok = true;
  for (uint64_t i = 0; i < count; ++i) {
    const auto index = static_cast<int64_t>(array.At<T>(i));
    ok = ok && index >= 0 && index < limit;
  }
  return ok;
}

bool AllWithin(const Array& array, int64_t limit) {
  return array.dtype.itemsize == 4 ? AllWithin<int32_t>(array, limit)
                                   : AllWithin<int64_t>(array, limit);
}

// indptr: starts with 0, never falls, ends with the number of elements.
Check CheckPointers(const Array& pointers, int64_t major, int64_t stored) {
  if (!pointers.IsVector(static_cast<uint64_t>(major) + 1)) {
    return Broken{"indptr", "indptr has not one element more than the matrix has rows"};
  }
  int64_t last = 0;
  for (uint64_t i = 0; i < pointers.size(); ++i) {
    const int64_t next = *IntAt(pointers, i);
    if (next < last || (i == 0 && next != 0)) return Broken{"indptr", "indptr falls"};
    last = next;
  }
  if (last != stored) return Broken{"indptr", "indptr does not end with the number of elements"};
  return std::nullopt;
}

// `stored`: how many elements, or blocks of them, there are.
Check CheckIndices(const Scope& scope, const Instance& matrix, int64_t stored, int64_t major,
                   int64_t minor) {
  const std::optional<Array> indices = ArrayAt(scope, matrix, "indices");
  const std::optional<Array> pointers = ArrayAt(scope, matrix, "indptr");
  if (!indices || !IsIndex(*indices) || !pointers || !IsIndex(*pointers) ||
      indices->dtype.itemsize != pointers->dtype.itemsize) {
    return Broken{"indices", "indices and indptr are not i4 or i8 vectors of one dtype"};
  }
  if (indices->dtype.itemsize == 4 && (major > kMaxInt32 - 1 || minor > kMaxInt32)) {
    return Broken{"_shape", "the shape does not fit the dtype of the indices"};
  }
  if (!indices->IsVector(static_cast<uint64_t>(stored))) {
    return Broken{"indices", "there are not as many indices as elements"};
  }
  if (Check broken = CheckPointers(*pointers, major, stored)) return broken;
  if (!AllWithin(*indices, minor)) return Broken{"indices", "an index is out of range"};
  return std::nullopt;
}

Check CheckCompressed(const Scope& scope, const Instance& matrix, int64_t major, int64_t minor) {
  const std::optional<Array> data = ArrayAt(scope, matrix, "data");
  if (!data || data->rank() != 1 || !IsNumber(*data)) {
    return Broken{"data", "data is no vector of numbers"};
  }
  return CheckIndices(scope, matrix, data->shape[0], major, minor);
}

// As csr, of blocks that are all of one size.
Check CheckBlocks(const Scope& scope, const Instance& matrix, const SparseShape& shape) {
  const std::optional<Array> data = ArrayAt(scope, matrix, "data");
  if (!data || data->rank() != 3 || !data->c_order() || !IsNumber(*data)) {
    return Broken{"data", "data are no blocks of numbers in C order"};
  }
  const int64_t height = data->shape[1];
  const int64_t width = data->shape[2];
  if (height < 1 || width < 1 || shape.rows % height != 0 || shape.columns % width != 0) {
    return Broken{"data", "the blocks do not divide the shape"};
  }
  if (shape.rows > kMaxInt32 - 1 || shape.columns > kMaxInt32) {
    return Broken{"_shape", "the shape does not fit the dtype of the indices"};
  }
  return CheckIndices(scope, matrix, data->shape[0], shape.rows / height, shape.columns / width);
}

// row and col, or since scipy 1.13 coords.
Check CheckCoordinates(const Scope& scope, const Instance& matrix, const SparseShape& shape) {
  const std::optional<Array> data = ArrayAt(scope, matrix, "data");
  std::optional<Array> row = ArrayAt(scope, matrix, "row");
  std::optional<Array> col = ArrayAt(scope, matrix, "col");
  if (const std::optional<Value> coords = matrix.Get("coords")) {
    const Sequence pair(scope.view(), *coords);
    if (pair.size() != 2 || row || col) return Broken{"coords", "coords are not two vectors"};
    row = scope.ArrayOf(pair[0]);
    col = scope.ArrayOf(pair[1]);
  }
  if (!data || data->rank() != 1 || !IsNumber(*data)) {
    return Broken{"data", "data is no vector of numbers"};
  }
  if (!row || !col || !IsIndex(*row) || !IsIndex(*col) || !row->IsVector(data->size()) ||
      !col->IsVector(data->size())) {
    return Broken{"coords", "the coordinates are not two index vectors as long as data"};
  }
  if (!AllWithin(*row, shape.rows) || !AllWithin(*col, shape.columns)) {
    return Broken{"coords", "a coordinate is out of range"};
  }
  return std::nullopt;
}

Check CheckDiagonals(const Scope& scope, const Instance& matrix, const SparseShape& shape) {
  const std::optional<Array> data = ArrayAt(scope, matrix, "data");
  const std::optional<Array> offsets = ArrayAt(scope, matrix, "offsets");
  if (!data || data->rank() != 2 || !data->c_order() || !IsNumber(*data) ||
      data->shape[1] > shape.columns) {
    return Broken{"data", "data is no matrix of diagonals"};
  }
  if (!offsets || !offsets->dtype.Is('i', 4) ||
      !offsets->IsVector(static_cast<uint64_t>(data->shape[0]))) {
    return Broken{"offsets", "offsets are not one i4 a diagonal"};
  }
  const int64_t limit = std::max(shape.rows, shape.columns);
  std::vector<int32_t> seen;
  for (uint64_t i = 0; i < offsets->size(); ++i) {
    const auto offset = offsets->At<int32_t>(i);
    if (int64_t{offset} > limit || int64_t{offset} < -limit) {
      return Broken{"offsets", "an offset is out of range"};
    }
    seen.push_back(offset);
  }
  std::sort(seen.begin(), seen.end());
  if (std::adjacent_find(seen.begin(), seen.end()) != seen.end()) {
    return Broken{"offsets", "a diagonal stands twice"};
  }
  return std::nullopt;
}

}  // namespace

std::optional<SparseShape> SparseShapeOf(const Scope& scope, Value value) {
  const std::optional<Instance> matrix = scope.InstanceOf(value);
  if (!matrix || matrix->entry->schema() != policy::Schema::kSparse) return std::nullopt;
  const std::optional<Value> shape_value = matrix->Get("_shape");
  if (!shape_value) return std::nullopt;
  const Sequence shape(scope.view(), *shape_value);
  if (shape.size() != 2 || !IsTupleKind(scope.view().kind(shape_value->index))) {
    return std::nullopt;
  }
  const std::optional<int64_t> rows = scope.Int(shape[0]);
  const std::optional<int64_t> columns = scope.Int(shape[1]);
  if (!rows || !columns || *rows < 0 || *columns < 0) return std::nullopt;
  const std::optional<Array> data = ArrayAt(scope, *matrix, "data");
  return SparseShape{*rows, *columns, data ? static_cast<int64_t>(data->size()) : 0};
}

Check CheckSparse(const Scope& scope, const Instance& matrix) {
  const absl::Span<const uint32_t> operands = scope.view().operands(matrix.node);
  const std::optional<Format> format = FormatOf(matrix.entry->attribute());
  if (!format) return Broken{"", "a sparse matrix of a kind that loadlock does not know"};
  for (const size_t part : {1, 3, 4}) {
    if (part == 4 && format == Format::kDok) continue;
    if (operands[part] != kAbsent && scope.Length(Value::Node(operands[part])) != 0) {
      return Broken{"", "a sparse matrix has no arguments and no items"};
    }
  }
  if (!matrix.state.ok() || matrix.state.ordered() || !matrix.state.str_keys()) {
    return Broken{"", "it has no state"};
  }
  for (uint32_t i = 0; i < matrix.state.size(); ++i) {
    const absl::string_view key = matrix.state.str_key(i);
    if (!IsKnownKey(key)) return Broken{"", "an unknown key in a sparse matrix"};
    for (uint32_t j = 0; j < i; ++j) {
      if (matrix.state.str_key(j) == key) return Broken{"", "a key stands twice"};
    }
  }
  const std::optional<SparseShape> shape = SparseShapeOf(scope, Value::Node(matrix.node));
  if (!shape) return Broken{"_shape", "_shape is not two sizes"};
  switch (*format) {
    case Format::kCsr:
      return CheckCompressed(scope, matrix, shape->rows, shape->columns);
    case Format::kCsc:
      return CheckCompressed(scope, matrix, shape->columns, shape->rows);
    case Format::kCoo:
      return CheckCoordinates(scope, matrix, *shape);
    case Format::kDia:
      return CheckDiagonals(scope, matrix, *shape);
    case Format::kBsr:
      return CheckBlocks(scope, matrix, *shape);
    case Format::kLil:
      return CheckLists(scope, matrix, *shape);
    case Format::kDok:
      return CheckKeys(scope, matrix, *shape);
  }
  return Broken{"", "a sparse matrix of a kind that loadlock does not know"};
}

}  // namespace loadlock::verify
