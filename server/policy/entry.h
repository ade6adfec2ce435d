// One entry of a composed policy, prepared for fast checks.
#ifndef LOADLOCK_SERVER_POLICY_ENTRY_H_
#define LOADLOCK_SERVER_POLICY_ENTRY_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "loadlock/v1/policy.pb.h"
#include "server/policy/literal.h"
#include "server/policy/vocabulary.h"

namespace loadlock::policy {

// The policy's attribute sets by name.
using AttributeSets =
    absl::flat_hash_map<absl::string_view, std::unique_ptr<absl::flat_hash_set<absl::string_view>>>;

// A StateRule with its literals parsed. Points into the entry's proto.
struct CompiledRule {
  const v1::StateRule* proto = nullptr;
  // Bit i is set if ValueKind i is allowed; 0: what the general rules allow.
  uint32_t kinds = 0;
  std::vector<Literal> one_of;
  std::optional<Literal> force;
  bool clamp = false;
  // The value may refer back to an object that holds this one.
  bool back = false;
  // A further rule for the same key, from a policy that narrows; all of them apply.
  const CompiledRule* next = nullptr;

  bool AllowsKind(v1::ValueKind kind) const {
    return kinds == 0 || (kinds >> static_cast<uint32_t>(kind) & 1U) != 0;
  }
};

class CompiledEntry {
 public:
  // Both must outlive the entry. INVALID_ARGUMENT says what is wrong with it.
  static absl::StatusOr<std::unique_ptr<const CompiledEntry>> Compile(const v1::Entry& entry,
                                                                      const AttributeSets& sets);

  const v1::Entry& proto() const { return *proto_; }
  const std::string& name() const { return proto_->name(); }
  absl::string_view module() const { return module_; }
  absl::string_view attribute() const { return attribute_; }
  v1::Trust trust() const { return proto_->trust(); }
  Schema schema() const { return schema_; }
  absl::Span<const Invariant> invariants() const { return invariants_; }

  // The first rule of the key, null if none speaks of it; follow `next`.
  const CompiledRule* FindRule(absl::string_view key) const;
  absl::Span<const CompiledRule> rules() const { return rules_; }
  // True if the key is an attribute of the class and may not be in its state.
  bool IsForbidden(absl::string_view key) const;
  // True if the name may be the value of `key` in the state of `class_name`.
  bool MayStandAt(absl::string_view class_name, absl::string_view key) const;
  // True if the name may be a value wherever one may stand ("*").
  bool MayStandAnywhere() const;
  // What a library writes has the name in what it gives: a factory that is not lowered, a class,
  // a name whose every place is one attribute of one class. Where
  // the result has it nowhere, it was called or popped on the way.
  bool StandsInResults() const;
  // True if the name may be an argument of a factory of this schema ("@SCHEMA").
  bool MayStandInSchema(absl::string_view schema) const;

 private:
  CompiledEntry() = default;

  bool HasPlace(absl::string_view place) const;
  // True if `test` is for one of the places.
  template <typename Test>
  bool AnyPlace(Test test) const;

  const v1::Entry* proto_ = nullptr;
  absl::string_view module_;
  absl::string_view attribute_;
  Schema schema_ = Schema::kNone;
  std::vector<Invariant> invariants_;
  std::vector<CompiledRule> rules_;
  absl::flat_hash_map<absl::string_view, const CompiledRule*> rule_index_;
  std::vector<const absl::flat_hash_set<absl::string_view>*> forbidden_;
  // The places: its own, and lists that it shares.
  absl::flat_hash_set<absl::string_view> at_;
  std::vector<const absl::flat_hash_set<absl::string_view>*> at_sets_;
};

}  // namespace loadlock::policy

#endif  // LOADLOCK_SERVER_POLICY_ENTRY_H_
