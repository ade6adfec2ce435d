#include "sandbox/graph/encoder.h"

namespace loadlock::graph {
namespace {

constexpr uint32_t kAbsent = 0xFFFFFFFF;

}  // namespace

uint32_t Encoder::PutGeometry(NodeId node) {
  const auto first = static_cast<uint32_t>(c_.ints.size());
  const absl::Span<const int64_t> geometry = b_.geometry(node);
  c_.ints.insert(c_.ints.end(), geometry.begin(), geometry.end());
  return first;
}

void Encoder::WriteStorage(NodeId node) {
  const StorageInfo& storage = b_.storage(node);
  Begin(node, v1::NODE_KIND_STORAGE, 3, 0);
  Operand(strings_.Intern(storage.type));
  Operand(storage.buffer == StorageInfo::kNoBuffer ? kAbsent : PutBuffer(storage.buffer));
  Operand(PutInt(static_cast<int64_t>(storage.elements)));
}

void Encoder::WriteTensor(NodeId node) {
  const TensorInfo& tensor = b_.tensor(node);
  const Kind kind = b_.kind(node);
  const uint32_t type = strings_.Intern(tensor.type);
  const uint32_t geometry = PutGeometry(node);
  const auto begin = [&](size_t operands) {
    Begin(node, static_cast<v1::NodeKind>(kind), operands, 1);
  };
  if (kind == Kind::kSparseTensor) {
    begin(4 + tensor.part_count);
    Operand(type);
    Operand(tensor.flags);
    Operand(tensor.rank);
    Operand(geometry);
    for (size_t i = 0; i < tensor.part_count; ++i) Edge(tensor.parts[i]);
    return;
  }
  begin(kind == Kind::kTensor ? 5 : kind == Kind::kQuantizedTensor ? 6 : 7);
  Edge(tensor.parts[0]);
  Operand(type);
  if (kind == Kind::kTensor) Operand(tensor.flags);
  Operand(tensor.rank);
  Operand(geometry);
  if (kind == Kind::kQuantizedTensor) {
    Operand(PutFloat(tensor.scale));
    Operand(PutInt(tensor.zero_point));
  } else if (kind == Kind::kChannelQuantizedTensor) {
    Edge(tensor.parts[1]);
    Edge(tensor.parts[2]);
    Operand(PutInt(tensor.zero_point));
  }
}

void Encoder::WriteWrapper(NodeId node) {
  const absl::Span<const NodeId> edges = b_.edges(node);
  const bool parameter = b_.kind(node) == Kind::kParameter;
  Begin(node, static_cast<v1::NodeKind>(b_.kind(node)), parameter ? 3 : 2, 1);
  Edge(edges[0]);
  if (parameter) Operand(b_.node(node).detail);
  Edge(edges[1]);
}

void Encoder::WriteTorchSize(NodeId node) {
  const uint32_t first = PutGeometry(node);
  Begin(node, v1::NODE_KIND_TORCH_SIZE, 2, 0);
  Operand(first);
  Operand(static_cast<uint32_t>(b_.geometry(node).size()));
}

void Encoder::WriteTorchDevice(NodeId node) {
  const uint16_t index = b_.node(node).detail;
  Begin(node, v1::NODE_KIND_TORCH_DEVICE, 2, 0);
  Operand(strings_.Intern(b_.text(node)));
  Operand(index == Builder::kNoDeviceIndex ? kAbsent : index);
}

}  // namespace loadlock::graph
