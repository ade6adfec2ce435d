// FOREST, ISOLATION_FOREST: many trees over one matrix, whose width is checked once.
#ifndef LOADLOCK_SERVER_VERIFY_INVARIANTS_FOREST_H_
#define LOADLOCK_SERVER_VERIFY_INVARIANTS_FOREST_H_

#include "server/verify/scope.h"

namespace loadlock::verify {

// estimators_ are tree estimators with the forest's features, outputs and classes.
Check CheckForest(const Scope& scope, const Instance& forest);

// As a forest, but a tree may see only the columns of its estimators_features_; 1.9 also keeps
// one array of node_count numbers a tree.
Check CheckIsolationForest(const Scope& scope, const Instance& forest);

}  // namespace loadlock::verify

#endif  // LOADLOCK_SERVER_VERIFY_INVARIANTS_FOREST_H_
