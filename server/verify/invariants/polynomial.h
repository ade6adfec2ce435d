// POLYNOMIAL: how many columns PolynomialFeatures makes room for and fills.
#ifndef LOADLOCK_SERVER_VERIFY_INVARIANTS_POLYNOMIAL_H_
#define LOADLOCK_SERVER_VERIFY_INVARIANTS_POLYNOMIAL_H_

#include "server/verify/scope.h"

namespace loadlock::verify {

Check CheckPolynomial(const Scope& scope, const Instance& transformer);

}  // namespace loadlock::verify

#endif  // LOADLOCK_SERVER_VERIFY_INVARIANTS_POLYNOMIAL_H_
