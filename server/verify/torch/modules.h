// MODULE: instances of torch.nn.Module, made by object.__new__ and an instance dict. What stands
// in that dict wins over the class, and torch calls much of it: hooks, children, forward.
#ifndef LOADLOCK_SERVER_VERIFY_TORCH_MODULES_H_
#define LOADLOCK_SERVER_VERIFY_TORCH_MODULES_H_

#include "absl/container/flat_hash_map.h"
#include "server/verify/scope.h"

namespace loadlock::verify::torch {

// Has the parts of a module, whatever its entry says of invariants.
bool LooksLikeModule(const Instance& object);

// Every module, also one whose class a person listed with one line.
Check CheckModule(const Scope& scope, const Instance& module);

// Keys like `_forward_hooks` hold nothing.
Check CheckHooks(const Scope& scope, const Instance& object);

// A tensor that is registered under the name; nullopt if it is None or missing.
std::optional<Value> ParameterOf(const Scope& scope, const Instance& module,
                                 absl::string_view name);
// A child that is an object of a listed class.
std::optional<Instance> ChildOf(const Scope& scope, const Instance& module, absl::string_view name);

// A child of two parents is trained, moved and called once for each way that leads to it: forty
// levels of two parents each take 2^40 calls.
class ModulePaths {
 public:
  explicit ModulePaths(const Scope* scope) : scope_(*scope) {}
  // `module` is an object that looks like one, and no part of a cycle.
  verify::Check CheckWays(const Instance& module);

 private:
  uint64_t WaysFrom(NodeId module);

  const Scope& scope_;
  absl::flat_hash_map<NodeId, uint64_t> known_;
};

}  // namespace loadlock::verify::torch

#endif  // LOADLOCK_SERVER_VERIFY_TORCH_MODULES_H_
