// ONE_HOT, ORDINAL: category numbers that become column numbers.
#ifndef LOADLOCK_SERVER_VERIFY_INVARIANTS_ENCODERS_H_
#define LOADLOCK_SERVER_VERIFY_INVARIANTS_ENCODERS_H_

#include "server/verify/scope.h"

namespace loadlock::verify {

Check CheckOneHot(const Scope& scope, const Instance& encoder);
Check CheckOrdinal(const Scope& scope, const Instance& encoder);

}  // namespace loadlock::verify

#endif  // LOADLOCK_SERVER_VERIFY_INVARIANTS_ENCODERS_H_
