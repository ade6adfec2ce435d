// Every name against the policy, and every place where a name stands.
#ifndef LOADLOCK_SERVER_VERIFY_NAMES_H_
#define LOADLOCK_SERVER_VERIFY_NAMES_H_

#include <vector>

#include "loadlock/v1/report.pb.h"
#include "loadlock/v1/worker.pb.h"
#include "server/policy/policy.h"
#include "server/verify/findings.h"
#include "server/verify/scope.h"
#include "server/verify/state_edges.h"

namespace loadlock::verify {

// Fills the report's globals with their trust. For names that are in no graph (popped, or no
// graph came) appends NAME_NOT_LISTED findings to `findings`.
void ReportNames(const v1::WorkerResult& result, const policy::CompiledPolicy& policy,
                 const v1::Graph* graph, v1::Report* report, std::vector<v1::Finding>* findings);

// Refuses names that the policy does not list (NAME_NOT_LISTED), classes and callables used
// beyond their trust, and names as values anywhere but where the policy lets them stand
// (NAME_NOT_HERE). What is left out may name what the policy lists for that attribute, and classes
// and callables that could stand anywhere.
void CheckNames(const Scope& scope, const StateEdges& edges, Findings* findings);

}  // namespace loadlock::verify

#endif  // LOADLOCK_SERVER_VERIFY_NAMES_H_
