// KD_TREE, BALL_TREE: queries follow indices of points and nodes without a look.
#ifndef LOADLOCK_SERVER_VERIFY_INVARIANTS_NEIGHBOR_TREE_H_
#define LOADLOCK_SERVER_VERIFY_INVARIANTS_NEIGHBOR_TREE_H_

#include <optional>
#include <utility>

#include "server/verify/scope.h"

namespace loadlock::verify {

enum class NeighborTree { kKdTree, kBallTree };

// The state of a CALL of newObj(KDTree or BallTree): 13 parts.
Check CheckNeighborTree(const Scope& scope, NodeId call, NeighborTree kind);

// Rows and columns of the data of such a CALL; nullopt if it is none.
std::optional<std::pair<int64_t, int64_t>> NeighborTreeShape(const Scope& scope, Value tree);

// Name of the distance that a CALL of newObj makes (schemas/new_obj.cc); nullopt if it is none.
std::optional<absl::string_view> DistanceName(const Scope& scope, Value value);

// The value is a distance that reads no more columns than there are, nor a vector of another
// length (schemas/new_obj.cc). That its own state is sound, CheckNewObj says.
Check CheckMetricWidth(const Scope& scope, Value value, int64_t columns);

}  // namespace loadlock::verify

#endif  // LOADLOCK_SERVER_VERIFY_INVARIANTS_NEIGHBOR_TREE_H_
