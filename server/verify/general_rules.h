// Rules that hold whatever a policy says; a policy can add to them and never take away.
#ifndef LOADLOCK_SERVER_VERIFY_GENERAL_RULES_H_
#define LOADLOCK_SERVER_VERIFY_GENERAL_RULES_H_

#include <optional>

#include "absl/strings/string_view.h"
#include "server/policy/literal.h"
#include "server/verify/scope.h"

namespace loadlock::verify {

// The rule id that a state key breaks by its name alone; empty if none. DUNDER_KEY: Python
// looks such names up on instances or classes (`__array_interface__` in an instance's dict
// makes numpy read and write any address). SHADOWS_CLASS_ATTRIBUTE: it hides a method or what
// notebooks render.
absl::string_view KeyRuleBroken(absl::string_view key);

// True of the methods that callers of a model call by name, which no state may hide.
bool IsMethodName(absl::string_view key);

// What the general rules want of a value under a key.
struct Demand {
  // The value that takes its place; absent: it may stay.
  std::optional<policy::Literal> forced;
  // Not empty: the value refuses, and why.
  std::string refused;
};
// memory and n_jobs become None, _n_threads is kept within 1..64, input must be 'content', a dtype
// given by its name must be a number's, bool or object.
Demand DemandOn(const Scope& scope, absl::string_view key, Value value);

}  // namespace loadlock::verify

#endif  // LOADLOCK_SERVER_VERIFY_GENERAL_RULES_H_
