#include "server/verify/torch/sparse.h"

#include <limits>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "server/verify/torch/tensor.h"

namespace loadlock::verify::torch {
namespace {

Broken Wrong(absl::string_view what) { return {"", std::string(what)}; }

// An index of a tensor of int32 or int64.
int64_t IndexAt(const Strided& indices, int64_t place) {
  return indices.type->size == 4 ? indices.At<int32_t>(place) : indices.At<int64_t>(place);
}

// The parts of one sparse tensor.
struct Sparse {
  absl::string_view layout;
  uint32_t flags = 0;
  absl::Span<const int64_t> sizes;
  std::vector<Strided> parts;

  const Strided& values() const { return parts.back(); }
};

// Columns in lexical order, each once: what torch believes of a coalesced tensor.
bool IsSorted(const Strided& indices, int64_t dimensions, int64_t column) {
  for (int64_t i = 0; i < dimensions; ++i) {
    const int64_t place = indices.offset + i * indices.strides[0] + column * indices.strides[1];
    const int64_t before = IndexAt(indices, place - indices.strides[1]);
    const int64_t here = IndexAt(indices, place);
    if (before != here) return before < here;
  }
  return false;
}

Check CheckCoordinates(const Scope& scope, const Sparse& sparse) {
  const Strided& indices = sparse.parts[0];
  const Strided& values = sparse.values();
  if (indices.type->name != "int64" || indices.rank() != 2 || values.rank() < 1) {
    return Wrong("indices are no int64 matrix, or values no rows");
  }
  const int64_t dimensions = indices.sizes[0];
  const int64_t stored = indices.sizes[1];
  if (dimensions > static_cast<int64_t>(sparse.sizes.size()) || values.sizes[0] != stored ||
      values.sizes.subspan(1) != sparse.sizes.subspan(static_cast<size_t>(dimensions))) {
    return Wrong("the shapes of indices and values do not fit the size");
  }
  if (!scope.view().Spend(indices.elements)) return Wrong("it would take too long to check");
  if (indices.elements == 0) return std::nullopt;
  for (int64_t i = 0; i < dimensions; ++i) {
    int64_t place = indices.offset + i * indices.strides[0];
    for (int64_t j = 0; j < stored; ++j, place += indices.strides[1]) {
      const int64_t index = IndexAt(indices, place);
      if (index < 0 || index >= sparse.sizes[static_cast<size_t>(i)]) {
        return Wrong("an index is out of range");
      }
      // After the last element the place may lie beyond what was proven.
      if (j + 1 == stored) break;
    }
  }
  if ((sparse.flags & kCoalesced) == 0) return std::nullopt;
  for (int64_t j = 1; j < stored; ++j) {
    if (!IsSorted(indices, dimensions, j)) {
      return Wrong("it claims to be coalesced, and its indices are not sorted and unique");
    }
  }
  return std::nullopt;
}

// What compressed indices of one batch must obey.
struct Compressed {
  // Compressed rows (columns in csc, bsc), and what each plain index stays below.
  int64_t rows = 0;
  int64_t width = 0;
  int64_t stored = 0;
};

Check CheckBatch(const Strided& starts, int64_t starts_place, const Strided& plain,
                 int64_t plain_place, const Compressed& want) {
  const int64_t starts_step = starts.strides.back();
  const int64_t plain_step = plain.strides.back();
  int64_t begin = IndexAt(starts, starts_place);
  if (begin != 0) return Wrong("compressed indices do not begin with 0");
  for (int64_t row = 1; row <= want.rows; ++row) {
    const int64_t end = IndexAt(starts, starts_place + row * starts_step);
    if (end < begin || end > want.stored) return Wrong("compressed indices do not rise");
    int64_t before = -1;
    for (int64_t i = begin; i < end; ++i) {
      const int64_t index = IndexAt(plain, plain_place + i * plain_step);
      if (index <= before || index >= want.width) {
        return Wrong("an index is out of range, or a row's indices do not rise");
      }
      before = index;
    }
    begin = end;
  }
  if (begin != want.stored) return Wrong("compressed indices do not end with the number of values");
  return std::nullopt;
}

// Place of a batch's first element, by its number.
int64_t BatchPlace(const Strided& indices, int64_t number) {
  int64_t place = indices.offset;
  for (size_t i = indices.rank() - 1; i-- > 0;) {
    place += number % indices.sizes[i] * indices.strides[i];
    number /= indices.sizes[i];
  }
  return place;
}

// Sizes of what is compressed and what is plain, in blocks; nullopt if the shapes do not fit.
std::optional<Compressed> ShapeOf(const Sparse& sparse) {
  const Strided& starts = sparse.parts[0];
  const Strided& plain = sparse.parts[1];
  const Strided& values = sparse.values();
  if (starts.rank() < 1 || plain.rank() != starts.rank()) return std::nullopt;
  const size_t batches = starts.rank() - 1;
  const bool blocks = absl::StartsWith(sparse.layout, "sparse_bs");
  const size_t inner = blocks ? 2 : 0;
  if (sparse.sizes.size() < batches + 2 || values.rank() < batches + 1 + inner) return std::nullopt;
  const auto lead = sparse.sizes.subspan(0, batches);
  if (starts.sizes.subspan(0, batches) != lead || plain.sizes.subspan(0, batches) != lead ||
      values.sizes.subspan(0, batches) != lead) {
    return std::nullopt;
  }
  if (values.sizes.subspan(batches + 1 + inner) != sparse.sizes.subspan(batches + 2)) {
    return std::nullopt;
  }
  int64_t rows = sparse.sizes[batches];
  int64_t columns = sparse.sizes[batches + 1];
  if (blocks) {
    const int64_t high = values.sizes[batches + 1];
    const int64_t wide = values.sizes[batches + 2];
    // torch divides by them.
    if (high < 1 || wide < 1 || rows % high != 0 || columns % wide != 0) return std::nullopt;
    rows /= high;
    columns /= wide;
  }
  if (absl::EndsWith(sparse.layout, "sc")) std::swap(rows, columns);
  const int64_t stored = plain.sizes[batches];
  if (rows == std::numeric_limits<int64_t>::max() || starts.sizes[batches] != rows + 1 ||
      values.sizes[batches] != stored) {
    return std::nullopt;
  }
  return Compressed{rows, columns, stored};
}

Check CheckCompressed(const Scope& scope, const Sparse& sparse) {
  const Strided& starts = sparse.parts[0];
  const Strided& plain = sparse.parts[1];
  const absl::string_view type = starts.type->name;
  if ((type != "int64" && type != "int32") || plain.type->name != type) {
    return Wrong("indices are not both int32 or both int64");
  }
  const std::optional<Compressed> shape = ShapeOf(sparse);
  if (!shape) return Wrong("the shapes of indices, values and blocks do not fit the size");
  if (!scope.view().Spend(starts.elements) || !scope.view().Spend(plain.elements)) {
    return Wrong("it would take too long to check");
  }
  // Not empty unless there is no batch: there is one start more than rows.
  const auto batches =
      static_cast<int64_t>(starts.elements / static_cast<uint64_t>(shape->rows + 1));
  for (int64_t i = 0; i < batches; ++i) {
    if (Check broken =
            CheckBatch(starts, BatchPlace(starts, i), plain, BatchPlace(plain, i), *shape)) {
      return broken;
    }
  }
  return std::nullopt;
}

}  // namespace

Check CheckSparse(const Scope& scope, NodeId tensor) {
  const absl::Span<const uint32_t> operands = scope.view().operands(tensor);
  Sparse sparse;
  sparse.layout = scope.view().string(operands[0]);
  sparse.flags = operands[1];
  sparse.sizes = {scope.view().graph().ints().data() + operands[3], operands[2]};
  for (const NodeId part : operands.subspan(4)) {
    StridedOrWhy strided = StridedOf(scope, part);
    if (!strided.why.empty()) return Wrong(strided.why);
    if (strided.view.flags != 0 || strided.view.meta || strided.view.type->quantized()) {
      return Wrong("a part requires grad, has no bytes or is quantized");
    }
    sparse.parts.push_back(strided.view);
  }
  const ElementType& type = *sparse.values().type;
  if (!Elements(sparse.sizes, type.size)) return Wrong("a size is negative, or they overflow");
  if ((sparse.flags & kRequiresGrad) != 0 && !type.MayRequireGrad()) {
    return Wrong("only a tensor of float or complex requires grad");
  }
  if (sparse.layout == "sparse_coo") return CheckCoordinates(scope, sparse);
  if ((sparse.flags & kCoalesced) != 0) return Wrong("only sparse_coo can be coalesced");
  return CheckCompressed(scope, sparse);
}

}  // namespace loadlock::verify::torch
