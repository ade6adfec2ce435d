// One entry of a composed policy, prepared for fast checks.
#ifndef LOADLOCK_SERVER_POLICY_ENTRY_H_
#define LOADLOCK_SERVER_POLICY_ENTRY_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "loadlock/v1/policy.pb.h"
#include "server/policy/vocabulary.h"

namespace loadlock::policy {

// A Python literal: None, bool, int, float, str.
using Literal = std::variant<std::monostate, bool, int64_t, double, std::string>;

// Parses Python's repr of a literal: None, True, 12, -0.5, 'content'. No escapes in strings.
std::optional<Literal> ParseLiteral(std::string_view text);

// The policy's attribute sets by name.
using AttributeSets =
    absl::flat_hash_map<std::string_view, std::unique_ptr<absl::flat_hash_set<std::string_view>>>;

// A StateRule with its literals parsed. Points into the entry's proto.
struct CompiledRule {
  const v1::StateRule* proto = nullptr;
  // Bit i is set if ValueKind i is allowed; 0: what the general rules allow.
  uint32_t kinds = 0;
  std::vector<Literal> one_of;
  std::optional<Literal> force;
  bool clamp = false;

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
  std::string_view module() const { return module_; }
  std::string_view attribute() const { return attribute_; }
  v1::Trust trust() const { return proto_->trust(); }
  Schema schema() const { return schema_; }
  absl::Span<const Invariant> invariants() const { return invariants_; }

  // Null if no rule speaks of the key.
  const CompiledRule* FindRule(std::string_view key) const;
  absl::Span<const CompiledRule> rules() const { return rules_; }
  // True if the key is an attribute of the class and may not be in its state.
  bool IsForbidden(std::string_view key) const;
  // True if the name may be the value of `key` in the state of `class_name`.
  bool MayStandAt(std::string_view class_name, std::string_view key) const;
  // True if the name may be an argument of a factory of this schema ("@SCHEMA").
  bool MayStandInSchema(std::string_view schema) const;

 private:
  CompiledEntry() = default;

  const v1::Entry* proto_ = nullptr;
  std::string_view module_;
  std::string_view attribute_;
  Schema schema_ = Schema::kNone;
  std::vector<Invariant> invariants_;
  std::vector<CompiledRule> rules_;
  absl::flat_hash_map<std::string_view, size_t> rule_index_;
  std::vector<const absl::flat_hash_set<std::string_view>*> forbidden_;
  absl::flat_hash_set<std::string_view> at_;
};

}  // namespace loadlock::policy

#endif  // LOADLOCK_SERVER_POLICY_ENTRY_H_
