// SVC, SVR: libsvm checks no length but sum(_n_support).
#ifndef LOADLOCK_SERVER_VERIFY_INVARIANTS_SVM_H_
#define LOADLOCK_SERVER_VERIFY_INVARIANTS_SVM_H_

#include "server/verify/scope.h"

namespace loadlock::verify {

// Classifiers: SVC, NuSVC.
Check CheckSvc(const Scope& scope, const Instance& model);
// Regression and one class: SVR, NuSVR, OneClassSVM.
Check CheckSvr(const Scope& scope, const Instance& model);

}  // namespace loadlock::verify

#endif  // LOADLOCK_SERVER_VERIFY_INVARIANTS_SVM_H_
