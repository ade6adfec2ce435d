// NEIGHBORS: estimators that keep their training data; brute force reads it by the columns of X.
#ifndef LOADLOCK_SERVER_VERIFY_INVARIANTS_NEIGHBORS_H_
#define LOADLOCK_SERVER_VERIFY_INVARIANTS_NEIGHBORS_H_

#include "server/verify/scope.h"

namespace loadlock::verify {

Check CheckNeighbors(const Scope& scope, const Instance& model);

}  // namespace loadlock::verify

#endif  // LOADLOCK_SERVER_VERIFY_INVARIANTS_NEIGHBORS_H_
