// The soundness of the operands of torch's nodes, as structure.h has it for all others.
#ifndef LOADLOCK_SERVER_VERIFY_TORCH_STRUCTURE_H_
#define LOADLOCK_SERVER_VERIFY_TORCH_STRUCTURE_H_

#include <string>

#include "server/verify/view.h"

namespace loadlock::verify::torch {

// STORAGE to STATE_DICT of graph.proto.
bool IsTorchKind(v1::NodeKind kind);
// What PARAMETER and TENSOR_WITH_STATE may hold: TENSOR, SPARSE_TENSOR, QUANTIZED_TENSOR,
// CHANNEL_QUANTIZED_TENSOR.
bool IsPlainTensor(v1::NodeKind kind);
// Those and their holders.
bool IsTensor(v1::NodeKind kind);

// Empty if the node's operands may be trusted: their number, indices and runs, the kinds of nodes
// that they refer to, element types, and a storage's length. Else what is wrong. Reads no operands
// of other nodes.
std::string WhyUnsound(const View& view, NodeId id);

}  // namespace loadlock::verify::torch

#endif  // LOADLOCK_SERVER_VERIFY_TORCH_STRUCTURE_H_
