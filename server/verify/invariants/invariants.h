// Named invariants of policies and where each is implemented.
#ifndef LOADLOCK_SERVER_VERIFY_INVARIANTS_INVARIANTS_H_
#define LOADLOCK_SERVER_VERIFY_INVARIANTS_INVARIANTS_H_

#include "server/policy/vocabulary.h"
#include "server/verify/scope.h"

namespace loadlock::verify {

Check CheckInvariant(const Scope& scope, const Instance& object, policy::Invariant invariant);

}  // namespace loadlock::verify

#endif  // LOADLOCK_SERVER_VERIFY_INVARIANTS_INVARIANTS_H_
