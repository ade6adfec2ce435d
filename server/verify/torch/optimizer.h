// OPT: what optimizers saved. Their fused and captured steps read and write state tensors natively
// by the parameter's size, and load_state_dict() checks no shapes.
#ifndef LOADLOCK_SERVER_VERIFY_TORCH_OPTIMIZER_H_
#define LOADLOCK_SERVER_VERIFY_TORCH_OPTIMIZER_H_

#include "server/verify/scope.h"

namespace loadlock::verify::torch {

// Any dict. With `state` and `param_groups` it can be given to an optimizer: no group may turn on
// what is fused, captured or grouped by foreach. Nothing for other dicts.
Check CheckSavedOptimizer(const Scope& scope, NodeId dict);

// An optimizer itself: tensors of its state have the shape and dtype of their parameter.
Check CheckOptimizer(const Scope& scope, const Instance& optimizer);

}  // namespace loadlock::verify::torch

#endif  // LOADLOCK_SERVER_VERIFY_TORCH_OPTIMIZER_H_
