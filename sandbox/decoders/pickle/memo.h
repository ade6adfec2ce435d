#ifndef LOADLOCK_SANDBOX_DECODERS_PICKLE_MEMO_H_
#define LOADLOCK_SANDBOX_DECODERS_PICKLE_MEMO_H_

#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "sandbox/bytes/budget.h"
#include "sandbox/graph/node.h"

namespace loadlock::pickle {

// Largest index that PUT may name. CPython's C unpickler allocates a table of twice the index,
// its Python one a dict entry: beyond this the two differ in whether they load at all.
inline constexpr uint64_t kMaxMemoIndex = (uint64_t{1} << 27) - 1;

// The memo of one pickle. Picklers number from 0 without gaps; a stream need not.
class Memo {
 public:
  // Where MEMOIZE puts: the number of entries, as in CPython.
  uint32_t next() const { return count_; }

  // False if the index is taken (pickletools refuses that, the unpicklers overwrite) or the
  // budget is exhausted.
  [[nodiscard]] bool Put(uint32_t index, graph::NodeId node, bytes::Budget* budget) {
    if (index != dense_.size()) return PutElsewhere(index, node, budget);
    if (!sparse_.empty() && sparse_.contains(index)) return false;
    if (!budget->ChargeHeap(2 * sizeof(graph::NodeId))) return false;
    dense_.push_back(node);
    ++count_;
    return true;
  }

  // kNoNode if there is none.
  graph::NodeId Get(uint32_t index) const {
    if (index < dense_.size()) return dense_[index];
    const auto it = sparse_.find(index);
    return it == sparse_.end() ? graph::kNoNode : it->second;
  }

 private:
  bool PutElsewhere(uint32_t index, graph::NodeId node, bytes::Budget* budget) {
    if (index < dense_.size() || !budget->ChargeHeap(32)) return false;
    if (!sparse_.try_emplace(index, node).second) return false;
    ++count_;
    return true;
  }

  std::vector<graph::NodeId> dense_;
  absl::flat_hash_map<uint32_t, graph::NodeId> sparse_;
  uint32_t count_ = 0;
};

}  // namespace loadlock::pickle

#endif  // LOADLOCK_SANDBOX_DECODERS_PICKLE_MEMO_H_
