#include "server/verify/view.h"

#include "absl/strings/str_cat.h"

namespace loadlock::verify {

namespace {

// Fitted models of scikit-learn take up to 3 steps an element, large or small. A step takes some
// nanoseconds, so that this bounds the checks of 10^7 nodes to some seconds.
constexpr uint64_t kStepsPerElement = 32;
// Room for the fixed costs of small graphs.
constexpr uint64_t kBaseSteps = 1'000'000;
// Elements of arrays are read in a row, which is as much faster than following operands.
constexpr uint64_t kBytesPerElement = 8;

uint64_t StepsFor(const v1::Graph& graph) {
  uint64_t elements =
      static_cast<uint64_t>(graph.kinds_size()) + static_cast<uint64_t>(graph.operands_size()) +
      static_cast<uint64_t>(graph.ints_size()) + static_cast<uint64_t>(graph.floats_size()) +
      static_cast<uint64_t>(graph.strings_size());
  for (const uint64_t length : graph.buffer_lengths()) elements += length / kBytesPerElement;
  return kBaseSteps + kStepsPerElement * elements;
}

}  // namespace

View::View(const v1::Graph* graph)
    : graph_(graph),
      kinds_(graph->kinds().data()),
      operands_(graph->operands().data()),
      steps_left_(StepsFor(*graph)) {
  starts_.reserve(static_cast<size_t>(graph->operand_counts_size()) + 1);
  uint32_t next = 0;
  for (const uint32_t count : graph->operand_counts()) {
    starts_.push_back(next);
    next += count;
  }
  starts_.push_back(next);
}

bool View::Spend(uint64_t elements) const {
  steps_left_ = elements < steps_left_ ? steps_left_ - elements : 0;
  return steps_left_ != 0;
}

Children View::children(NodeId id) const {
  const absl::Span<const uint32_t> all = operands(id);
  const auto size = static_cast<uint32_t>(all.size());
  switch (kind(id)) {
    case v1::NODE_KIND_LIST:
    case v1::NODE_KIND_TUPLE:
    case v1::NODE_KIND_SET:
    case v1::NODE_KIND_FROZENSET:
    case v1::NODE_KIND_DICT:
    case v1::NODE_KIND_ORDERED_DICT:
    case v1::NODE_KIND_SLICE:
    case v1::NODE_KIND_RANGE:
    case v1::NODE_KIND_OBJECT:
    case v1::NODE_KIND_CALL:
    case v1::NODE_KIND_GENERATOR:
    case v1::NODE_KIND_TENSOR_WITH_STATE:
    case v1::NODE_KIND_STATE_DICT:
      return {all.data(), 1, size};
    case v1::NODE_KIND_DICT_STR:
      return {all.data() + size / 2, 1, size / 2};
    case v1::NODE_KIND_DTYPE_RECORD:
      // [i itemsize, then name, dtype, offset]: every third operand from the third on.
      return {all.data() + 2, 3, size / 3};
    case v1::NODE_KIND_NDARRAY:
    case v1::NODE_KIND_OBJECT_NDARRAY:
    case v1::NODE_KIND_SCALAR:
    case v1::NODE_KIND_RANDOM_STATE:
    case v1::NODE_KIND_TENSOR:
    case v1::NODE_KIND_QUANTIZED_TENSOR:
      return {all.data(), 1, size == 0 ? 0U : 1U};
    case v1::NODE_KIND_BIT_GENERATOR:
      return {all.data() + 1, 1, size < 2 ? 0U : 1U};
    case v1::NODE_KIND_SPARSE_TENSOR:
      // [layout, flags, rank, first size, then the tensors].
      return size < 4 ? Children{} : Children{all.data() + 4, 1, size - 4};
    case v1::NODE_KIND_CHANNEL_QUANTIZED_TENSOR:
      // [storage, dtype, rank, first number, scales, zero points, axis].
      return size < 7 ? Children{} : Children{all.data(), 1, 3, 3};
    case v1::NODE_KIND_PARAMETER:
      // [tensor, requires_grad, state].
      return size < 3 ? Children{} : Children{all.data(), 2, 2};
    default:
      return {};
  }
}

std::optional<absl::string_view> View::Str(Value value) const {
  if (value.in == Value::In::kStrings) return string(value.index);
  if (Is(value, v1::NODE_KIND_STR)) return string(operands(value.index)[0]);
  return std::nullopt;
}

std::string View::FullName(NodeId id) const {
  return absl::StrCat(global(id).module(), ".", global(id).name());
}

bool IsListKind(v1::NodeKind kind) {
  return kind == v1::NODE_KIND_LIST || kind == v1::NODE_KIND_LIST_INT ||
         kind == v1::NODE_KIND_LIST_FLOAT || kind == v1::NODE_KIND_LIST_STR;
}

bool IsTupleKind(v1::NodeKind kind) {
  return kind == v1::NODE_KIND_TUPLE || kind == v1::NODE_KIND_TUPLE_INT ||
         kind == v1::NODE_KIND_TUPLE_FLOAT || kind == v1::NODE_KIND_TUPLE_STR;
}

bool IsDictKind(v1::NodeKind kind) {
  return kind == v1::NODE_KIND_DICT || kind == v1::NODE_KIND_DICT_STR ||
         kind == v1::NODE_KIND_ORDERED_DICT || kind == v1::NODE_KIND_DICT_STR_INT ||
         kind == v1::NODE_KIND_DICT_STR_FLOAT || kind == v1::NODE_KIND_STATE_DICT;
}

Sequence::Sequence(const View& view, Value value) {
  if (!value.is_node() || value.index == kAbsent) return;
  const absl::Span<const uint32_t> operands = view.operands(value.index);
  switch (view.kind(value.index)) {
    case v1::NODE_KIND_LIST:
    case v1::NODE_KIND_TUPLE:
    case v1::NODE_KIND_SET:
    case v1::NODE_KIND_FROZENSET:
      nodes_ = operands.data();
      count_ = static_cast<uint32_t>(operands.size());
      ok_ = true;
      // Exhaustion shows at the next look-up; a sequence itself never changes its answers.
      (void)view.Spend(count_);
      return;
    case v1::NODE_KIND_LIST_INT:
    case v1::NODE_KIND_TUPLE_INT:
      in_ = Value::In::kInts;
      break;
    case v1::NODE_KIND_LIST_FLOAT:
    case v1::NODE_KIND_TUPLE_FLOAT:
      in_ = Value::In::kFloats;
      break;
    case v1::NODE_KIND_LIST_STR:
    case v1::NODE_KIND_TUPLE_STR:
      in_ = Value::In::kStrings;
      break;
    default:
      return;
  }
  first_ = operands[0];
  count_ = operands[1];
  ok_ = true;
  (void)view.Spend(count_);
}

Value Sequence::operator[](uint32_t i) const {
  return in_ == Value::In::kNode ? Value::Node(nodes_[i]) : Value{in_, first_ + i};
}

Mapping::Mapping(const View& view, Value value) : view_(&view) {
  // kAbsent: an object without state.
  if (!value.is_node() || value.index == kAbsent || !IsDictKind(view.kind(value.index))) return;
  kind_ = view.kind(value.index);
  // The metadata stand before the items.
  const size_t first = kind_ == v1::NODE_KIND_STATE_DICT ? 1 : 0;
  operands_ = view.operands(value.index).data() + first;
  ok_ = true;
  const bool packed = kind_ == v1::NODE_KIND_DICT_STR_INT || kind_ == v1::NODE_KIND_DICT_STR_FLOAT;
  count_ = packed ? operands_[2]
                  : static_cast<uint32_t>((view.operands(value.index).size() - first) / 2);
  str_keys_ = view.Spend(count_);
  if (packed || kind_ == v1::NODE_KIND_DICT_STR) return;
  for (uint32_t i = 0; i < count_ && str_keys_; ++i) str_keys_ = view.Str(key(i)).has_value();
}

Value Mapping::key(uint32_t i) const {
  switch (kind_) {
    case v1::NODE_KIND_DICT_STR:
      return {Value::In::kStrings, operands_[i]};
    case v1::NODE_KIND_DICT_STR_INT:
    case v1::NODE_KIND_DICT_STR_FLOAT:
      return {Value::In::kStrings, operands_[0] + i};
    default:
      return Value::Node(operands_[size_t{2} * i]);
  }
}

Value Mapping::value(uint32_t i) const {
  switch (kind_) {
    case v1::NODE_KIND_DICT_STR:
      return Value::Node(operands_[count_ + i]);
    case v1::NODE_KIND_DICT_STR_INT:
      return {Value::In::kInts, operands_[1] + i};
    case v1::NODE_KIND_DICT_STR_FLOAT:
      return {Value::In::kFloats, operands_[1] + i};
    default:
      return Value::Node(operands_[size_t{2} * i + 1]);
  }
}

absl::string_view Mapping::str_key(uint32_t i) const { return *view_->Str(key(i)); }

std::optional<Value> Mapping::Find(absl::string_view wanted) const {
  // Of something else than a dict, or of an object without state.
  if (count_ == 0 || !view_->Spend(count_)) return std::nullopt;
  for (uint32_t i = 0; i < count_; ++i) {
    const auto text = view_->Str(key(i));
    if (text && *text == wanted) return value(i);
  }
  return std::nullopt;
}

}  // namespace loadlock::verify
