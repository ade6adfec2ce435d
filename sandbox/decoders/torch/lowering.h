#ifndef LOADLOCK_SANDBOX_DECODERS_TORCH_LOWERING_H_
#define LOADLOCK_SANDBOX_DECODERS_TORCH_LOWERING_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "sandbox/decoders/numpy/lowering.h"
#include "sandbox/decoders/torch/dtype.h"
#include "sandbox/graph/builder.h"

namespace loadlock::torch {

using numpy::Failure;

// torch's factories that are understood here and never called.
enum class Factory : uint8_t {
  kNone,
  kTensor,              // torch._utils._rebuild_tensor
  kTensorV2,            // ..._v2
  kTensorV3,            // ..._v3
  kParameter,           // ..._rebuild_parameter
  kParameterWithState,  // ..._rebuild_parameter_with_state
  kSparse,              // ..._rebuild_sparse_tensor, and torch 1's ..._rebuild_sparse_csr_tensor
  kQuantized,           // ..._rebuild_qtensor
  kMeta,                // ..._rebuild_meta_tensor_no_storage
  kDevice,              // ..._rebuild_device_tensor_from_numpy and its like
  kFromType,            // torch._tensor._rebuild_from_type_v2
  kSize,                // torch.Size
  kTorchDevice,         // torch.device
  kLayout,              // torch.serialization._get_layout
  kLoadFromBytes,       // torch.storage._load_from_bytes: the machine's, it reads a file
};

Factory FindFactory(std::string_view module, std::string_view name);

// torch.nn.parameter.Parameter, whose instances are made by __new__(data, requires_grad).
bool IsParameterClass(const graph::GlobalUse& use);

// Turns calls of torch's factories into STORAGE, TENSOR and like nodes, with the checks that torch
// leaves out: set_() grows a storage that is too small, and hands out old heap; indices of sparse
// tensors are used as they are; hooks are called. What the daemon proves again from the nodes
// (graph.proto) is proven here too, where the message can name the call. Every function returns
// kNoNode (or false) with failure() set if the arguments are not what torch's own pickling writes.
class Lowering {
 public:
  explicit Lowering(graph::Builder* builder) : b_(*builder) {}

  graph::NodeId Call(Factory factory, absl::Span<const graph::NodeId> args);
  // Parameter(data, requires_grad)
  graph::NodeId NewParameter(absl::Span<const graph::NodeId> args);

  // BUILD of an OrderedDict: {'_metadata': {str: {str: plain value}}} and nothing else.
  bool BuildOrderedDict(graph::NodeId dict, graph::NodeId state);

  const Failure& failure() const { return failure_; }

 private:
  using NodeId = graph::NodeId;

  // lower_tensor.cc
  NodeId Tensor(absl::Span<const NodeId> args, size_t most, const Dtype* dtype);
  NodeId TensorV3(absl::Span<const NodeId> args);
  NodeId Meta(absl::Span<const NodeId> args);
  NodeId Device(absl::Span<const NodeId> args);
  NodeId FromArray(NodeId array, const Dtype& dtype, uint8_t flags);
  NodeId Quantized(absl::Span<const NodeId> args);
  bool ReadQuantizer(NodeId params, graph::TensorInfo* info, graph::Kind* kind);
  bool ReadChannels(absl::Span<const NodeId> params, graph::TensorInfo* info);
  // Offset, sizes and strides into geometry_; the dtype's elements must lie in the storage.
  bool ReadView(absl::Span<const NodeId> args, const Dtype& dtype, graph::TensorInfo* info);
  bool ReadGeometry(const NodeId* offset, NodeId sizes, NodeId strides, graph::TensorInfo* info);
  bool ReadFlags(NodeId requires_grad, NodeId metadata, const Dtype& dtype, uint8_t* flags);
  bool ReadMetadata(NodeId metadata, const Dtype& dtype, uint8_t* flags);

  // lower_wrapped.cc
  NodeId Parameter(absl::Span<const NodeId> args, bool with_state);
  NodeId FromType(absl::Span<const NodeId> args);
  NodeId MakeParameter(NodeId tensor, NodeId requires_grad, NodeId state);
  // *state becomes kNoNode if there are no attributes.
  bool ReadState(NodeId* state);

  // lower_sparse.cc
  NodeId Sparse(absl::Span<const NodeId> args);
  bool CheckCoo(absl::Span<const NodeId> data, uint8_t* flags);
  bool CheckCompressed(std::string_view layout, absl::Span<const NodeId> data);
  bool ReadParts(absl::Span<const NodeId> tensors, graph::TensorInfo* info);

  // lowering.cc
  NodeId Size(absl::Span<const NodeId> args);
  NodeId TorchDevice(absl::Span<const NodeId> args);
  NodeId Layout(absl::Span<const NodeId> args);
  bool IsMetadata(NodeId node, NodeId owner, int depth);
  // Appends ints from 0 to 2^63 - 1 of a TUPLE, LIST or TORCH_SIZE.
  bool ReadInts(NodeId node, std::vector<int64_t>* out);
  bool ReadBool(NodeId node, bool* out) const;
  // An empty OrderedDict, which stays empty: torch would call what is in it.
  bool NoHooks(NodeId hooks);
  // "float32" for the name torch.float32; null if the node is no such name.
  const Dtype* DtypeOf(NodeId node) const;
  bool IsTensor(NodeId node) const;
  // Of a tensor's elements.
  const Dtype& ElementsOf(NodeId tensor) const;
  absl::Span<const int64_t> Sizes(NodeId tensor) const;
  bool IsTorchName(NodeId node, std::string_view name) const;

  NodeId Fail(const char* rule, std::string message);
  bool Refuse(const char* rule, std::string message) {
    Fail(rule, std::move(message));
    return false;
  }
  NodeId Unwritten();

  graph::Builder& b_;
  std::vector<int64_t> geometry_;
  Failure failure_;
};

}  // namespace loadlock::torch

#endif  // LOADLOCK_SANDBOX_DECODERS_TORCH_LOWERING_H_
