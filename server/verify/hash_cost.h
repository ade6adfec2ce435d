// What it costs Python to hash a key, and to put keys into a dict or set.
#ifndef LOADLOCK_SERVER_VERIFY_HASH_COST_H_
#define LOADLOCK_SERVER_VERIFY_HASH_COST_H_

#include <cstdint>

#include "absl/container/flat_hash_map.h"
#include "server/verify/hash_table.h"
#include "server/verify/scope.h"

namespace loadlock::verify {

// A tuple does not remember its hash, so what it shares is hashed once for each place where it
// stands: forty pairs, each of the pair before, twice, take 2^40 steps. (Nor does comparing two of
// them remember anything.)
class HashCost {
 public:
  // Far beyond every budget, and far from overflow.
  static constexpr uint64_t kEndless = uint64_t{1} << 40;

  struct Key {
    // 1 for a plain value, more for a large one; for a tuple or frozenset 1 and those of each
    // element. At most kEndless.
    uint64_t steps = 1;
    uint64_t hash = 0;
  };

  // `scope` must outlive it.
  explicit HashCost(const Scope* scope) : scope_(scope) {}

  Key Of(NodeId id);

  // True if Python spends a time on the collisions of these keys (operands 0, stride, ...) that
  // grows with their square. Spends what it takes to find out.
  bool Collide(absl::Span<const uint32_t> operands, uint32_t stride, HashTable::Kind kind);

 private:
  bool IsContainer(NodeId id) const;
  Key Plain(Value value) const;
  // Of a container whose elements that are containers are all known.
  Key Combine(NodeId id) const;

  const Scope* const scope_;
  absl::flat_hash_map<NodeId, Key> known_;
};

}  // namespace loadlock::verify

#endif  // LOADLOCK_SERVER_VERIFY_HASH_COST_H_
