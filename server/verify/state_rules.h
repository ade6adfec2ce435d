// The state of one object against the general rules and its policy entry.
#ifndef LOADLOCK_SERVER_VERIFY_STATE_RULES_H_
#define LOADLOCK_SERVER_VERIFY_STATE_RULES_H_

#include <cstdint>
#include <vector>

#include "server/verify/edits.h"
#include "server/verify/findings.h"
#include "server/verify/scope.h"

namespace loadlock::verify {

class StateChecker {
 public:
  // All must outlive the checker.
  StateChecker(const Scope* scope, Findings* findings, std::vector<Edit>* edits);

  // `object` is an OBJECT whose class has a state (NEW_DICT, NEW_SETSTATE). True if its state
  // passed, so that invariants may read it.
  bool Check(const Instance& object);
  // Leaves out what the rules say, of an OBJECT whose class is BY_NAME_AND_PARAMS.
  void Drop(const Instance& object);

 private:
  bool CheckShape(const Instance& object);
  bool CheckKey(const Instance& object, uint32_t index);
  bool CheckValue(const Instance& object, absl::string_view key, uint32_t index);
  // Empty if the value obeys the rule, else why not.
  std::string WhyNot(const Instance& object, const policy::CompiledRule& rule, Value value);
  std::string WhyNotOneOf(const policy::CompiledRule& rule, Value value) const;
  std::string WhyNotInBounds(const policy::CompiledRule& rule, Value value) const;
  std::string WhyNotArray(const Instance& object, const v1::ArrayRule& rule, Value value) const;
  std::string WhyNotClasses(const policy::CompiledRule& rule, Value value);
  // A bag, whose attributes are the artifact's, in the value or in containers below it.
  bool HoldsBag(Value value) const;
  // The rule names a class of bags.
  bool ListsBag(const policy::CompiledRule& rule) const;
  bool CheckInstances(const Instance& object, const policy::CompiledRule* rule,
                      absl::string_view key, Value value);
  bool CheckRequired(const Instance& object);
  void Force(const Instance& object, absl::string_view key, uint32_t index,
             std::optional<policy::Literal> value);
  bool Refuse(const Instance& object, absl::string_view rule_id, absl::string_view key,
              std::string message);

  const Scope& scope_;
  bool has_bags_ = false;
  Findings* findings_;
  std::vector<Edit>* edits_;
};

}  // namespace loadlock::verify

#endif  // LOADLOCK_SERVER_VERIFY_STATE_RULES_H_
