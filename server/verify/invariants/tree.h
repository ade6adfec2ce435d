// TREE: sklearn.tree._tree.Tree and what owns one.
//
// Its Cython code believes child, feature and node numbers, and loops without the GIL: a
// number out of range reads or writes any memory, a cycle never ends. Sources: trust.md's
// rules as tried on scikit-learn 1.2.1, 1.3.2 and 1.9.1.
#ifndef LOADLOCK_SERVER_VERIFY_INVARIANTS_TREE_H_
#define LOADLOCK_SERVER_VERIFY_INVARIANTS_TREE_H_

#include <optional>
#include <vector>

#include "server/verify/scope.h"

namespace loadlock::verify {

// What a Tree was made with.
struct TreeHeader {
  int64_t n_features = 0;
  int64_t n_outputs = 0;
  std::vector<int64_t> n_classes;
  // max(n_classes).
  int64_t max_classes = 0;
};

// The header of a CALL of Tree; nullopt if it is not one with sound arguments.
std::optional<TreeHeader> ReadTreeHeader(const Scope& scope, Value tree);

// n_classes_ of an estimator (a number, or one number an output) are those of the Tree.
bool SameClasses(const Scope& scope, Value n_classes, const TreeHeader& header);

// classes_ are labels (LabelsOf) for one output, a list of them for more, each as many as the Tree
// has classes.
bool ClassesFit(const Scope& scope, Value classes, const TreeHeader& header);

// Arguments and state of a CALL of Tree.
Check CheckTree(const Scope& scope, NodeId call);

// An estimator with a tree_: widths, outputs and classes agree. Nothing if it is not fitted.
Check CheckTreeOwner(const Scope& scope, const Instance& owner);

}  // namespace loadlock::verify

#endif  // LOADLOCK_SERVER_VERIFY_INVARIANTS_TREE_H_
