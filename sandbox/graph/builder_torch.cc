#include <bit>
#include <utility>

#include "sandbox/graph/builder.h"

namespace loadlock::graph {

uint32_t Builder::AddGeometry(absl::Span<const int64_t> geometry) {
  if (geometry.size() > UINT32_MAX - geometry_.size()) {
    (void)budget_->ChargeHeap(UINT64_MAX);
    return 0;
  }
  if (!budget_->ChargeHeap(geometry.size() * sizeof(int64_t))) return 0;
  geometry_.insert(geometry_.end(), geometry.begin(), geometry.end());
  return static_cast<uint32_t>(geometry_.size() - geometry.size());
}

NodeId Builder::Storage(const StorageInfo& info) {
  if (!budget_->ChargeHeap(sizeof(StorageInfo))) return None();
  storages_.push_back(info);
  return Add(Kind::kStorage, 0, 0, storages_.size() - 1);
}

void Builder::SetStorageBuffer(NodeId storage, const Buffer& buffer) {
  const uint32_t index = AddBuffer(buffer);
  storages_[nodes_[storage].payload].buffer = index;
}

NodeId Builder::Tensor(Kind kind, TensorInfo info, absl::Span<const int64_t> geometry) {
  if (!budget_->ChargeHeap(sizeof(TensorInfo))) return None();
  info.geometry = AddGeometry(geometry);
  tensors_.push_back(info);
  return Add(kind, 0, static_cast<uint32_t>(geometry.size()), tensors_.size() - 1);
}

// A key by identity: optimizers keep their state by parameter.
NodeId Builder::Parameter(NodeId tensor, bool requires_grad, NodeId state) {
  const NodeId edges[] = {tensor, state};
  const NodeId id = AddWithEdges(Kind::kParameter, kFlagHashable, edges);
  if (!exhausted()) nodes_[id].detail = requires_grad ? 1 : 0;
  return id;
}

NodeId Builder::TensorWithState(NodeId tensor, NodeId state) {
  const NodeId edges[] = {tensor, state};
  return AddWithEdges(Kind::kTensorWithState, 0, edges);
}

NodeId Builder::TorchSize(absl::Span<const int64_t> sizes) {
  const uint32_t first = AddGeometry(sizes);
  return Add(Kind::kTorchSize, 0, static_cast<uint32_t>(sizes.size()), first);
}

NodeId Builder::TorchDevice(std::string_view type, uint16_t index) {
  const NodeId id = Add(Kind::kTorchDevice, 0, static_cast<uint32_t>(type.size()),
                        std::bit_cast<uintptr_t>(type.data()));
  if (!exhausted()) nodes_[id].detail = index;
  return id;
}

void Builder::SetMetadata(NodeId ordered_dict, NodeId metadata) {
  const absl::Span<const NodeId> items = edges(ordered_dict);
  if (!budget_->ChargeHeap(items.size() * sizeof(NodeId))) return;
  std::vector<NodeId> all = {metadata};
  all.insert(all.end(), items.begin(), items.end());
  Become(ordered_dict, AddWithEdges(Kind::kStateDict, 0, all));
}

const StorageInfo& Builder::storage(NodeId id) const { return storages_[nodes_[id].payload]; }
const TensorInfo& Builder::tensor(NodeId id) const { return tensors_[nodes_[id].payload]; }

absl::Span<const int64_t> Builder::geometry(NodeId id) const {
  const Node& node = nodes_[id];
  const uint64_t first =
      node.kind == Kind::kTorchSize ? node.payload : tensors_[node.payload].geometry;
  return absl::MakeConstSpan(geometry_).subspan(first, node.extra);
}

}  // namespace loadlock::graph
