#include "server/verify/scope.h"

#include <algorithm>
#include <limits>

namespace loadlock::verify {
namespace {

template <typename T>
T FromBytes(absl::string_view bytes) {
  T value;
  std::memcpy(&value, bytes.data(), sizeof(T));
  return value;
}

std::optional<int64_t> IntFromBytes(const DType& dtype, absl::string_view bytes) {
  if (!dtype.native()) return std::nullopt;
  if (dtype.kind == 'i') {
    switch (dtype.itemsize) {
      case 1:
        return FromBytes<int8_t>(bytes);
      case 2:
        return FromBytes<int16_t>(bytes);
      case 4:
        return FromBytes<int32_t>(bytes);
      default:
        return FromBytes<int64_t>(bytes);
    }
  }
  if (dtype.kind != 'u') return std::nullopt;
  switch (dtype.itemsize) {
    case 1:
      return FromBytes<uint8_t>(bytes);
    case 2:
      return FromBytes<uint16_t>(bytes);
    case 4:
      return FromBytes<uint32_t>(bytes);
    default: {
      const auto wide = FromBytes<uint64_t>(bytes);
      if (wide > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return std::nullopt;
      return static_cast<int64_t>(wide);
    }
  }
}

v1::ValueKind ScalarKind(char kind) {
  switch (kind) {
    case 'b':
      return v1::VALUE_KIND_BOOL;
    case 'i':
    case 'u':
      return v1::VALUE_KIND_INT;
    case 'f':
      return v1::VALUE_KIND_FLOAT;
    case 'U':
      return v1::VALUE_KIND_STR;
    case 'S':
      return v1::VALUE_KIND_BYTES;
    default:
      return v1::VALUE_KIND_UNSPECIFIED;
  }
}

v1::ValueKind NodeValueKind(v1::NodeKind kind) {
  switch (kind) {
    case v1::NODE_KIND_NONE:
      return v1::VALUE_KIND_NONE;
    case v1::NODE_KIND_TRUE:
    case v1::NODE_KIND_FALSE:
      return v1::VALUE_KIND_BOOL;
    case v1::NODE_KIND_INT:
    case v1::NODE_KIND_BIG_INT:
      return v1::VALUE_KIND_INT;
    case v1::NODE_KIND_FLOAT:
      return v1::VALUE_KIND_FLOAT;
    case v1::NODE_KIND_STR:
      return v1::VALUE_KIND_STR;
    case v1::NODE_KIND_BYTES:
    case v1::NODE_KIND_BYTES_BUFFER:
      return v1::VALUE_KIND_BYTES;
    case v1::NODE_KIND_SET:
    case v1::NODE_KIND_FROZENSET:
      return v1::VALUE_KIND_SET;
    case v1::NODE_KIND_NDARRAY:
      return v1::VALUE_KIND_ARRAY;
    case v1::NODE_KIND_OBJECT_NDARRAY:
      return v1::VALUE_KIND_OBJECT_ARRAY;
    case v1::NODE_KIND_OBJECT:
    case v1::NODE_KIND_CALL:
      return v1::VALUE_KIND_OBJECT;
    case v1::NODE_KIND_GLOBAL:
      return v1::VALUE_KIND_NAME;
    case v1::NODE_KIND_DTYPE:
    case v1::NODE_KIND_DTYPE_RECORD:
      return v1::VALUE_KIND_DTYPE;
    case v1::NODE_KIND_BIT_GENERATOR:
    case v1::NODE_KIND_RANDOM_STATE:
    case v1::NODE_KIND_GENERATOR:
      return v1::VALUE_KIND_RANDOM;
    default:
      if (IsListKind(kind)) return v1::VALUE_KIND_LIST;
      if (IsTupleKind(kind)) return v1::VALUE_KIND_TUPLE;
      if (IsDictKind(kind)) return v1::VALUE_KIND_DICT;
      return v1::VALUE_KIND_UNSPECIFIED;
  }
}

}  // namespace

Scope::Scope(const View* view, const Topology* topology, const Buffers* buffers,
             const policy::CompiledPolicy* policy)
    : view_(view), topology_(topology), buffers_(buffers), policy_(policy) {
  for (const v1::Global& global : view->graph().globals()) {
    entries_.push_back(policy->Find(global.module(), global.name()));
  }
}

std::optional<Instance> Scope::InstanceOf(Value value) const {
  if (!view_->Is(value, v1::NODE_KIND_OBJECT)) return std::nullopt;
  const policy::CompiledEntry* entry = EntryOfInstance(value.index);
  if (entry == nullptr) return std::nullopt;
  return Instance{value.index, entry,
                  Mapping(*view_, Value::Node(view_->operands(value.index)[2]))};
}

std::optional<Instance> Scope::InstanceWith(Value value, policy::Invariant invariant) const {
  std::optional<Instance> instance = InstanceOf(value);
  if (!instance) return std::nullopt;
  const auto invariants = instance->entry->invariants();
  if (std::find(invariants.begin(), invariants.end(), invariant) == invariants.end()) {
    return std::nullopt;
  }
  return instance;
}

std::optional<NodeId> Scope::CallOf(Value value, policy::Schema schema) const {
  if (!view_->Is(value, v1::NODE_KIND_CALL)) return std::nullopt;
  const policy::CompiledEntry* entry = EntryOfInstance(value.index);
  if (entry == nullptr || entry->schema() != schema) return std::nullopt;
  return value.index;
}

v1::ValueKind Scope::KindOf(Value value) const {
  switch (value.in) {
    case Value::In::kInts:
      return v1::VALUE_KIND_INT;
    case Value::In::kFloats:
      return v1::VALUE_KIND_FLOAT;
    case Value::In::kStrings:
      return v1::VALUE_KIND_STR;
    case Value::In::kNode:
      break;
  }
  if (view_->kind(value.index) == v1::NODE_KIND_SCALAR) {
    const NodeId dtype = view_->operands(value.index)[0];
    return ScalarKind(ParseTypestr(view_->string(view_->operands(dtype)[0]))->kind);
  }
  return NodeValueKind(view_->kind(value.index));
}

std::optional<int64_t> Scope::Int(Value value) const {
  if (value.in == Value::In::kInts) return view_->integer(value.index);
  if (!value.is_node()) return std::nullopt;
  const absl::Span<const uint32_t> operands = view_->operands(value.index);
  if (view_->kind(value.index) == v1::NODE_KIND_INT) return view_->integer(operands[0]);
  if (view_->kind(value.index) != v1::NODE_KIND_SCALAR) return std::nullopt;
  const auto dtype = ParseTypestr(view_->string(view_->operands(operands[0])[0]));
  return IntFromBytes(*dtype, view_->blob(operands[1]));
}

std::optional<double> Scope::Number(Value value) const {
  if (const auto integer = Int(value)) return static_cast<double>(*integer);
  if (value.in == Value::In::kFloats) return view_->floating(value.index);
  if (!value.is_node()) return std::nullopt;
  const absl::Span<const uint32_t> operands = view_->operands(value.index);
  if (view_->kind(value.index) == v1::NODE_KIND_FLOAT) return view_->floating(operands[0]);
  if (view_->kind(value.index) != v1::NODE_KIND_SCALAR) return std::nullopt;
  const auto dtype = ParseTypestr(view_->string(view_->operands(operands[0])[0]));
  if (dtype->Is('f', 8)) return FromBytes<double>(view_->blob(operands[1]));
  if (dtype->Is('f', 4)) return static_cast<double>(FromBytes<float>(view_->blob(operands[1])));
  return std::nullopt;
}

std::optional<bool> Scope::Bool(Value value) const {
  if (view_->Is(value, v1::NODE_KIND_TRUE)) return true;
  if (view_->Is(value, v1::NODE_KIND_FALSE)) return false;
  if (!view_->Is(value, v1::NODE_KIND_SCALAR) || KindOf(value) != v1::VALUE_KIND_BOOL) {
    return std::nullopt;
  }
  return view_->blob(view_->operands(value.index)[1])[0] != 0;
}

std::optional<Array> Scope::ArrayOf(Value value) const {
  if (!view_->Is(value, v1::NODE_KIND_NDARRAY)) return std::nullopt;
  const absl::Span<const uint32_t> operands = view_->operands(value.index);
  Array array;
  array.dtype_node = operands[0];
  const absl::Span<const uint32_t> dtype = view_->operands(operands[0]);
  if (view_->kind(operands[0]) == v1::NODE_KIND_DTYPE) {
    array.dtype = *ParseTypestr(view_->string(dtype[0]));
  } else {
    array.dtype = {'|', 'R', static_cast<uint32_t>(view_->integer(dtype[0]))};
  }
  array.fortran = operands[2] == 1;
  array.shape = absl::Span<const int64_t>(view_->graph().ints().data() + operands[4], operands[3]);
  array.bytes = Buffer(operands[1]);
  if (!view_->Spend(1 + array.bytes.size() / sizeof(uint64_t))) return std::nullopt;
  return array;
}

absl::Span<const uint8_t> Scope::Buffer(uint32_t index) const {
  const v1::Graph& graph = view_->graph();
  const int i = static_cast<int>(index);
  const absl::Span<const uint8_t> all = graph.buffer_sources(i) == v1::BUFFER_SOURCE_ARTIFACT
                                            ? buffers_->artifact
                                            : buffers_->decoded;
  return all.subspan(graph.buffer_offsets(i), graph.buffer_lengths(i));
}

std::optional<uint64_t> Scope::Length(Value value) const {
  if (const Sequence sequence(*view_, value); sequence.ok()) return sequence.size();
  if (const Mapping mapping(*view_, value); mapping.ok()) return mapping.size();
  if (!value.is_node()) return std::nullopt;
  const absl::Span<const uint32_t> operands = view_->operands(value.index);
  if (view_->kind(value.index) == v1::NODE_KIND_NDARRAY && operands[3] == 1) {
    return static_cast<uint64_t>(view_->integer(operands[4]));
  }
  if (view_->kind(value.index) == v1::NODE_KIND_OBJECT_NDARRAY && operands[2] == 1) {
    return static_cast<uint64_t>(view_->integer(operands[3]));
  }
  return std::nullopt;
}

std::optional<int64_t> IntAt(const Array& array, uint64_t index) {
  if (array.dtype.kind != 'i' && array.dtype.kind != 'u') return std::nullopt;
  const uint64_t offset = index * array.dtype.itemsize;
  if (offset + array.dtype.itemsize > array.bytes.size()) return std::nullopt;
  return IntFromBytes(array.dtype,
                      absl::string_view(reinterpret_cast<const char*>(array.bytes.data() + offset),
                                        array.dtype.itemsize));
}

}  // namespace loadlock::verify
