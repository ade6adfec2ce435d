// SPARSE: scipy's sparse matrices. Their code follows indices without a look; the client builds
// them by the constructor, which checks again.
#ifndef LOADLOCK_SERVER_VERIFY_INVARIANTS_SPARSE_H_
#define LOADLOCK_SERVER_VERIFY_INVARIANTS_SPARSE_H_

#include <cstdint>
#include <optional>

#include "server/verify/scope.h"

namespace loadlock::verify {

// The state of an OBJECT whose class is a sparse matrix (csr, csc, coo, dia, bsr, lil, dok).
Check CheckSparse(const Scope& scope, const Instance& matrix);

struct SparseShape {
  int64_t rows = 0;
  int64_t columns = 0;
  // Stored elements.
  int64_t stored = 0;
};
// nullopt if the value is no sparse matrix of a listed class with a readable shape. Says
// nothing of its indices: CheckSparse does.
std::optional<SparseShape> SparseShapeOf(const Scope& scope, Value value);

}  // namespace loadlock::verify

#endif  // LOADLOCK_SERVER_VERIFY_INVARIANTS_SPARSE_H_
