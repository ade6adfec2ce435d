#include "sandbox/graph/encoder.h"

namespace loadlock::graph {

void Encoder::WriteArray(NodeId node) {
  const ArrayInfo& array = b_.array(node);
  const uint32_t order = array.fortran ? 1 : 0;
  const auto rank = static_cast<uint32_t>(array.shape.size());
  const auto first = static_cast<uint32_t>(c_.ints.size());
  c_.ints.insert(c_.ints.end(), array.shape.begin(), array.shape.end());
  if (b_.kind(node) == Kind::kNdArray) {
    Begin(node, v1::NODE_KIND_NDARRAY, 5, 1);
    Edge(array.dtype);
    Operand(PutBuffer(array.buffer));
  } else {
    Begin(node, v1::NODE_KIND_OBJECT_NDARRAY, 4, 1);
    Edge(array.elements);
  }
  Operand(order);
  Operand(rank);
  Operand(first);
}

void Encoder::WriteScalar(NodeId node) {
  const ScalarInfo& scalar = b_.scalar(node);
  Begin(node, v1::NODE_KIND_SCALAR, 2, 1);
  Edge(scalar.dtype);
  Operand(PutBlob(scalar.raw));
}

void Encoder::WriteRandom(NodeId node) {
  const absl::Span<const NodeId> edges = b_.edges(node);
  switch (b_.kind(node)) {
    case Kind::kBitGenerator:
      Begin(node, v1::NODE_KIND_BIT_GENERATOR, 2, 1);
      Operand(strings_.Intern(b_.text(edges[0])));
      Edge(edges[1]);
      return;
    case Kind::kRandomState:
      Begin(node, v1::NODE_KIND_RANDOM_STATE, 3, 1);
      Edge(edges[0]);
      Operand(b_.kind(edges[1]) == Kind::kTrue ? 1 : 0);
      Operand(PutFloat(b_.float_value(edges[2])));
      return;
    default:
      Begin(node, v1::NODE_KIND_GENERATOR, 1, 1);
      Edge(edges[0]);
  }
}

void Encoder::WriteDtypeRecord(NodeId node) {
  const absl::Span<const NodeId> edges = b_.edges(node);
  Begin(node, v1::NODE_KIND_DTYPE_RECORD, edges.size(), 1);
  Operand(PutInt(b_.int_value(edges[0])));
  for (size_t i = 1; i + 2 < edges.size(); i += 3) {
    Operand(strings_.Intern(b_.text(edges[i])));
    Edge(edges[i + 1]);
    Operand(PutInt(b_.int_value(edges[i + 2])));
  }
}

}  // namespace loadlock::graph
