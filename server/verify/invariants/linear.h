// LINEAR: coefficients as wide as the features; partial_fit runs native code over them.
#ifndef LOADLOCK_SERVER_VERIFY_INVARIANTS_LINEAR_H_
#define LOADLOCK_SERVER_VERIFY_INVARIANTS_LINEAR_H_

#include "server/verify/scope.h"

namespace loadlock::verify {

Check CheckLinear(const Scope& scope, const Instance& model);

}  // namespace loadlock::verify

#endif  // LOADLOCK_SERVER_VERIFY_INVARIANTS_LINEAR_H_
