// Persistent ids: what a pickle in a torch file says of a value that stands beside the pickle.
#ifndef LOADLOCK_SANDBOX_DECODERS_TORCH_PERSISTENT_H_
#define LOADLOCK_SANDBOX_DECODERS_TORCH_PERSISTENT_H_

#include <cstdint>
#include <string_view>

#include "sandbox/decoders/numpy/lowering.h"
#include "sandbox/decoders/torch/dtype.h"
#include "sandbox/graph/builder.h"

namespace loadlock::torch {

using numpy::Failure;

// Implemented by the format around the pickle; without one, persistent ids are refused.
class PersistentIds {
 public:
  virtual ~PersistentIds() = default;
  // The node that the id stands for. kNoNode with *failure set if there is none.
  virtual graph::NodeId Load(graph::NodeId id, Failure* failure) = 0;
};

// ('storage', class, key, location, number of elements[, view])
struct StorageId {
  const Dtype* dtype = nullptr;
  std::string_view key;
  uint64_t elements = 0;
  uint64_t bytes = 0;
  // The sixth item; kNoNode if there are five.
  graph::NodeId view = graph::kNoNode;
};

// Longest key: a number, or an address in older files.
inline constexpr size_t kMaxKey = 64;

// Reads an id of five items or, if `with_view`, of six. The location is where the elements once
// were, and means nothing but for "meta", where there are none: that is refused.
[[nodiscard]] bool ReadStorageId(const graph::Builder& builder, graph::NodeId id, bool with_view,
                                 StorageId* out, Failure* failure);

}  // namespace loadlock::torch

#endif  // LOADLOCK_SANDBOX_DECODERS_TORCH_PERSISTENT_H_
