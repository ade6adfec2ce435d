// Argument schemas: what a CALL, or an object built by its public constructor, must look like.
#ifndef LOADLOCK_SERVER_VERIFY_SCHEMAS_SCHEMAS_H_
#define LOADLOCK_SERVER_VERIFY_SCHEMAS_SCHEMAS_H_

#include "server/verify/scope.h"

namespace loadlock::verify {

// A CALL whose callable is a listed factory, against the factory's schema.
Check CheckCall(const Scope& scope, NodeId call);

// An OBJECT whose class is BY_NAME_AND_PARAMS.
Check CheckByName(const Scope& scope, const Instance& object);

// The parts of a CALL.
struct CallParts {
  Sequence args;
  // kAbsent if there was no BUILD.
  NodeId state = kAbsent;
  bool has_items = false;
};
CallParts PartsOf(const Scope& scope, NodeId call);

// Cython losses and losses of stochastic gradient descent (losses.cc).
Check CheckCyLoss(const Scope& scope, NodeId call);
Check CheckUnpickledLoss(const Scope& scope, NodeId call);
Check CheckSgdLoss(const Scope& scope, NodeId call);
// newObj of a distance (new_obj.cc); trees: invariants/neighbor_tree.h.
Check CheckNewObj(const Scope& scope, NodeId call);
// A listed function with keywords (partial.cc).
Check CheckPartial(const Scope& scope, NodeId call);
// Masked arrays, matrices (numpy.cc).
Check CheckMaskedArray(const Scope& scope, NodeId call);
Check CheckMatrix(const Scope& scope, NodeId call);
// Objects built by scipy's and scikit-learn's constructors (distributions.cc).
// What these objects have in common: no arguments, no items, one dict of their own as state.
Check CheckPlainState(const Scope& scope, const Instance& object);
Check CheckDistribution(const Scope& scope, const Instance& object);
Check CheckFrozenDistribution(const Scope& scope, const Instance& object);
Check CheckBSpline(const Scope& scope, const Instance& object);
Check CheckImputerTriplet(const Scope& scope, const Instance& object);
// interp1d, cKDTree and KDTree (scipy.cc).
Check CheckInterp1d(const Scope& scope, const Instance& object);
Check CheckKdTree(const Scope& scope, const Instance& object);
// Bunch(), then SETITEMS: a dict whose items are attributes too (bunch.cc).
Check CheckBunch(const Scope& scope, const Instance& object);
// pathlib and datetime (python.cc).
Check CheckPath(const Scope& scope, NodeId call);
Check CheckDateTime(const Scope& scope, NodeId call);
// Numbers, identifiers and patterns of Python (values.cc).
Check CheckExactNumber(const Scope& scope, NodeId call);
Check CheckUuid(const Scope& scope, const Instance& object);
Check CheckIpAddress(const Scope& scope, NodeId call);
Check CheckPattern(const Scope& scope, NodeId call);
// defaultdict, Counter, deque (containers.cc).
Check CheckContainer(const Scope& scope, NodeId call, policy::Schema schema);
// A type whose call without arguments makes an empty value of Python's own: what a defaultdict may
// call for a missing key.
bool MakesEmptyValue(absl::string_view module, absl::string_view name);
// SimpleNamespace, ChainMap (bags.cc).
Check CheckNamespace(const Scope& scope, NodeId call);
Check CheckChainMap(const Scope& scope, const Instance& object);
// Values of numpy that are no arrays, and arrays with named fields (numpy_values.cc).
Check CheckSeedSequence(const Scope& scope, NodeId call);
Check CheckSeries(const Scope& scope, const Instance& object);
Check CheckRecords(const Scope& scope, NodeId call);
Check CheckNamedTuple(const Scope& scope, const Instance& object);

// True for an integer of any size that is not negative and has at most `bytes` bytes.
bool IsNatural(const Scope& scope, Value value, size_t bytes);
// BY_NAME_AND_PARAMS of a plain dict alone: nothing is given to __new__ and there are no items.
bool HasDictAlone(const Scope& scope, const Instance& object);

}  // namespace loadlock::verify

#endif  // LOADLOCK_SERVER_VERIFY_SCHEMAS_SCHEMAS_H_
