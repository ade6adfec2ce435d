// Tensors and what else a torch file holds besides modules, node by node.
#ifndef LOADLOCK_SERVER_VERIFY_TORCH_NODES_H_
#define LOADLOCK_SERVER_VERIFY_TORCH_NODES_H_

#include <cstdint>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "server/verify/findings.h"
#include "server/verify/scope.h"

namespace loadlock::verify::torch {

// The policy's attribute set of the class of all tensors.
inline constexpr absl::string_view kTensorAttributes = "torch.Tensor";

class NodeChecker {
 public:
  // Both must outlive it.
  NodeChecker(const Scope* scope, Findings* findings);

  // Any node of a torch kind. Findings: INVARIANT_STRIDED, INVARIANT_SPARSE, INVARIANT_QUANTIZED,
  // TENSOR_ATTRIBUTE, STATE_RULE, BUDGET_ELEMENTS.
  void CheckNode(NodeId id);

 private:
  Check CheckStorage(NodeId id);
  Check CheckTensor(NodeId id);
  Check CheckQuantized(NodeId id);
  Check CheckChannels(NodeId id, int64_t lowest, int64_t highest) const;
  Check CheckParameter(NodeId id) const;
  Check CheckSize(NodeId id) const;
  Check CheckMetadata(NodeId id) const;
  void CheckState(NodeId tensor, NodeId state);
  std::string WhyNoAttribute(absl::string_view key, Value value) const;
  void Charge(NodeId id, uint64_t bytes);

  const Scope& scope_;
  const View& view_;
  Findings* findings_;
  // Bytes that all views may have together; repeated elements count each time.
  uint64_t bytes_left_;
  // Of the storages so far.
  absl::flat_hash_set<uint32_t> buffers_;
};

}  // namespace loadlock::verify::torch

#endif  // LOADLOCK_SERVER_VERIFY_TORCH_NODES_H_
