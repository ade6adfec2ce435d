// XGBOOST: the record that stands for an xgboost model (sandbox/decoders/boosters/xgboost.h has
// its keys).
//
// What the library does not check itself, seen as crashes of xgboost 3.2 in load, predict, dump and
// contributions: children, split_indices, parents, categories, tree_info, iteration_indptr out of
// range; vector leaves; num_feature 2^31; missing weights; depth.
#ifndef LOADLOCK_SERVER_VERIFY_BOOSTERS_XGBOOST_H_
#define LOADLOCK_SERVER_VERIFY_BOOSTERS_XGBOOST_H_

#include "server/verify/scope.h"

namespace loadlock::verify {

// The state of an xgboost.core.Booster.
Check CheckXgboost(const Scope& scope, const Instance& booster);

}  // namespace loadlock::verify

#endif  // LOADLOCK_SERVER_VERIFY_BOOSTERS_XGBOOST_H_
