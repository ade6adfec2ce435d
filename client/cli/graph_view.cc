#include "client/cli/graph_view.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/tensor_text.h"

namespace loadlock::cli {
namespace {

// Elements of a packed list that are shown in its line.
constexpr uint32_t kRunPreview = 4;

std::string Sized(absl::string_view what, uint64_t count) {
  return absl::StrCat(what, " of ", count);
}

}  // namespace

// A packed list: [first #count].
std::string GraphView::Run(uint32_t node) const {
  const uint32_t first = Operand(node, 0);
  const uint32_t count = Operand(node, 1);
  std::string out = "[";
  for (uint32_t i = 0; i < std::min(count, kRunPreview); ++i) {
    absl::StrAppend(&out, i == 0 ? "" : ", ");
    switch (Kind(node)) {
      case v1::NODE_KIND_LIST_INT:
      case v1::NODE_KIND_TUPLE_INT:
        absl::StrAppend(&out, Int(first + i));
        break;
      case v1::NODE_KIND_LIST_FLOAT:
      case v1::NODE_KIND_TUPLE_FLOAT:
        absl::StrAppend(&out, Float(first + i));
        break;
      default:
        absl::StrAppend(&out, "\"", String(first + i), "\"");
    }
  }
  if (count > kRunPreview) absl::StrAppend(&out, ", ... ", count - kRunPreview, " more");
  return out + "]";
}

// A packed dict: [first key, first value, #count].
std::string GraphView::DictRun(uint32_t node) const {
  const bool ints = Kind(node) == v1::NODE_KIND_DICT_STR_INT;
  const uint32_t count = Operand(node, 2);
  std::string out = "{";
  for (uint32_t i = 0; i < std::min(count, kRunPreview); ++i) {
    const uint32_t value = Operand(node, 1) + i;
    absl::StrAppend(&out, i == 0 ? "" : ", ", "\"", String(Operand(node, 0) + i),
                    "\": ", ints ? Int(value) : Float(value));
  }
  if (count > kRunPreview) absl::StrAppend(&out, ", ... ", count - kRunPreview, " more");
  return out + "}";
}

// What an object's class or a call's function is called.
std::string GraphView::Named(uint32_t node) const {
  return Kind(node) == v1::NODE_KIND_GLOBAL ? Global(Operand(node, 0)) : kBroken;
}

std::string GraphView::DescribeScalar(uint32_t node) const {
  const uint32_t first = Operand(node, 0);
  switch (Kind(node)) {
    case v1::NODE_KIND_NONE:
      return "None";
    case v1::NODE_KIND_TRUE:
      return "True";
    case v1::NODE_KIND_FALSE:
      return "False";
    case v1::NODE_KIND_ELLIPSIS:
      return "Ellipsis";
    case v1::NODE_KIND_NOT_IMPLEMENTED:
      return "NotImplemented";
    case v1::NODE_KIND_INT:
      return Int(first);
    case v1::NODE_KIND_BIG_INT:
      return absl::StrCat("int of ", Blob(first));
    case v1::NODE_KIND_FLOAT:
      return Float(first);
    case v1::NODE_KIND_COMPLEX:
      return absl::StrCat("complex ", Float(first), " + ", Float(Operand(node, 1)), "i");
    case v1::NODE_KIND_STR:
      return absl::StrCat("\"", String(first), "\"");
    case v1::NODE_KIND_BYTES:
      return absl::StrCat("bytes ", Blob(first));
    case v1::NODE_KIND_BYTEARRAY:
      return absl::StrCat("bytearray ", Blob(first));
    case v1::NODE_KIND_BYTES_BUFFER:
      return absl::StrCat("bytes ", BufferSize(first));
    case v1::NODE_KIND_BYTEARRAY_BUFFER:
      return absl::StrCat("bytearray ", BufferSize(first));
    case v1::NODE_KIND_GLOBAL:
      return absl::StrCat("name ", Global(first));
    default:
      return "";
  }
}

// Does not go on into further nodes: a broken graph may lead in circles.
std::string GraphView::DtypeOf(uint32_t node) const {
  switch (Kind(node)) {
    case v1::NODE_KIND_DTYPE:
      return String(Operand(node, 0));
    case v1::NODE_KIND_DTYPE_RECORD:
      return absl::StrCat("records of ", Int(Operand(node, 0)), " bytes");
    default:
      return kBroken;
  }
}

std::string GraphView::DescribeArray(uint32_t node) const {
  const uint32_t first = Operand(node, 0);
  switch (Kind(node)) {
    case v1::NODE_KIND_DTYPE:
    case v1::NODE_KIND_DTYPE_RECORD:
      return absl::StrCat("dtype ", DtypeOf(node));
    case v1::NODE_KIND_NDARRAY:
      return absl::StrCat("array ", Shape(node, 3), " ", DtypeOf(first), ", ",
                          BufferSize(Operand(node, 1)),
                          Operand(node, 2) == 1 ? ", Fortran order" : "");
    case v1::NODE_KIND_OBJECT_NDARRAY:
      return absl::StrCat("array ", Shape(node, 2), " of objects");
    case v1::NODE_KIND_SCALAR:
      return absl::StrCat("scalar ", DtypeOf(first), ", ", Blob(Operand(node, 1)));
    case v1::NODE_KIND_BIT_GENERATOR:
      return absl::StrCat("random bits ", String(first));
    case v1::NODE_KIND_RANDOM_STATE:
      return "RandomState";
    case v1::NODE_KIND_GENERATOR:
      return "random Generator";
    default:
      return kBroken;
  }
}

std::string GraphView::NameOf(uint32_t node) const {
  const v1::NodeKind kind = Kind(node);
  const bool made = kind == v1::NODE_KIND_OBJECT || kind == v1::NODE_KIND_CALL;
  const uint32_t named = made ? Operand(node, 0) : node;
  if (Kind(named) != v1::NODE_KIND_GLOBAL) return "";
  const uint32_t index = Operand(named, 0);
  if (index >= static_cast<uint32_t>(graph().globals_size())) return "";
  const v1::Global& global = graph().globals(static_cast<int>(index));
  return absl::StrCat(global.module(), ".", global.name());
}

std::string GraphView::Describe(uint32_t node) const {
  if (IsTensorKind(Kind(node))) return TensorText(*this, tensors_, node);
  switch (Kind(node)) {
    case v1::NODE_KIND_LIST:
      return Sized("list", ChildCount(node));
    case v1::NODE_KIND_TUPLE:
      return Sized("tuple", ChildCount(node));
    case v1::NODE_KIND_SET:
      return Sized("set", ChildCount(node));
    case v1::NODE_KIND_FROZENSET:
      return Sized("frozenset", ChildCount(node));
    case v1::NODE_KIND_DICT:
    case v1::NODE_KIND_DICT_STR:
      return Sized("dict", ChildCount(node));
    case v1::NODE_KIND_ORDERED_DICT:
      return Sized("OrderedDict", ChildCount(node));
    case v1::NODE_KIND_STATE_DICT:
      return Sized("state dict", ChildCount(node));
    case v1::NODE_KIND_LIST_INT:
    case v1::NODE_KIND_LIST_FLOAT:
    case v1::NODE_KIND_LIST_STR:
      return absl::StrCat("list ", Run(node));
    case v1::NODE_KIND_TUPLE_INT:
    case v1::NODE_KIND_TUPLE_FLOAT:
    case v1::NODE_KIND_TUPLE_STR:
      return absl::StrCat("tuple ", Run(node));
    case v1::NODE_KIND_DICT_STR_INT:
    case v1::NODE_KIND_DICT_STR_FLOAT:
      return absl::StrCat("dict ", DictRun(node));
    case v1::NODE_KIND_SLICE:
      return "slice";
    case v1::NODE_KIND_RANGE:
      return "range";
    case v1::NODE_KIND_OBJECT:
      return Named(Operand(node, 0));
    case v1::NODE_KIND_CALL:
      return absl::StrCat(Named(Operand(node, 0)), "(...)");
    default:
      break;
  }
  const std::string scalar = DescribeScalar(node);
  return scalar.empty() ? DescribeArray(node) : scalar;
}

bool GraphView::IsDict(uint32_t node) const {
  const v1::NodeKind kind = Kind(node);
  return kind == v1::NODE_KIND_DICT || kind == v1::NODE_KIND_DICT_STR ||
         kind == v1::NODE_KIND_ORDERED_DICT || kind == v1::NODE_KIND_STATE_DICT;
}

// A key of a dict: a scalar as it is, a container by what it is.
std::string GraphView::Key(uint32_t node) const { return Describe(node); }

void GraphView::AddDict(uint32_t node, size_t limit, std::vector<Child>* out) const {
  const size_t count = OperandCount(node) / 2;
  // Metadata stands before the entries of a state dict.
  const size_t first = Kind(node) == v1::NODE_KIND_STATE_DICT ? 1 : 0;
  for (size_t i = 0; i < count && out->size() < limit; ++i) {
    if (Kind(node) == v1::NODE_KIND_DICT_STR) {
      out->push_back({String(Operand(node, i)), Operand(node, count + i)});
    } else {
      out->push_back({Key(Operand(node, first + 2 * i)), Operand(node, first + 2 * i + 1)});
    }
  }
}

// [class or callable, args, state, list items, dict items]. A state that is a dict is shown as
// the attributes that it sets.
void GraphView::AddObject(uint32_t node, size_t limit, std::vector<Child>* out) const {
  constexpr absl::string_view kParts[] = {"", "arguments", "state", "items", "entries"};
  for (size_t part = 1; part < 5; ++part) {
    const uint32_t child = Operand(node, part);
    if (child == Child::kNoNode || out->size() >= limit) continue;
    const bool empty = Kind(child) == v1::NODE_KIND_TUPLE && OperandCount(child) == 0;
    if (part == 1 && empty) continue;
    if (part == 2 && IsDict(child)) {
      AddDict(child, limit, out);
    } else {
      out->push_back({std::string(kParts[part]), child});
    }
  }
}

void GraphView::AddTensor(uint32_t node, size_t limit, std::vector<Child>* out) const {
  for (const TensorPart& part : TensorParts(*this, node)) {
    if (part.attributes && IsDict(part.node)) {
      AddDict(part.node, limit, out);
    } else if (out->size() < limit) {
      out->push_back({std::string(part.label), part.node});
    }
  }
}

uint64_t GraphView::ChildCount(uint32_t node) const {
  if (IsTensorKind(Kind(node))) {
    uint64_t count = 0;
    for (const TensorPart& part : TensorParts(*this, node)) {
      count += part.attributes && IsDict(part.node) ? OperandCount(part.node) / 2 : 1;
    }
    return count;
  }
  switch (Kind(node)) {
    case v1::NODE_KIND_LIST:
    case v1::NODE_KIND_TUPLE:
    case v1::NODE_KIND_SET:
    case v1::NODE_KIND_FROZENSET:
    case v1::NODE_KIND_SLICE:
    case v1::NODE_KIND_RANGE:
      return OperandCount(node);
    case v1::NODE_KIND_DICT:
    case v1::NODE_KIND_DICT_STR:
    case v1::NODE_KIND_ORDERED_DICT:
    case v1::NODE_KIND_STATE_DICT:
      return OperandCount(node) / 2;
    case v1::NODE_KIND_OBJECT:
    case v1::NODE_KIND_CALL: {
      uint64_t count = 0;
      for (size_t part = 1; part < 5; ++part) {
        const uint32_t child = Operand(node, part);
        if (child == Child::kNoNode) continue;
        if (part == 1 && Kind(child) == v1::NODE_KIND_TUPLE && OperandCount(child) == 0) continue;
        count += part == 2 && IsDict(child) ? OperandCount(child) / 2 : 1;
      }
      return count;
    }
    case v1::NODE_KIND_OBJECT_NDARRAY:
    case v1::NODE_KIND_RANDOM_STATE:
    case v1::NODE_KIND_GENERATOR:
    case v1::NODE_KIND_BIT_GENERATOR:
      return 1;
    default:
      return 0;
  }
}

std::vector<Child> GraphView::Children(uint32_t node, size_t limit) const {
  std::vector<Child> children;
  if (IsTensorKind(Kind(node))) {
    AddTensor(node, limit, &children);
    return children;
  }
  switch (Kind(node)) {
    case v1::NODE_KIND_OBJECT:
    case v1::NODE_KIND_CALL:
      AddObject(node, limit, &children);
      break;
    case v1::NODE_KIND_DICT:
    case v1::NODE_KIND_DICT_STR:
    case v1::NODE_KIND_ORDERED_DICT:
    case v1::NODE_KIND_STATE_DICT:
      AddDict(node, limit, &children);
      break;
    case v1::NODE_KIND_OBJECT_NDARRAY:
      children.push_back({"elements", Operand(node, 0)});
      break;
    case v1::NODE_KIND_RANDOM_STATE:
    case v1::NODE_KIND_GENERATOR:
      children.push_back({"bits", Operand(node, 0)});
      break;
    case v1::NODE_KIND_BIT_GENERATOR:
      children.push_back({"state", Operand(node, 1)});
      break;
    default: {
      const auto count = static_cast<size_t>(std::min<uint64_t>(ChildCount(node), limit));
      for (size_t i = 0; i < count; ++i) {
        children.push_back({absl::StrCat("[", i, "]"), Operand(node, i)});
      }
    }
  }
  return children;
}

}  // namespace loadlock::cli
