// Estimators that hold a Booster of xgboost or LightGBM.
#ifndef LOADLOCK_SERVER_VERIFY_INVARIANTS_BOOSTER_OWNER_H_
#define LOADLOCK_SERVER_VERIFY_INVARIANTS_BOOSTER_OWNER_H_

#include "server/verify/scope.h"

namespace loadlock::verify {

// n_classes_ is the number of classes of the model. Nothing if it is not fitted.
Check CheckXgboostOwner(const Scope& scope, const Instance& owner);

// _n_classes and _n_features are those of the model; and what predict() hands to the library as
// text ("key=value key=value") sets only parameters of the training: predict_disable_shape_check
// would have it read beyond the rows, num_threads make a million threads, and a value with a space
// sets any other parameter.
Check CheckLightgbmOwner(const Scope& scope, const Instance& owner);

}  // namespace loadlock::verify

#endif  // LOADLOCK_SERVER_VERIFY_INVARIANTS_BOOSTER_OWNER_H_
