#include "sandbox/decoders/pickle/joblib.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sandbox/decoders/numpy/dtype.h"
#include "sandbox/decoders/pickle/machine.h"

// joblib (numpy_pickle.py) pickles a NumpyArrayWrapper in place of each array; right after the
// BUILD of the wrapper, outside of any frame, stand the array's bytes:
//   dtype without objects: [padding length (1 byte), that many 0xFF] if the wrapper has
//     numpy_array_alignment_bytes, then the elements in the wrapper's order;
//   dtype object: a whole pickle of the array, with a memo and a PROTO of its own.
namespace loadlock::pickle {
namespace {

using graph::Kind;

constexpr std::string_view kWrapperKeys[] = {
    "subclass", "shape", "order", "dtype", "allow_mmap", "numpy_array_alignment_bytes"};

constexpr char kArraysElsewhere[] =
    "the arrays lie in other files beside this one (.npy, as joblib wrote before 0.10), and only "
    "one file is vetted; load it where it was written and save it with a newer joblib";
constexpr char kOldCopy[] =
    "an array of sklearn.externals.joblib, which scikit-learn no longer has; load it where it was "
    "written and save it with joblib itself";

}  // namespace

bool IsArrayWrapper(const graph::GlobalUse& name) {
  return name.module == "joblib.numpy_pickle" && name.name == "NumpyArrayWrapper";
}

const char* WhyWrapperIsNotRead(const graph::GlobalUse& name) {
  std::string_view module = name.module;
  constexpr std::string_view kCopy = "sklearn.externals.";
  const bool copy = module.starts_with(kCopy);
  if (copy) module.remove_prefix(kCopy.size());
  if (module != "joblib.numpy_pickle" && module != "joblib.numpy_pickle_compat") return nullptr;
  if (name.name == "NDArrayWrapper" || name.name == "ZNDArrayWrapper") return kArraysElsewhere;
  return copy && name.name == "NumpyArrayWrapper" ? kOldCopy : nullptr;
}

bool Machine::BuildWrapper(NodeId wrapper, NodeId state) {
  if (b_.kind(state) != Kind::kDict)
    return Fail("SCHEMA", "the state of joblib's wrapper is no dict");
  NodeId values[std::size(kWrapperKeys)];
  std::fill(std::begin(values), std::end(values), graph::kNoNode);
  const absl::Span<const NodeId> items = b_.edges(state);
  for (size_t i = 0; i < items.size(); i += 2) {
    const auto* key =
        b_.kind(items[i]) != Kind::kStr
            ? std::end(kWrapperKeys)
            : std::find(std::begin(kWrapperKeys), std::end(kWrapperKeys), b_.text(items[i]));
    if (key == std::end(kWrapperKeys) || values[key - std::begin(kWrapperKeys)] != graph::kNoNode) {
      return Fail("SCHEMA", "the state of joblib's wrapper has an unknown or repeated key");
    }
    values[key - std::begin(kWrapperKeys)] = items[i + 1];
  }
  const auto [subclass, shape, order, dtype, allow_mmap, alignment] = std::to_array(values);
  if (std::find(std::begin(values), std::end(values) - 1, graph::kNoNode) != std::end(values) - 1) {
    return Fail("SCHEMA", "the state of joblib's wrapper lacks a key");
  }
  const numpy::ArrayClass cls = b_.kind(subclass) == Kind::kGlobal
                                    ? numpy::FindArrayClass(b_.global(subclass))
                                    : numpy::ArrayClass::kOther;
  const bool plain = cls == numpy::ArrayClass::kPlain;
  if (cls == numpy::ArrayClass::kOther ||
      (!plain && b_.kind(dtype) == Kind::kDtype && b_.text(dtype) == "|O")) {
    return FailName("SCHEMA",
                    "an array of another class than ndarray, matrix, recarray and memmap, or one "
                    "of these of objects (not supported)",
                    subclass);
  }
  if (b_.kind(order) != Kind::kStr || (b_.text(order) != "C" && b_.text(order) != "F")) {
    return Fail("SCHEMA", "the order of an array is neither C nor F");
  }
  if (in_.offset() < scope_.frame_end) {
    return Fail("MALFORMED", "array bytes stand inside a frame");
  }
  scope_.frame_end = 0;
  // The memo may still name the wrapper; it never becomes the array there, in joblib neither.
  b_.Mark(wrapper, graph::kFlagBuilt);
  stack_.Drop(1);
  if (!ReadRawArray(dtype, shape, b_.text(order) == "F", alignment)) return false;
  if (plain) return true;
  const NodeId array = stack_.Peek(0);
  stack_.Drop(1);
  Push(b_.Call(subclass, b_.Tuple({array})));
  return true;
}

bool Machine::ReadRawArray(NodeId dtype, NodeId shape, bool fortran, NodeId alignment) {
  std::vector<int64_t> dims;
  if (!numpy_.ReadShape(shape, &dims)) return Take(numpy_.failure());
  if (b_.kind(dtype) == Kind::kDtype && b_.text(dtype) == "|O") return EnterNested(std::move(dims));
  if (b_.kind(dtype) != Kind::kDtype && b_.kind(dtype) != Kind::kDtypeRecord) {
    return Fail("DTYPE", "the dtype of an array is no dtype");
  }
  const std::optional<uint64_t> size = numpy::ArrayBytes(dims, numpy::ItemSize(b_, dtype));
  if (!size.has_value() || numpy::ItemSize(b_, dtype) == 0) {
    return Fail("ARRAY_BOUNDS", "the size of an array does not fit, or its items have no size");
  }
  if (alignment != graph::kNoNode && b_.kind(alignment) != Kind::kNone && !SkipPadding(alignment)) {
    return false;
  }
  graph::Buffer data;
  if (!ReadBuffer(*size, &data)) {
    result_.refusal->message = absl::StrCat("the stream ends inside an array of ", *size, " bytes");
    return false;
  }
  // joblib.load gives arrays in the machine's byte order.
  if (!numpy_.MakeNative(&dtype, &data)) return Take(numpy_.failure());
  const NodeId array = numpy_.ArrayOver(dtype, shape, fortran, data);
  if (array == graph::kNoNode) return Take(numpy_.failure());
  Push(array);
  return true;
}

bool Machine::SkipPadding(NodeId alignment) {
  if (b_.kind(alignment) != Kind::kInt || b_.int_value(alignment) < 1 ||
      b_.int_value(alignment) > 255) {
    return Fail("SCHEMA", "the alignment of an array is not 1 to 255");
  }
  uint8_t length = 0;
  Bytes padding;
  if (!in_.ReadU8(&length) || !in_.Read(length, &padding)) return Truncated();
  if (length > b_.int_value(alignment) ||
      !std::all_of(padding.begin(), padding.end(), [](uint8_t c) { return c == 0xFF; })) {
    return Fail("MALFORMED", "the padding before an array is not what joblib writes");
  }
  return true;
}

// An explicit second scope: a nested pickle cannot nest further, its wrappers are refused.
bool Machine::EnterNested(std::vector<int64_t> shape) {
  outer_ = std::make_unique<Scope>(std::move(scope_));
  scope_ = Scope();
  scope_.begin = in_.offset();
  scope_.base = stack_.Here();
  scope_.shape = std::move(shape);
  stack_.SetBase(scope_.base);
  return true;
}

bool Machine::LeaveNested(NodeId root) {
  if (b_.kind(root) != Kind::kObjectNdArray || b_.array(root).shape != scope_.shape) {
    return Fail("NESTED_PICKLE",
                "the nested pickle of an object array is not an object array of its shape");
  }
  scope_ = std::move(*outer_);
  outer_.reset();
  stack_.SetBase(scope_.base);
  Push(root);
  return true;
}

}  // namespace loadlock::pickle
