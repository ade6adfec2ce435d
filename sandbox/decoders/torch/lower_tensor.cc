#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "sandbox/decoders/torch/lowering.h"
#include "sandbox/decoders/torch/strided.h"

namespace loadlock::torch {
namespace {

using graph::Kind;
using graph::TensorInfo;

}  // namespace

// `offset` is null where there is none: it is 0.
bool Lowering::ReadGeometry(const NodeId* offset, NodeId sizes, NodeId strides, TensorInfo* info) {
  geometry_.clear();
  geometry_.push_back(0);
  if (offset != nullptr) {
    if (b_.kind(*offset) != Kind::kInt || b_.int_value(*offset) < 0) {
      return Refuse("ARRAY_BOUNDS", "the offset of a tensor is not an int from 0 to 2^63 - 1");
    }
    geometry_[0] = b_.int_value(*offset);
  }
  if (!ReadInts(sizes, &geometry_)) return false;
  const size_t rank = geometry_.size() - 1;
  if (!ReadInts(strides, &geometry_)) return false;
  if (rank > kMaxRank || geometry_.size() != 1 + 2 * rank) {
    return Refuse("ARRAY_BOUNDS", "the sizes and strides of a tensor are not equally many");
  }
  info->rank = static_cast<uint8_t>(rank);
  return true;
}

// (storage, offset, sizes, strides, ...)
bool Lowering::ReadView(absl::Span<const NodeId> args, const Dtype& dtype, TensorInfo* info) {
  if (!ReadGeometry(&args[1], args[2], args[3], info)) return false;
  const graph::StorageInfo& storage = b_.storage(args[0]);
  const uint64_t bytes = storage.elements * storage.item_size;
  Extent extent;
  if (const char* why = ViewProblem(geometry_, dtype.item_size, bytes, &extent)) {
    return Refuse("ARRAY_BOUNDS",
                  absl::StrCat("a tensor over a storage of ", bytes, " bytes: ", why));
  }
  // A stride of 0 makes many elements of one; who copies it has them all.
  if (extent.logical_bytes > bytes && !b_.budget()->ChargeDecoded(extent.logical_bytes - bytes)) {
    return Refuse("BUDGET_DECODED", "a tensor repeats its elements more than the request may use");
  }
  info->type = dtype.name;
  info->parts[0] = args[0];
  info->part_count = 1;
  return true;
}

bool Lowering::ReadMetadata(NodeId metadata, const Dtype& dtype, uint8_t* flags) {
  if (b_.kind(metadata) == Kind::kNone) return true;
  if (b_.kind(metadata) != Kind::kDict) {
    return Refuse("SCHEMA", "the metadata of a tensor are no dict");
  }
  const absl::Span<const NodeId> items = b_.edges(metadata);
  uint8_t seen = 0;
  for (size_t i = 0; i < items.size(); i += 2) {
    const std::string_view key =
        b_.kind(items[i]) == Kind::kStr ? b_.text(items[i]) : std::string_view();
    const uint8_t flag = key == "conj"  ? TensorInfo::kConjugate
                         : key == "neg" ? TensorInfo::kNegative
                                        : uint8_t{0};
    bool set = false;
    if (flag == 0 || (seen & flag) != 0 || !ReadBool(items[i + 1], &set)) {
      return Refuse("SCHEMA", "the metadata of a tensor are not of conj and neg alone");
    }
    seen |= flag;
    if (set) *flags |= flag;
  }
  if ((*flags & TensorInfo::kConjugate) != 0 && dtype.kind != DtypeClass::kComplex) {
    return Refuse("SCHEMA", "a tensor that is not complex has the conjugate bit");
  }
  if ((*flags & TensorInfo::kNegative) != 0 && dtype.kind == DtypeClass::kBool) {
    return Refuse("SCHEMA", "a tensor of bool has the negative bit");
  }
  return true;
}

bool Lowering::ReadFlags(NodeId requires_grad, NodeId metadata, const Dtype& dtype,
                         uint8_t* flags) {
  bool grad = false;
  if (!ReadBool(requires_grad, &grad)) {
    return Refuse("SCHEMA", "requires_grad of a tensor is not a bool");
  }
  if (grad && !dtype.Differentiable()) {
    return Refuse("SCHEMA", absl::StrCat("a tensor of ", std::string(dtype.name),
                                         " cannot require a gradient"));
  }
  if (grad) *flags |= TensorInfo::kRequiresGrad;
  return metadata == graph::kNoNode || ReadMetadata(metadata, dtype, flags);
}

// (storage, offset, sizes, strides[, requires_grad, hooks[, metadata]]); the dtype is the
// storage's.
graph::NodeId Lowering::Tensor(absl::Span<const NodeId> args, size_t most, const Dtype* dtype) {
  const bool flags = most > 4;
  if (args.size() > most || args.size() < (flags ? 6 : 4) || b_.kind(args[0]) != Kind::kStorage) {
    return Unwritten();
  }
  if (dtype == nullptr) dtype = FindDtype(b_.storage(args[0]).type);
  if (dtype->kind == DtypeClass::kQuantized) {
    return Fail("DTYPE", "a tensor of a quantized dtype has no quantizer");
  }
  TensorInfo info;
  if (!ReadView(args, *dtype, &info)) return graph::kNoNode;
  if (flags &&
      (!ReadFlags(args[4], args.size() > 6 ? args[6] : graph::kNoNode, *dtype, &info.flags) ||
       !NoHooks(args[5]))) {
    return graph::kNoNode;
  }
  return b_.Tensor(Kind::kTensor, info, geometry_);
}

// (untyped storage, offset, sizes, strides, requires_grad, hooks, dtype[, metadata])
graph::NodeId Lowering::TensorV3(absl::Span<const NodeId> args) {
  if (args.size() < 7 || args.size() > 8 || b_.kind(args[0]) != Kind::kStorage ||
      b_.storage(args[0]).type != "uint8") {
    return Unwritten();
  }
  const Dtype* const dtype = DtypeOf(args[6]);
  if (dtype == nullptr) return Fail("DTYPE", "the dtype of a tensor is not one that is read");
  std::vector<NodeId> v2(args.begin(), args.begin() + 6);
  if (args.size() == 8) v2.push_back(args[7]);
  return Tensor(v2, 7, dtype);
}

// (dtype, sizes, strides, requires_grad): a tensor that has no elements anywhere.
graph::NodeId Lowering::Meta(absl::Span<const NodeId> args) {
  if (args.size() != 4) return Unwritten();
  const Dtype* const dtype = DtypeOf(args[0]);
  if (dtype == nullptr || dtype->kind == DtypeClass::kQuantized) {
    return Fail("DTYPE", "the dtype of a meta tensor is not one that is read");
  }
  TensorInfo info;
  Extent extent;
  if (!ReadGeometry(nullptr, args[1], args[2], &info) ||
      !ReadFlags(args[3], graph::kNoNode, *dtype, &info.flags)) {
    return graph::kNoNode;
  }
  if (const char* why = GeometryProblem(geometry_, dtype->item_size, &extent)) {
    return Fail("ARRAY_BOUNDS", absl::StrCat("a meta tensor: ", why));
  }
  info.parts[0] = b_.Storage({.type = dtype->name,
                              .buffer = graph::StorageInfo::kNoBuffer,
                              .elements = extent.elements,
                              .item_size = dtype->item_size});
  info.part_count = 1;
  info.type = dtype->name;
  return b_.Tensor(Kind::kTensor, info, geometry_);
}

// (numpy array or tensor, dtype, 'cpu', requires_grad): how tensors of devices without storages
// are written.
graph::NodeId Lowering::Device(absl::Span<const NodeId> args) {
  if (args.size() != 4) return Unwritten();
  const Dtype* const dtype = DtypeOf(args[1]);
  if (dtype == nullptr || dtype->kind == DtypeClass::kQuantized) {
    return Fail("DTYPE", "the dtype of a tensor is not one that is read");
  }
  if (b_.kind(args[2]) != Kind::kStr || b_.text(args[2]) != "cpu") {
    return Fail("SCHEMA",
                "a tensor is of a device whose driver would be started; move it to the "
                "CPU before saving");
  }
  uint8_t flags = 0;
  if (!ReadFlags(args[3], graph::kNoNode, *dtype, &flags)) return graph::kNoNode;
  if (b_.kind(args[0]) == Kind::kNdArray) return FromArray(args[0], *dtype, flags);
  if (b_.kind(args[0]) != Kind::kTensor) return Unwritten();
  TensorInfo info = b_.tensor(args[0]);
  if (info.type != dtype->name)
    return Fail("DTYPE", "a tensor would be converted to another dtype");
  const absl::Span<const int64_t> geometry = b_.geometry(args[0]);
  geometry_.assign(geometry.begin(), geometry.end());
  info.flags = static_cast<uint8_t>((info.flags & ~TensorInfo::kRequiresGrad) | flags);
  return b_.Tensor(Kind::kTensor, info, geometry_);
}

graph::NodeId Lowering::FromArray(NodeId array, const Dtype& dtype, uint8_t flags) {
  const graph::ArrayInfo& source = b_.array(array);
  if (b_.kind(source.dtype) != Kind::kDtype || FindTypestr(b_.text(source.dtype)) != &dtype) {
    return Fail("DTYPE", absl::StrCat("a tensor of ", std::string(dtype.name),
                                      " is made of an array of another dtype"));
  }
  const size_t rank = source.shape.size();
  geometry_.assign(1 + 2 * rank, 0);
  std::copy(source.shape.begin(), source.shape.end(), geometry_.begin() + 1);
  // The lowering of arrays proved that the product fits.
  int64_t step = 1;
  for (size_t i = 0; i < rank; ++i) {
    const size_t axis = source.fortran ? i : rank - 1 - i;
    geometry_[1 + rank + axis] = step;
    step *= std::max<int64_t>(1, source.shape[axis]);
  }
  Extent extent;
  if (const char* why = GeometryProblem(geometry_, dtype.item_size, &extent)) {
    return Fail("ARRAY_BOUNDS", absl::StrCat("a tensor of an array: ", why));
  }
  TensorInfo info;
  info.type = dtype.name;
  info.flags = flags;
  info.rank = static_cast<uint8_t>(rank);
  info.part_count = 1;
  info.parts[0] = b_.Storage({.type = dtype.name,
                              .buffer = source.buffer,
                              .elements = extent.elements,
                              .item_size = dtype.item_size});
  return b_.Tensor(Kind::kTensor, info, geometry_);
}

// (storage, offset, sizes, strides, quantizer, False, hooks)
graph::NodeId Lowering::Quantized(absl::Span<const NodeId> args) {
  if (args.size() != 7 || b_.kind(args[0]) != Kind::kStorage || b_.kind(args[5]) != Kind::kFalse) {
    return Unwritten();
  }
  const Dtype& dtype = *FindDtype(b_.storage(args[0]).type);
  if (dtype.kind != DtypeClass::kQuantized) {
    return Fail("DTYPE", "the storage of a quantized tensor is not of a quantized dtype");
  }
  TensorInfo info;
  Kind kind = Kind::kQuantizedTensor;
  if (!ReadView(args, dtype, &info) || !NoHooks(args[6]) || !ReadQuantizer(args[4], &info, &kind)) {
    return graph::kNoNode;
  }
  return b_.Tensor(kind, info, geometry_);
}

bool Lowering::ReadQuantizer(NodeId params, TensorInfo* info, Kind* kind) {
  if (b_.kind(params) != Kind::kTuple || b_.edges(params).empty()) {
    return Refuse("SCHEMA", "the quantizer of a tensor is no tuple");
  }
  const absl::Span<const NodeId> parts = b_.edges(params);
  if (parts.size() == 4 && IsTorchName(parts[0], "per_channel_affine")) {
    *kind = Kind::kChannelQuantizedTensor;
    return ReadChannels(parts.subspan(1), info);
  }
  if (parts.size() != 3 || !IsTorchName(parts[0], "per_tensor_affine") ||
      b_.kind(parts[1]) != Kind::kFloat || b_.kind(parts[2]) != Kind::kInt) {
    return Refuse("SCHEMA",
                  "the quantizer of a tensor is neither per_tensor_affine nor per_channel_affine");
  }
  info->scale = b_.float_value(parts[1]);
  info->zero_point = b_.int_value(parts[2]);
  if (!std::isfinite(info->scale) || info->scale <= 0) {
    return Refuse("SCHEMA", "the scale of a quantizer is not a finite number above 0");
  }
  int64_t low = std::numeric_limits<int8_t>::min();
  int64_t high = std::numeric_limits<int8_t>::max();
  if (info->type == "quint8") {
    low = 0;
    high = std::numeric_limits<uint8_t>::max();
  } else if (info->type == "qint32") {
    low = std::numeric_limits<int32_t>::min();
    high = std::numeric_limits<int32_t>::max();
  }
  if (info->zero_point < low || info->zero_point > high) {
    return Refuse("SCHEMA", "the zero point of a quantizer is not in the range of its dtype");
  }
  return true;
}

// scales, zero points, axis
bool Lowering::ReadChannels(absl::Span<const NodeId> params, TensorInfo* info) {
  const NodeId axis = params[2];
  if (b_.kind(axis) != Kind::kInt || b_.int_value(axis) < 0 || b_.int_value(axis) >= info->rank) {
    return Refuse("ARRAY_BOUNDS", "the axis of a quantizer is not one of the tensor's");
  }
  const int64_t channels = geometry_[1 + static_cast<size_t>(b_.int_value(axis))];
  const auto fits = [&](NodeId node, std::string_view type) {
    if (b_.kind(node) != Kind::kTensor || b_.tensor(node).type != type) return false;
    const absl::Span<const int64_t> geometry = b_.geometry(node);
    return geometry.size() == 3 && geometry[1] == channels && geometry[2] == 1;
  };
  if (!fits(params[0], "float64") || !fits(params[1], "int64")) {
    return Refuse(
        "ARRAY_BOUNDS",
        "the scales and zero points of a quantizer are not float64 and int64, one of each "
        "for every channel");
  }
  info->parts[1] = params[0];
  info->parts[2] = params[1];
  info->part_count = 3;
  info->zero_point = b_.int_value(axis);
  return true;
}

}  // namespace loadlock::torch
