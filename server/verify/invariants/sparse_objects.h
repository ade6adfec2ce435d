// SPARSE: the matrices of scipy that hold Python objects, lil and dok.
#ifndef LOADLOCK_SERVER_VERIFY_INVARIANTS_SPARSE_OBJECTS_H_
#define LOADLOCK_SERVER_VERIFY_INVARIANTS_SPARSE_OBJECTS_H_

#include "server/verify/invariants/sparse.h"

namespace loadlock::verify {

// The elements of a lil matrix: for each row ascending columns in range, and as many numbers.
Check CheckLists(const Scope& scope, const Instance& matrix, const SparseShape& shape);

// The elements of a dok matrix: its items are (row, column) in range and numbers; since scipy 1.13
// the state holds the same.
Check CheckKeys(const Scope& scope, const Instance& matrix, const SparseShape& shape);

}  // namespace loadlock::verify

#endif  // LOADLOCK_SERVER_VERIFY_INVARIANTS_SPARSE_OBJECTS_H_
