// SEARCH, VOTING: estimators that answer by others, and what of them reaches more than their parts.
#ifndef LOADLOCK_SERVER_VERIFY_INVARIANTS_SEARCHES_H_
#define LOADLOCK_SERVER_VERIFY_INVARIANTS_SEARCHES_H_

#include "server/verify/scope.h"

namespace loadlock::verify {

// GridSearchCV and its kin: a fit sets parameters of these names on the estimator, and callers do
// so with the best of them. So what general rules forbid as an attribute (a folder of pickles as
// `memory`, a path as `input`) may not be a parameter to try either.
Check CheckSearch(const Scope& scope, const Instance& search);

// VotingClassifier counts the answers of its parts by numpy's bincount, whose result is as long as
// the largest answer: labels of the parts are numbers of le_'s classes.
Check CheckVoting(const Scope& scope, const Instance& model);

}  // namespace loadlock::verify

#endif  // LOADLOCK_SERVER_VERIFY_INVARIANTS_SEARCHES_H_
