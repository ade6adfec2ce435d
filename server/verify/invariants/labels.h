// What numpy's searchsorted and Python's dicts look labels up in: categories_ and classes_.
#ifndef LOADLOCK_SERVER_VERIFY_INVARIANTS_LABELS_H_
#define LOADLOCK_SERVER_VERIFY_INVARIANTS_LABELS_H_

#include "server/verify/scope.h"

namespace loadlock::verify {

// Labels of one feature or one output.
struct Labels {
  int64_t count = 0;
  // The last one is NaN.
  bool ends_with_nan = false;
};

// The labels of a one-dimensional array, at least one, in one of the forms that np.unique makes:
// - bool, integers, f4 or f8 of the machine's byte order, strictly ascending, NaN only at the end;
// - S or U of the machine's byte order, strictly ascending;
// - objects: str, each once (looked up by hash, so in any order), or plain numbers, strictly
//   ascending; then perhaps None, then perhaps NaN.
// Searchsorted answers the length, one more than the last index, where they are not sorted.
// nullopt for anything else.
std::optional<Labels> LabelsOf(const Scope& scope, Value value);

// How many labels there are; nullopt if LabelsOf finds none.
std::optional<uint64_t> LabelCount(const Scope& scope, Value value);

// LABELS: classes_, if it is there, are labels.
Check CheckLabels(const Scope& scope, const Instance& object);

// True of a one-dimensional array of labels in any order, and of a list of such, one an output:
// what every `classes_` is.
bool AreClasses(const Scope& scope, Value value);

}  // namespace loadlock::verify

#endif  // LOADLOCK_SERVER_VERIFY_INVARIANTS_LABELS_H_
