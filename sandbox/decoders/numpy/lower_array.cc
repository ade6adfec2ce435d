#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sandbox/decoders/numpy/lowering.h"

namespace loadlock::numpy {
namespace {

using graph::Kind;

// Cache line: numpy and BLAS need at most 16.
constexpr uint64_t kAlignment = 64;

// A page of items is swapped at a time.
constexpr size_t kSwapChunk = 4096;

}  // namespace

// _reconstruct(ndarray, (0,), b'b'): an empty array whose BUILD sets everything. Without BUILD it
// would be old heap, so it stays pending and the encoder refuses it.
graph::NodeId Lowering::Reconstruct(absl::Span<const NodeId> args) {
  if (args.size() != 3 || b_.kind(args[1]) != Kind::kTuple || b_.edges(args[1]).size() != 1 ||
      b_.kind(b_.edges(args[1])[0]) != Kind::kInt || b_.int_value(b_.edges(args[1])[0]) != 0) {
    return Fail("SCHEMA", "_reconstruct is called with other arguments than numpy writes");
  }
  const bool is_b = (b_.kind(args[2]) == Kind::kStr && b_.text(args[2]) == "b") ||
                    (b_.kind(args[2]) == Kind::kBytes && b_.buffer(args[2]).data.size() == 1 &&
                     b_.buffer(args[2]).data[0] == 'b');
  if (!is_b) return Fail("SCHEMA", "_reconstruct is called with other arguments than numpy writes");
  const ArrayClass cls =
      b_.kind(args[0]) == Kind::kGlobal ? FindArrayClass(b_.global(args[0])) : ArrayClass::kOther;
  if (cls == ArrayClass::kOther) {
    return Fail("SCHEMA",
                "subclasses of ndarray but matrix, recarray and memmap are not supported; save "
                "numpy.asarray(array)");
  }
  if (cls == ArrayClass::kPlain) return b_.Pending(kArray, {});
  return b_.Pending(kSubclass, {args[0]});
}

bool AppendAligned(graph::DecodedFile* decoded, absl::Span<const uint8_t> data, uint64_t* offset) {
  if (!decoded->Align(kAlignment)) return false;
  *offset = decoded->size();
  return decoded->Append(data);
}

bool AppendSwapped(graph::DecodedFile* decoded, absl::Span<const uint8_t> data, uint64_t unit,
                   uint64_t* offset) {
  if (!decoded->Align(kAlignment)) return false;
  *offset = decoded->size();
  uint8_t chunk[kSwapChunk];
  const uint64_t step = unit == 0 ? 0 : sizeof(chunk) / unit * unit;
  if (step == 0 || data.size() % unit != 0) return false;
  for (uint64_t at = 0; at < data.size(); at += step) {
    const absl::Span<const uint8_t> part = data.subspan(at, step);
    for (size_t i = 0; i < part.size(); i += unit) {
      std::reverse_copy(part.begin() + i, part.begin() + i + unit, chunk + i);
    }
    if (!decoded->Append(absl::MakeConstSpan(chunk, part.size()))) return false;
  }
  return true;
}

bool Lowering::Place(graph::Buffer* buffer) {
  if (buffer->source != v1::BUFFER_SOURCE_UNSPECIFIED) return true;
  buffer->source = v1::BUFFER_SOURCE_DECODED;
  if (AppendAligned(&decoded_, buffer->data, &buffer->offset)) return true;
  return Refuse("BUDGET_DECODED", "decoded data cannot be written");
}

bool Lowering::MakeNative(NodeId* dtype, graph::Buffer* data) {
  if (b_.kind(*dtype) != Kind::kDtype || !b_.text(*dtype).starts_with('>')) return true;
  if (!UseDtype(*dtype, false)) return false;
  std::string typestr(b_.text(*dtype));
  typestr[0] = '<';
  const std::optional<numpy::Dtype> native = ParseTypestr(typestr);
  if (!native.has_value() || native->itemsize == 0) return true;
  // A complex number is two floats, a text is characters of four bytes.
  uint64_t unit = native->itemsize;
  if (native->kind == 'c') unit /= 2;
  if (native->kind == 'U') unit = 4;
  if (data->length % unit != 0 || unit > kSwapChunk) return true;
  if (data->data.size() != data->length) {
    const absl::Span<const uint8_t> decoded = decoded_.Map();
    if (data->offset > decoded.size() || data->length > decoded.size() - data->offset) {
      return Refuse("BUDGET_HEAP", "decoded data cannot be mapped");
    }
    data->data = decoded.subspan(data->offset, data->length);
  }
  uint64_t start = 0;
  if (!AppendSwapped(&decoded_, data->data, unit, &start)) {
    return Refuse("BUDGET_DECODED", "decoded data cannot be written");
  }
  *dtype = b_.Dtype(typestr);
  *data = {
      .source = v1::BUFFER_SOURCE_DECODED, .offset = start, .data = {}, .length = data->length};
  return true;
}

graph::NodeId Lowering::ArrayOver(NodeId dtype, NodeId shape, bool fortran,
                                  const graph::Buffer& data) {
  graph::ArrayInfo info;
  if (!UseDtype(dtype, false) || !ReadShape(shape, &info.shape)) return graph::kNoNode;
  const std::optional<uint64_t> size = ArrayBytes(info.shape, ItemSize(b_, dtype));
  if (!size.has_value() || *size != data.length) {
    return Fail("ARRAY_BOUNDS",
                absl::StrCat("an array has ", data.length, " bytes, its shape and dtype need ",
                             size.has_value() ? absl::StrCat(*size) : "too many"));
  }
  // Items without bytes would let a shape of any size cost nothing.
  if (ItemSize(b_, dtype) == 0 && ArrayBytes(info.shape, 1).value_or(0) > 1) {
    return Fail("ARRAY_BOUNDS", "an array has many items of no bytes");
  }
  graph::Buffer placed = data;
  if (!Place(&placed)) return graph::kNoNode;
  info.dtype = dtype;
  info.fortran = fortran;
  info.buffer = b_.AddBuffer(placed);
  return b_.Array(std::move(info));
}

// (1, shape, dtype, fortran, bytes or list)
bool Lowering::BuildArray(NodeId node, NodeId state_tuple) {
  if (b_.kind(state_tuple) != Kind::kTuple || b_.edges(state_tuple).size() != 5) {
    return Refuse("SCHEMA", "an array's state is not a tuple of five");
  }
  const absl::Span<const NodeId> view = b_.edges(state_tuple);
  const std::vector<NodeId> state(view.begin(), view.end());
  const Kind fortran = b_.kind(state[3]);
  if (b_.kind(state[0]) != Kind::kInt || b_.int_value(state[0]) != 1 ||
      (fortran != Kind::kTrue && fortran != Kind::kFalse)) {
    return Refuse("SCHEMA", "an array's state is not numpy's version 1");
  }
  if (b_.kind(state[4]) == Kind::kList) {
    std::vector<int64_t> shape;
    if (!UseDtype(state[2], true) || !ReadShape(state[1], &shape)) return false;
    if (b_.kind(state[2]) != Kind::kDtype || b_.text(state[2]) != "|O") {
      return Refuse("DTYPE", "an array of a list is not of dtype object");
    }
    return BuildObjectArray(node, std::move(shape), state[4]);
  }
  if (b_.kind(state[4]) != Kind::kBytes) {
    return Refuse("SCHEMA", "an array's data are neither bytes nor a list");
  }
  // __setstate__ swaps what is in another byte order.
  NodeId dtype = state[2];
  graph::Buffer data = b_.buffer(state[4]);
  if (!MakeNative(&dtype, &data)) return false;
  const NodeId array = ArrayOver(dtype, state[1], fortran == Kind::kTrue, data);
  if (array == graph::kNoNode) return false;
  b_.Become(node, array);
  return true;
}

// A call of the class with its array, which is how a graph holds one.
bool Lowering::BuildSubclass(NodeId node, NodeId state) {
  const NodeId cls = b_.edges(node)[0];
  const NodeId array = b_.Pending(kArray, {});
  if (!BuildArray(array, state)) return false;
  if (b_.kind(array) != Kind::kNdArray) {
    return Refuse("DTYPE", "a matrix or recarray of objects");
  }
  b_.Become(node, b_.Call(cls, b_.Tuple({array})));
  return true;
}

// numpy lists objects in row-major order whatever the array's layout is.
bool Lowering::BuildObjectArray(NodeId node, std::vector<int64_t> shape, NodeId list) {
  const std::optional<uint64_t> count = ArrayBytes(shape, 1);
  if (!count.has_value() || *count != b_.edges(list).size()) {
    return Refuse("ARRAY_BOUNDS", "an object array's list does not fit its shape");
  }
  b_.Mark(list, graph::kFlagFrozen);
  graph::ArrayInfo info;
  info.elements = list;
  info.shape = std::move(shape);
  b_.Become(node, b_.Array(std::move(info)));
  return true;
}

// _frombuffer(bytes, dtype, shape, 'C' or 'F')
graph::NodeId Lowering::FromBuffer(absl::Span<const NodeId> args) {
  if (args.size() != 4 ||
      (b_.kind(args[0]) != Kind::kBytes && b_.kind(args[0]) != Kind::kByteArray) ||
      b_.kind(args[3]) != Kind::kStr || (b_.text(args[3]) != "C" && b_.text(args[3]) != "F")) {
    return Fail("SCHEMA", "_frombuffer is called with other arguments than numpy writes");
  }
  return ArrayOver(args[1], args[2], b_.text(args[3]) == "F", b_.buffer(args[0]));
}

// scalar(dtype, bytes of exactly one item)
graph::NodeId Lowering::Scalar(absl::Span<const NodeId> args) {
  if (args.size() != 2 || b_.kind(args[1]) != Kind::kBytes) {
    return Fail("SCHEMA", "scalar is called with other arguments than (dtype, bytes)");
  }
  if (!UseDtype(args[0], false)) return graph::kNoNode;
  const graph::Buffer raw = b_.buffer(args[1]);
  if (raw.length != ItemSize(b_, args[0])) {
    return Fail("ARRAY_BOUNDS", "a scalar's bytes are not exactly one item");
  }
  if (b_.kind(args[0]) == Kind::kDtypeRecord) return RecordScalar(args[0], raw);
  if (raw.data.size() != raw.length) return Fail("ARRAY_BOUNDS", "a scalar is too large");
  return b_.Scalar(args[0], raw.data);
}

// One item with fields: a call of its class with an array without dimensions.
graph::NodeId Lowering::RecordScalar(NodeId dtype, const graph::Buffer& raw) {
  const NodeId array = ArrayOver(dtype, b_.Tuple({}), false, raw);
  if (array == graph::kNoNode) return graph::kNoNode;
  const NodeId cls = b_.Global("numpy", record_dtypes_.contains(dtype) ? "record" : "void");
  return b_.Call(cls, b_.Tuple({array}));
}

}  // namespace loadlock::numpy
