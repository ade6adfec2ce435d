// KMEANS: native loops read the centers by the columns of X.
#ifndef LOADLOCK_SERVER_VERIFY_INVARIANTS_KMEANS_H_
#define LOADLOCK_SERVER_VERIFY_INVARIANTS_KMEANS_H_

#include "server/verify/scope.h"

namespace loadlock::verify {

Check CheckKmeans(const Scope& scope, const Instance& model);

}  // namespace loadlock::verify

#endif  // LOADLOCK_SERVER_VERIFY_INVARIANTS_KMEANS_H_
