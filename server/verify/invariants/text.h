// VOCABULARY, TFIDF: column numbers that go into a sparse matrix without a look.
#ifndef LOADLOCK_SERVER_VERIFY_INVARIANTS_TEXT_H_
#define LOADLOCK_SERVER_VERIFY_INVARIANTS_TEXT_H_

#include "server/verify/scope.h"

namespace loadlock::verify {

// vocabulary_ gives each word one of 0..len-1.
Check CheckVocabulary(const Scope& scope, const Instance& vectorizer);
// One weight a feature.
Check CheckTfidf(const Scope& scope, const Instance& transformer);

}  // namespace loadlock::verify

#endif  // LOADLOCK_SERVER_VERIFY_INVARIANTS_TEXT_H_
