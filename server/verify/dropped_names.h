// Names below attributes that are left out.
#ifndef LOADLOCK_SERVER_VERIFY_DROPPED_NAMES_H_
#define LOADLOCK_SERVER_VERIFY_DROPPED_NAMES_H_

#include "server/verify/findings.h"
#include "server/verify/scope.h"
#include "server/verify/state_edges.h"

namespace loadlock::verify {

// Nothing of it arrives, yet a file that hides names there is none that a library wrote: each must
// be one that the policy lists for the attribute (`at`), or a class or factory that may be used.
void CheckDroppedNames(const Scope& scope, const StateEdges& edges, Findings* findings);

}  // namespace loadlock::verify

#endif  // LOADLOCK_SERVER_VERIFY_DROPPED_NAMES_H_
