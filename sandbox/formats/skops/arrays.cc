#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sandbox/decoders/npy/header.h"
#include "sandbox/decoders/npy/npy.h"
#include "sandbox/decoders/numpy/dtype.h"
#include "sandbox/formats/skops/reader.h"

namespace loadlock::formats::skops {
namespace {

using graph::NodeId;
using json::Type;
using json::ValueId;

// The class of a numpy scalar and its type without size where that varies.
struct ScalarClass {
  std::string_view cls;
  std::string_view typestr;
};
constexpr ScalarClass kScalarClasses[] = {
    {"bool", "|b1"},    {"bool_", "|b1"},      {"int8", "|i1"},        {"int16", "<i2"},
    {"int32", "<i4"},   {"int64", "<i8"},      {"uint8", "|u1"},       {"uint16", "<u2"},
    {"uint32", "<u4"},  {"uint64", "<u8"},     {"float16", "<f2"},     {"float32", "<f4"},
    {"float64", "<f8"}, {"complex64", "<c8"},  {"complex128", "<c16"}, {"str_", "<U"},
    {"bytes_", "|S"},   {"datetime64", "<M8"}, {"timedelta64", "<m8"},
};

bool IsScalarOf(std::string_view cls, std::string_view typestr) {
  return std::any_of(
      std::begin(kScalarClasses), std::end(kScalarClasses), [&](const ScalarClass& known) {
        const bool sized = known.typestr.back() == 'U' || known.typestr.back() == 'S' ||
                           known.typestr[1] == 'M' || known.typestr[1] == 'm';
        return known.cls == cls &&
               (sized ? typestr.starts_with(known.typestr) : typestr == known.typestr);
      });
}

// numpy.array would go on into these, and make an array of another shape.
bool IsSequence(graph::Kind kind) {
  return kind == graph::Kind::kList || kind == graph::Kind::kTuple ||
         kind == graph::Kind::kNdArray || kind == graph::Kind::kObjectNdArray;
}

}  // namespace

// The array in a .npy member. numpy.load without allow_pickle refuses objects.
NodeId Reader::ReadNpy(const Place& place, const graph::Buffer& content, std::string_view member) {
  const auto refuse = [&](graph::Refusal refusal) {
    refusal.member_path = graph::Quote(member);
    refusal.object_path = schema_.Path(place.value);
    if (!refusal_) refusal_ = std::move(refusal);
    return graph::kNoNode;
  };
  npy::Header header;
  bytes::Cursor cursor(content.data);
  if (auto refusal = npy::ReadHeader(&cursor, &header)) return refuse(*std::move(refusal));
  if (!header.descr.record && header.descr.typestr == "|O") {
    return refuse(graph::Refuse(
        "DTYPE", "the member holds an array of objects, which is a pickle; skops writes none", 0));
  }
  const pickle::Stream stream{content.data, content.source, content.offset};
  pickle::ParseResult result = npy::Parse(stream, decoded_, budget_, b_);
  b_.SetOrigin(d_.offset(place.value), 0);
  if (result.refusal) {
    // Offsets in the member, not in what it lies in.
    auto& offset = result.refusal->byte_offset;
    if (offset && *offset >= content.offset) *offset -= content.offset;
    return refuse(*std::move(result.refusal));
  }
  const uint64_t begin = header.data_offset;
  array_bytes_[result.root] = {content.source, content.offset + begin, content.data.subspan(begin),
                               content.length - begin};
  return result.root;
}

bool Reader::ExpandArray(const Place& place) {
  std::string_view type;
  if (!Text(place.value, "type", &type)) return false;
  const bool json = type == "json";
  if (!json && type != "numpy") {
    return Malformed(place.value,
                     absl::StrCat("the type '", graph::Quote(type), "' of an array is not known"));
  }
  const bool has_file = d_.Find(place.value, "file") != json::kNoValue;
  const bool has_content = d_.Find(place.value, "content") != json::kNoValue ||
                           d_.Find(place.value, "shape") != json::kNoValue;
  if (has_file == json || has_content != json) {
    return Malformed(place.value, "an array has fields of another type of array");
  }
  return !json || (ExpandItems(place) && ChildField(place.value, "shape"));
}

NodeId Reader::FinishArray(const Place& place, absl::Span<const NodeId> children) {
  if (!children.empty()) return ObjectArray(place, children);
  std::string_view name;
  const graph::Buffer* content = File(place, ".npy", &name);
  if (content == nullptr) return graph::kNoNode;
  const NodeId array = ReadNpy(place, *content, name);
  if (array == graph::kNoNode || b_.exhausted()) return graph::kNoNode;
  if (place.Is("numpy", "ndarray")) return array;
  if (place.Is("numpy", "matrix")) {
    const NodeId args[] = {array};
    return b_.Call(Name("numpy", "matrix"), b_.Tuple(args));
  }
  return NumpyScalar(place, array, *content);
}

// skops calls the class with the array: numpy.memmap would open a file.
NodeId Reader::NumpyScalar(const Place& place, NodeId array, const graph::Buffer& content) {
  const graph::ArrayInfo& info = b_.array(array);
  const bool simple = b_.kind(info.dtype) == graph::Kind::kDtype;
  if (place.module != "numpy" || !simple || !info.shape.empty() ||
      !IsScalarOf(place.cls, b_.text(info.dtype))) {
    return FailNode(place.value, "SCHEMA",
                    absl::StrCat("an NdArrayNode of class ", graph::Quote(place.module), ".",
                                 graph::Quote(place.cls),
                                 " is neither numpy.ndarray nor the class of the one item in it"));
  }
  const NodeId dtype = info.dtype;
  return b_.Scalar(dtype, content.data.last(numpy::ItemSize(b_, dtype)));
}

bool Reader::Flatten(const Place& place, absl::Span<const int64_t> shape,
                     std::vector<NodeId>* items) {
  for (size_t axis = 1; axis < shape.size(); ++axis) {
    std::vector<NodeId> next;
    for (const NodeId item : *items) {
      if (b_.kind(item) != graph::Kind::kList ||
          b_.edges(item).size() != static_cast<uint64_t>(shape[axis])) {
        return Fail(place.value, "ARRAY_BOUNDS",
                    "the lists of an array of objects are not as its shape says");
      }
      const auto part = b_.edges(item);
      if (!budget_.ChargeWork(part.size() + 1)) return false;
      next.insert(next.end(), part.begin(), part.end());
    }
    *items = std::move(next);
  }
  if (shape.size() == 1) return true;
  const bool deeper = std::any_of(items->begin(), items->end(),
                                  [this](NodeId item) { return IsSequence(b_.kind(item)); });
  return !deeper || Fail(place.value, "ARRAY_BOUNDS",
                         "an array of objects of two or more dimensions holds sequences; skops "
                         "reads them as dimensions more");
}

// Lists in lists, as tolist() makes them.
NodeId Reader::ObjectArray(const Place& place, absl::Span<const NodeId> children) {
  graph::ArrayInfo info;
  if (!place.Is("numpy", "ndarray")) {
    return FailNode(place.value, "SCHEMA", "an array of objects is not of class numpy.ndarray");
  }
  if (!numpy_.ReadShape(children.back(), &info.shape)) return Take(place, numpy_.failure());
  std::vector<NodeId> items(children.begin(), children.end() - 1);
  if (info.shape.empty() || items.size() != static_cast<uint64_t>(info.shape[0])) {
    return FailNode(place.value, "ARRAY_BOUNDS",
                    "an array of objects does not have as many items as its shape says");
  }
  if (!Flatten(place, info.shape, &items)) return graph::kNoNode;
  info.elements = b_.List();
  b_.Extend(info.elements, items);
  return b_.Array(std::move(info));
}

// The dtype of an array without items.
NodeId Reader::FinishDtype(const Place& place, absl::Span<const NodeId> children) {
  if (b_.kind(children[0]) == graph::Kind::kNdArray &&
      b_.array(children[0]).shape == std::vector<int64_t>{0}) {
    return b_.array(children[0]).dtype;
  }
  if (b_.kind(children[0]) == graph::Kind::kObjectNdArray &&
      b_.array(children[0]).shape == std::vector<int64_t>{0}) {
    return b_.Dtype("|O");
  }
  return FailNode(place.value, "DTYPE", "a dtype is not given by an array of no items");
}

bool Reader::ExpandMasked(const Place& place) {
  ValueId content = json::kNoValue;
  if (place.cls != "MaskedArray" ||
      (place.module != "numpy.ma" && place.module != "numpy.ma.core")) {
    return Fail(place.value, "SCHEMA", "a MaskedArrayNode is not of class MaskedArray");
  }
  return Field(place.value, "content", Type::kObject, &content) && ChildField(content, "data") &&
         ChildField(content, "mask");
}

NodeId Reader::BytesOf(NodeId array) {
  const auto it = array_bytes_.find(array);
  return it == array_bytes_.end() ? graph::kNoNode : b_.Bytes(it->second);
}

// As a pickle has it: an empty one, whose state are data and mask; of objects their list, else
// bytes.
NodeId Reader::FinishMasked(const Place& place, absl::Span<const NodeId> children) {
  const auto fail = [&] {
    return FailNode(place.value, "SCHEMA",
                    "the data and mask of a masked array are not two arrays of one shape");
  };
  const NodeId data = children[0];
  const bool objects = b_.kind(data) == graph::Kind::kObjectNdArray;
  if (!objects && b_.kind(data) != graph::Kind::kNdArray) return fail();
  const graph::ArrayInfo array = b_.array(data);
  const NodeId content = objects ? array.elements : BytesOf(data);
  if (content == graph::kNoNode) return fail();
  NodeId mask_bytes = graph::kNoNode;
  if (b_.kind(children[1]) == graph::Kind::kNdArray) {
    const graph::ArrayInfo& mask = b_.array(children[1]);
    if (mask.shape != array.shape || mask.fortran != array.fortran ||
        b_.kind(mask.dtype) != graph::Kind::kDtype || b_.text(mask.dtype) != "|b1") {
      return fail();
    }
    mask_bytes = BytesOf(children[1]);
  } else if (b_.kind(children[1]) == graph::Kind::kScalar) {
    // numpy.ma.nomask: nothing is masked.
    const graph::ScalarInfo& mask = b_.scalar(children[1]);
    if (b_.text(mask.dtype) != "|b1" || mask.raw[0] != 0) return fail();
    const auto items = numpy::ArrayBytes(array.shape, 1);
    const uint64_t most = objects ? b_.edges(content).size() : array_bytes_[data].length;
    if (!items || *items > most || !budget_.ChargeHeap(*items)) return fail();
    const std::string_view zeros = b_.Keep(std::string(*items, '\0'));
    mask_bytes = b_.Bytes({.data = {reinterpret_cast<const uint8_t*>(zeros.data()), zeros.size()},
                           .length = zeros.size()});
  }
  if (mask_bytes == graph::kNoNode) return fail();
  std::vector<NodeId> shape;
  for (const int64_t extent : array.shape) shape.push_back(b_.Int(extent));
  const NodeId zero[] = {b_.Int(0)};
  static constexpr uint8_t kTypecode[] = {'b'};
  const NodeId args[] = {Name("numpy.ma.core", "MaskedArray"), Name("numpy", "ndarray"),
                         b_.Tuple(zero), b_.Bytes({.data = kTypecode, .length = 1})};
  const NodeId dtype = objects ? b_.Dtype("|O") : array.dtype;
  const NodeId state[] = {b_.Int(1), b_.Tuple(shape), dtype,    b_.Bool(array.fortran),
                          content,   mask_bytes,      b_.None()};
  const NodeId call = b_.Call(Name("numpy.ma.core", "_mareconstruct"), b_.Tuple(args));
  const NodeId parts = b_.Tuple(state);
  if (!b_.exhausted()) b_.SetObjectEdge(call, graph::kState, parts);
  return call;
}

}  // namespace loadlock::formats::skops
