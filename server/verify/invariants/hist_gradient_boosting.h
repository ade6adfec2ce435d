// HIST_GRADIENT_BOOSTING, HIST_PREDICTOR, BIN_MAPPER: predict follows children, features, bitsets
// and category maps by index in C loops that check nothing.
#ifndef LOADLOCK_SERVER_VERIFY_INVARIANTS_HIST_GRADIENT_BOOSTING_H_
#define LOADLOCK_SERVER_VERIFY_INVARIANTS_HIST_GRADIENT_BOOSTING_H_

#include "server/verify/scope.h"

namespace loadlock::verify {

// A TreePredictor by itself: its nodes are a tree, its bitsets are there. What depends on the
// width and on which features are categories, only its owner knows.
Check CheckHistPredictor(const Scope& scope, const Instance& predictor);
// A _BinMapper: one flag and one vector of thresholds a feature, categories within a bitset.
Check CheckBinMapper(const Scope& scope, const Instance& mapper);
// The model: as many predictors an iteration as the loss has outputs, each within the mapper.
Check CheckHistGradientBoosting(const Scope& scope, const Instance& model);

}  // namespace loadlock::verify

#endif  // LOADLOCK_SERVER_VERIFY_INVARIANTS_HIST_GRADIENT_BOOSTING_H_
