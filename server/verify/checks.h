// All checks of a sound graph, in order.
#ifndef LOADLOCK_SERVER_VERIFY_CHECKS_H_
#define LOADLOCK_SERVER_VERIFY_CHECKS_H_

#include <vector>

#include "server/verify/edits.h"
#include "server/verify/findings.h"
#include "server/verify/scope.h"
#include "server/verify/verify.h"

namespace loadlock::verify {

// Depth and cycles, names and places, instances with their schemas, states and invariants,
// random generators, keys. Fills `findings`, and `edits` with what must be rewritten.
void CheckGraph(const Scope& scope, const Caps& caps, const StateEdges& edges, Findings* findings,
                std::vector<Edit>* edits);

}  // namespace loadlock::verify

#endif  // LOADLOCK_SERVER_VERIFY_CHECKS_H_
