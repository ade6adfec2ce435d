// MLP: the layers' matrices form a chain.
#ifndef LOADLOCK_SERVER_VERIFY_INVARIANTS_MLP_H_
#define LOADLOCK_SERVER_VERIFY_INVARIANTS_MLP_H_

#include "server/verify/scope.h"

namespace loadlock::verify {

Check CheckMlp(const Scope& scope, const Instance& model);

}  // namespace loadlock::verify

#endif  // LOADLOCK_SERVER_VERIFY_INVARIANTS_MLP_H_
