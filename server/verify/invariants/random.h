// RANDOM: bit generators index their words by a position that nothing checks.
#ifndef LOADLOCK_SERVER_VERIFY_INVARIANTS_RANDOM_H_
#define LOADLOCK_SERVER_VERIFY_INVARIANTS_RANDOM_H_

#include "server/verify/scope.h"

namespace loadlock::verify {

// A BIT_GENERATOR node and its state.
Check CheckBitGenerator(const Scope& scope, NodeId node);

}  // namespace loadlock::verify

#endif  // LOADLOCK_SERVER_VERIFY_INVARIANTS_RANDOM_H_
