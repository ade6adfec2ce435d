// Sparse tensors: that their parts fit together. torch's kernels use the indices in them as they
// are; those stand in buffers, which the daemon reads.
#include <algorithm>
#include <iterator>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "sandbox/decoders/torch/lowering.h"
#include "sandbox/decoders/torch/strided.h"

namespace loadlock::torch {
namespace {

using graph::Kind;
using graph::TensorInfo;
using Dims = absl::Span<const int64_t>;

constexpr std::string_view kCoo = "sparse_coo";
constexpr std::string_view kCompressed[] = {"sparse_csr", "sparse_csc", "sparse_bsr", "sparse_bsc"};

bool Equal(Dims a, Dims b) { return std::equal(a.begin(), a.end(), b.begin(), b.end()); }

// Indices (sparse dimensions, n), values (n, dense dimensions ...).
const char* CooProblem(Dims indices, Dims values, Dims sizes) {
  if (indices.size() != 2 || values.empty()) return "the indices are no matrix";
  if (indices[1] != values[0]) return "there are not as many values as indices";
  const auto sparse = static_cast<uint64_t>(indices[0]);
  if (sparse > sizes.size() || sizes.size() - sparse != values.size() - 1) {
    return "the dimensions of indices and values do not make the tensor's";
  }
  if (!Equal(values.subspan(1), sizes.subspan(sparse))) {
    return "the sizes of the values are not the tensor's";
  }
  return nullptr;
}

// Compressed indices (batch ..., rows + 1), plain indices (batch ..., n), values (batch ..., n,
// [block rows, block columns,] dense dimensions ...). By columns instead of rows for CSC and BSC.
const char* CompressedProblem(std::string_view layout, Dims compressed, Dims plain, Dims values,
                              Dims sizes) {
  const bool blocks = layout == "sparse_bsr" || layout == "sparse_bsc";
  const bool rows = layout == "sparse_csr" || layout == "sparse_bsr";
  if (compressed.empty() || plain.size() != compressed.size()) {
    return "the two kinds of indices have not the same dimensions";
  }
  const size_t batch = compressed.size() - 1;
  const size_t block_dims = blocks ? 2 : 0;
  if (sizes.size() < batch + 2) return "the indices have more dimensions than the tensor";
  const size_t dense = sizes.size() - batch - 2;
  if (values.size() != batch + 1 + block_dims + dense) {
    return "the dimensions of the values do not make the tensor's";
  }
  const Dims batches = sizes.subspan(0, batch);
  if (!Equal(compressed.subspan(0, batch), batches) || !Equal(plain.subspan(0, batch), batches) ||
      !Equal(values.subspan(0, batch), batches)) {
    return "the batches of indices and values are not the tensor's";
  }
  if (plain[batch] != values[batch]) return "there are not as many values as plain indices";
  int64_t block[2] = {1, 1};
  if (blocks) {
    block[0] = values[batch + 1];
    block[1] = values[batch + 2];
  }
  for (size_t i = 0; i < 2; ++i) {
    if (block[i] <= 0 || sizes[batch + i] % block[i] != 0) {
      return "the blocks do not divide the tensor";
    }
  }
  const size_t axis = rows ? 0 : 1;
  if (compressed[batch] < 1 || compressed[batch] - 1 != sizes[batch + axis] / block[axis]) {
    return "the compressed indices are not one more than the rows (or columns)";
  }
  if (!Equal(values.subspan(batch + 1 + block_dims), sizes.subspan(batch + 2))) {
    return "the sizes of the values are not the tensor's";
  }
  return nullptr;
}

}  // namespace

bool Lowering::ReadParts(absl::Span<const NodeId> tensors, TensorInfo* info) {
  for (size_t i = 0; i < tensors.size(); ++i) {
    if (b_.kind(tensors[i]) != Kind::kTensor) {
      return Refuse("SCHEMA", "indices or values of a sparse tensor are no plain tensors");
    }
    info->parts[i] = tensors[i];
  }
  info->part_count = static_cast<uint8_t>(tensors.size());
  return true;
}

// (indices, values, sizes[, is_coalesced])
bool Lowering::CheckCoo(absl::Span<const NodeId> data, uint8_t* flags) {
  if (b_.tensor(data[0]).type != "int64") {
    return Refuse("DTYPE", "the indices of a sparse tensor are not int64");
  }
  if (data.size() == 4 && b_.kind(data[3]) != Kind::kNone) {
    bool coalesced = false;
    if (!ReadBool(data[3], &coalesced)) {
      return Refuse("SCHEMA", "whether a sparse tensor is coalesced is not a bool");
    }
    if (coalesced) *flags |= TensorInfo::kCoalesced;
  }
  const char* const why = CooProblem(Sizes(data[0]), Sizes(data[1]), geometry_);
  return why == nullptr || Refuse("ARRAY_BOUNDS", absl::StrCat("a sparse tensor: ", why));
}

// (compressed indices, plain indices, values, sizes)
bool Lowering::CheckCompressed(std::string_view layout, absl::Span<const NodeId> data) {
  const std::string_view type = b_.tensor(data[0]).type;
  if ((type != "int64" && type != "int32") || b_.tensor(data[1]).type != type) {
    return Refuse("DTYPE", "the indices of a sparse tensor are not all int64 or all int32");
  }
  const char* const why =
      CompressedProblem(layout, Sizes(data[0]), Sizes(data[1]), Sizes(data[2]), geometry_);
  return why == nullptr || Refuse("ARRAY_BOUNDS", absl::StrCat("a sparse tensor: ", why));
}

// (layout, data)
graph::NodeId Lowering::Sparse(absl::Span<const NodeId> args) {
  if (args.size() != 2 || b_.kind(args[0]) != Kind::kGlobal ||
      b_.global(args[0]).module != "torch" || b_.kind(args[1]) != Kind::kTuple) {
    return Unwritten();
  }
  const std::string_view name = b_.global(args[0]).name;
  const bool coo = name == kCoo;
  const auto* compressed = std::find(std::begin(kCompressed), std::end(kCompressed), name);
  if (!coo && compressed == std::end(kCompressed)) {
    return Fail("SCHEMA", "the layout of a sparse tensor is not one that torch writes");
  }
  const absl::Span<const NodeId> data = b_.edges(args[1]);
  const size_t parts = coo ? 2 : 3;
  if (data.size() != 4 && !(coo && data.size() == 3)) return Unwritten();
  TensorInfo info;
  geometry_.clear();
  if (!ReadParts(data.subspan(0, parts), &info) || !ReadInts(data[parts], &geometry_)) {
    return graph::kNoNode;
  }
  if (!(coo ? CheckCoo(data, &info.flags) : CheckCompressed(*compressed, data))) {
    return graph::kNoNode;
  }
  info.type = coo ? kCoo : *compressed;
  info.rank = static_cast<uint8_t>(geometry_.size());
  // How many elements it would have if none were left out.
  std::vector<int64_t> dense(1 + 2 * geometry_.size(), 0);
  std::copy(geometry_.begin(), geometry_.end(), dense.begin() + 1);
  Extent extent;
  if (const char* why = GeometryProblem(dense, ElementsOf(data[parts - 1]).item_size, &extent)) {
    return Fail("ARRAY_BOUNDS", absl::StrCat("a sparse tensor: ", why));
  }
  return b_.Tensor(Kind::kSparseTensor, info, geometry_);
}

}  // namespace loadlock::torch
