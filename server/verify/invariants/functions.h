// FUNCTION, ISOTONIC, DENSITY, SPLINES: what is called or interpolated with an artifact's numbers.
#ifndef LOADLOCK_SERVER_VERIFY_INVARIANTS_FUNCTIONS_H_
#define LOADLOCK_SERVER_VERIFY_INVARIANTS_FUNCTIONS_H_

#include "server/verify/scope.h"

namespace loadlock::verify {

// What holds a function: of objects only a partial is called (it and names go by their places);
// arguments are numbers and truths under listed names. `out` and `where` of a ufunc would write
// into arrays, `dtype` would name a type.
Check CheckFunction(const Scope& scope, const Instance& holder);
// True if it is such an argument.
bool IsFunctionArgument(const Scope& scope, absl::string_view key, Value value);
// IsotonicRegression, whose __setstate__ makes an interp1d from its thresholds.
Check CheckIsotonic(const Scope& scope, const Instance& model);
// KernelDensity: tree_ has as many columns as there are features.
Check CheckDensity(const Scope& scope, const Instance& model);
// SplineTransformer: one BSpline (proven by itself) a feature, all of one degree and number of
// columns, and an output as wide as these make it.
Check CheckSplines(const Scope& scope, const Instance& model);

}  // namespace loadlock::verify

#endif  // LOADLOCK_SERVER_VERIFY_INVARIANTS_FUNCTIONS_H_
