// SPARSE: torch's sparse tensors. torch builds them from any indices and follows those without a
// look, so that one out of range is a write anywhere.
#ifndef LOADLOCK_SERVER_VERIFY_TORCH_SPARSE_H_
#define LOADLOCK_SERVER_VERIFY_TORCH_SPARSE_H_

#include "server/verify/scope.h"

namespace loadlock::verify::torch {

// A SPARSE_TENSOR: shapes fit, every index is in range, compressed indices rise from 0 to the
// number of values, and what claims to be coalesced is sorted and unique.
Check CheckSparse(const Scope& scope, NodeId tensor);

}  // namespace loadlock::verify::torch

#endif  // LOADLOCK_SERVER_VERIFY_TORCH_SPARSE_H_
