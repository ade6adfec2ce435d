// What it costs Python to hash a key.
#ifndef LOADLOCK_SERVER_VERIFY_HASH_COST_H_
#define LOADLOCK_SERVER_VERIFY_HASH_COST_H_

#include <cstdint>

#include "absl/container/flat_hash_map.h"
#include "server/verify/scope.h"

namespace loadlock::verify {

// A tuple does not remember its hash, so what it shares is hashed once for each place where it
// stands: forty pairs, each of the pair before, twice, take 2^40 steps. (Nor does comparing two of
// them remember anything.)
class HashCost {
 public:
  // Far beyond every budget, and far from overflow.
  static constexpr uint64_t kEndless = uint64_t{1} << 40;

  // `scope` must outlive it.
  explicit HashCost(const Scope* scope) : scope_(scope) {}

  // Steps: 1 for a plain value; for a tuple or frozenset 1 and those of each element. At most
  // kEndless.
  uint64_t Of(NodeId id);

 private:
  bool IsContainer(NodeId id) const;
  // Of `id`, of whose elements all are known.
  uint64_t Sum(NodeId id) const;

  const Scope* const scope_;
  absl::flat_hash_map<NodeId, uint64_t> known_;
};

}  // namespace loadlock::verify

#endif  // LOADLOCK_SERVER_VERIFY_HASH_COST_H_
