// GRADIENT_BOOSTING: predict_stages writes out[:, k] for every column of estimators_ into an
// array whose width comes from the loss and from init_.
#ifndef LOADLOCK_SERVER_VERIFY_INVARIANTS_GRADIENT_BOOSTING_H_
#define LOADLOCK_SERVER_VERIFY_INVARIANTS_GRADIENT_BOOSTING_H_

#include "server/verify/scope.h"

namespace loadlock::verify {

Check CheckGradientBoosting(const Scope& scope, const Instance& model);

}  // namespace loadlock::verify

#endif  // LOADLOCK_SERVER_VERIFY_INVARIANTS_GRADIENT_BOOSTING_H_
