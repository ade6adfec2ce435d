#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sandbox/bytes/checked.h"
#include "sandbox/decoders/numpy/lowering.h"

// dtype.__setstate__ trusts what it is given: flags that hide objects ('O' with flags 0 over bytes
// is a forged object pointer), field offsets far outside of the item. So a dtype is made from
// what is checked here alone, and flags, alignment and metadata are dropped.
namespace loadlock::numpy {
namespace {

using graph::Kind;

bool IsZero(const graph::Builder& b, graph::NodeId node) {
  return b.kind(node) == Kind::kFalse || (b.kind(node) == Kind::kInt && b.int_value(node) == 0);
}

bool IsOne(const graph::Builder& b, graph::NodeId node) {
  return b.kind(node) == Kind::kTrue || (b.kind(node) == Kind::kInt && b.int_value(node) == 1);
}

}  // namespace

// numpy.dtype(typestr, align=False, copy=True)
graph::NodeId Lowering::Dtype(absl::Span<const NodeId> args) {
  const bool typed = args.size() == 3 && IsZero(b_, args[1]) && IsOne(b_, args[2]);
  if (typed && b_.kind(args[0]) == Kind::kGlobal && b_.global(args[0]).module == "numpy" &&
      b_.global(args[0]).name == "record") {
    return b_.Pending(kRecordDtype, {});
  }
  if (!typed || b_.kind(args[0]) != Kind::kStr) {
    return Fail("DTYPE", "numpy.dtype is called with other arguments than (str, False, True)");
  }
  const std::optional<numpy::Dtype> dtype = ParseTypestr(b_.text(args[0]));
  if (!dtype.has_value()) {
    return Fail("DTYPE", WhyNoDtype(b_.text(args[0])));
  }
  return b_.Dtype(dtype->typestr);
}

bool Lowering::UseDtype(NodeId node, bool allow_objects) {
  if (b_.kind(node) == Kind::kCall &&
      b_.global(b_.edges(node)[graph::kCallee]).name == "_convert_to_stringdtype_kwargs") {
    return Refuse("DTYPE",
                  "texts of numpy's StringDType are not supported; save them with astype('U') or "
                  "astype(object)");
  }
  if (b_.kind(node) != Kind::kDtype && b_.kind(node) != Kind::kDtypeRecord) {
    return Refuse("DTYPE", "the dtype of an array or scalar is no dtype");
  }
  if (!allow_objects && b_.kind(node) == Kind::kDtype && b_.text(node) == "|O") {
    return Refuse("DTYPE", "an object dtype over raw bytes would forge object pointers");
  }
  b_.Mark(node, graph::kFlagFrozen);
  return true;
}

std::vector<graph::NodeId> Lowering::DtypeState(NodeId state_tuple) {
  if (b_.kind(state_tuple) != Kind::kTuple) {
    Fail("DTYPE", "a dtype's state is no tuple");
    return {};
  }
  const absl::Span<const NodeId> view = b_.edges(state_tuple);
  std::vector<NodeId> state(view.begin(), view.end());
  if (state.size() < 8 || state.size() > 9 || b_.kind(state[0]) != Kind::kInt ||
      (b_.int_value(state[0]) != 3 && b_.int_value(state[0]) != 4) ||
      b_.kind(state[1]) != Kind::kStr || b_.kind(state[5]) != Kind::kInt) {
    Fail("DTYPE", "a dtype's state is not numpy's version 3 or 4");
    return {};
  }
  return state;
}

// ((base, shape), ...) of an item that is an array: it becomes the dtype of a field.
bool Lowering::BuildSubarray(NodeId node, absl::Span<const NodeId> state) {
  const auto wrong = [this] {
    return Refuse("DTYPE",
                  "the dtype of a field that is an array is not (dtype of numbers, shape)");
  };
  if (b_.kind(state[2]) != Kind::kTuple || b_.edges(state[2]).size() != 2 ||
      b_.kind(state[3]) != Kind::kNone || b_.kind(state[4]) != Kind::kNone ||
      !b_.text(node).starts_with("|V")) {
    return wrong();
  }
  const NodeId base = b_.edges(state[2])[0];
  std::vector<int64_t> shape;
  if (b_.kind(base) != Kind::kDtype || !UseDtype(base, false)) return wrong();
  if (!ReadShape(b_.edges(state[2])[1], &shape)) return false;
  const std::optional<std::string> typestr = SubarrayTypestr(shape, b_.text(base));
  if (!typestr) return wrong();
  const NodeId field = b_.Dtype(*typestr);
  const uint64_t size = ItemSize(b_, field);
  if (b_.int_value(state[5]) < 0 || static_cast<uint64_t>(b_.int_value(state[5])) != size ||
      ItemSize(b_, node) != size) {
    return wrong();
  }
  const NodeId edges[] = {field};
  b_.Become(node, b_.Pending(kSubarrayDtype, edges));
  return true;
}

// numpy.record over fields.
bool Lowering::BuildRecordDtype(NodeId node, NodeId state_tuple) {
  const std::vector<NodeId> state = DtypeState(state_tuple);
  if (state.empty()) return false;
  if (b_.text(state[1]) != "|" || b_.kind(state[2]) != Kind::kNone) {
    return Refuse("DTYPE", "a dtype's byte order does not fit its type");
  }
  const int64_t size = b_.int_value(state[5]);
  if (size < 0 || !BuildRecord(node, static_cast<uint64_t>(size), state)) {
    return size < 0 ? Refuse("DTYPE", "a record's size") : false;
  }
  record_dtypes_.insert(node);
  return true;
}

bool Lowering::BuildDtype(NodeId node, NodeId state_tuple) {
  if (b_.Has(node, graph::kFlagFrozen)) {
    return Refuse("STATE_RULE", "the state of a dtype is set after the dtype was used");
  }
  const std::vector<NodeId> state = DtypeState(state_tuple);
  if (state.empty()) return false;
  std::optional<numpy::Dtype> dtype = ParseTypestr(b_.text(node));
  const std::string_view order = b_.text(state[1]);
  const bool orderless = dtype->order == '|';
  if (order.size() != 1 || (orderless ? order != "|" : order == "|") ||
      std::string_view("<>=|").find(order[0]) == std::string_view::npos) {
    return Refuse("DTYPE", "a dtype's byte order does not fit its type");
  }
  if (b_.kind(state[2]) != Kind::kNone) return BuildSubarray(node, state);
  if (b_.kind(state[3]) != Kind::kNone || b_.kind(state[4]) != Kind::kNone) {
    if (!b_.text(node).starts_with("|V")) {
      return Refuse("DTYPE", "a dtype of fields is of another type than V");
    }
    return BuildRecord(node, dtype->itemsize, state);
  }
  const int64_t elsize = b_.int_value(state[5]);
  if (elsize != -1 && static_cast<uint64_t>(elsize) != dtype->itemsize) {
    return Refuse("DTYPE", "a dtype's item size does not fit its type");
  }
  if (!orderless) dtype->typestr[0] = order == ">" ? '>' : '<';
  if (dtype->kind == 'M' || dtype->kind == 'm') {
    return BuildDatetime(node, *dtype, state.size() == 9 ? state[8] : graph::kNoNode);
  }
  b_.Become(node, b_.Dtype(dtype->typestr));
  return true;
}

// metadata: (dict or None, (unit, multiple, 1, 1))
bool Lowering::BuildDatetime(NodeId node, const numpy::Dtype& dtype, NodeId metadata) {
  if (metadata == graph::kNoNode || b_.kind(metadata) != Kind::kTuple ||
      b_.edges(metadata).size() != 2 || b_.kind(b_.edges(metadata)[1]) != Kind::kTuple) {
    return Refuse("DTYPE", "a datetime dtype has no unit");
  }
  const absl::Span<const NodeId> unit = b_.edges(b_.edges(metadata)[1]);
  if (unit.size() != 4 ||
      !std::all_of(unit.begin() + 1, unit.end(),
                   [this](NodeId part) { return b_.kind(part) == Kind::kInt; }) ||
      b_.int_value(unit[1]) < 1 || b_.int_value(unit[2]) != 1 || b_.int_value(unit[3]) != 1) {
    return Refuse("DTYPE", "a datetime dtype's unit is malformed");
  }
  std::string name;
  if (b_.kind(unit[0]) == Kind::kStr) {
    name = b_.text(unit[0]);
  } else if (b_.kind(unit[0]) == Kind::kBytes) {
    const graph::Buffer& raw = b_.buffer(unit[0]);
    name.assign(raw.data.begin(), raw.data.end());
  }
  std::string typestr = dtype.typestr;
  if (name != "generic") {
    const int64_t multiple = b_.int_value(unit[1]);
    absl::StrAppend(&typestr, "[", multiple == 1 ? "" : absl::StrCat(multiple), name, "]");
  }
  if (!ParseTypestr(typestr).has_value())
    return Refuse("DTYPE", "a datetime dtype's unit is unknown");
  b_.Become(node, b_.Dtype(typestr));
  return true;
}

bool Lowering::BuildRecord(NodeId node, uint64_t size, absl::Span<const NodeId> state) {
  const NodeId names = state[3];
  const NodeId fields = state[4];
  const int64_t itemsize = b_.int_value(state[5]);
  if (b_.kind(names) != Kind::kTuple || b_.kind(fields) != Kind::kDict || itemsize < 0 ||
      itemsize > static_cast<int64_t>(kMaxItemSize) || static_cast<uint64_t>(itemsize) != size ||
      b_.edges(fields).size() != 2 * b_.edges(names).size()) {
    return Refuse(
        "DTYPE",
        "a record dtype's names, fields and item size do not fit together, or a field has "
        "a title (not supported)");
  }
  const absl::Span<const NodeId> view = b_.edges(names);
  const std::vector<NodeId> order(view.begin(), view.end());
  std::vector<NodeId> edges;
  std::set<std::string_view> seen;
  for (const NodeId name : order) {
    if (b_.kind(name) != Kind::kStr || b_.text(name).empty() ||
        !seen.insert(b_.text(name)).second) {
      return Refuse("DTYPE", "a record dtype's field names are not distinct strings");
    }
    const NodeId field = Get(fields, b_.text(name));
    if (field == graph::kNoNode) return Refuse("DTYPE", "a record dtype lacks a field it names");
    if (!AddField(name, field, itemsize, &edges)) return false;
  }
  b_.Become(node, b_.DtypeRecord(itemsize, edges));
  return true;
}

// field: (dtype, offset); a third element would be a title.
bool Lowering::AddField(NodeId name, NodeId field, int64_t itemsize, std::vector<NodeId>* out) {
  if (b_.kind(field) != Kind::kTuple || b_.edges(field).size() != 2) {
    return Refuse("DTYPE", "a field of a record dtype is not (dtype, offset)");
  }
  NodeId dtype = b_.edges(field)[0];
  const NodeId offset = b_.edges(field)[1];
  if (b_.kind(dtype) == Kind::kPending && b_.node(dtype).detail == kSubarrayDtype) {
    dtype = b_.edges(dtype)[0];
  } else if (!UseDtype(dtype, false)) {
    return false;
  }
  uint64_t end = 0;
  if (b_.kind(offset) != Kind::kInt || b_.int_value(offset) < 0 ||
      !bytes::CheckedAdd<uint64_t>(static_cast<uint64_t>(b_.int_value(offset)), ItemSize(b_, dtype),
                                   &end) ||
      end > static_cast<uint64_t>(itemsize)) {
    return Refuse("DTYPE", "a field of a record dtype lies outside of the item");
  }
  out->insert(out->end(), {name, dtype, offset});
  return true;
}

}  // namespace loadlock::numpy
