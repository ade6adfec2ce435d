// Policies: which names an artifact may use, for what, and under which conditions.
//
// Loaded once, composed by `extends`, validated as a whole and then immutable, so that any
// thread may read them without a lock.
#ifndef LOADLOCK_SERVER_POLICY_POLICY_H_
#define LOADLOCK_SERVER_POLICY_POLICY_H_

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "loadlock/v1/policy.pb.h"
#include "server/policy/entry.h"

namespace loadlock::policy {

// One policy with everything that it extends.
class CompiledPolicy {
 public:
  // `composed` is a policy without extends. INVALID_ARGUMENT says which entry is wrong.
  static absl::StatusOr<std::unique_ptr<const CompiledPolicy>> Compile(v1::Policy composed);

  CompiledPolicy(const CompiledPolicy&) = delete;
  CompiledPolicy& operator=(const CompiledPolicy&) = delete;

  const std::string& name() const { return composed_.name(); }
  const std::string& description() const { return composed_.description(); }
  // SHA-256, lower-case hex, over the canonical serialization of the composed policy.
  const std::string& digest() const { return digest_; }
  // Entries sorted by name, each once; no extends.
  const v1::Policy& composed() const { return composed_; }
  size_t entry_count() const { return entries_.size(); }

  // Null if the policy does not list it. `attribute` must hold no dot: with a dot it is
  // never found, so that "a.b" + "c.d" cannot pass for "a.b.c" + "d".
  const CompiledEntry* Find(absl::string_view module, absl::string_view attribute) const;
  // By "module.attribute", split at the last dot.
  const CompiledEntry* Find(absl::string_view full_name) const;
  // The keys of an attribute set; null if there is none of this name.
  const absl::flat_hash_set<absl::string_view>* FindAttributes(absl::string_view set) const {
    const auto it = sets_.find(set);
    return it == sets_.end() ? nullptr : it->second.get();
  }

 private:
  CompiledPolicy() = default;

  v1::Policy composed_;
  std::string digest_;
  AttributeSets sets_;
  std::vector<std::unique_ptr<const CompiledEntry>> entries_;
  absl::flat_hash_map<std::pair<absl::string_view, absl::string_view>, const CompiledEntry*> index_;
};

// All policies of one folder.
class PolicySet {
 public:
  // Reads every *.textproto of `dir`. Errors are one line, "FILE:LINE: what" where a line is
  // known, "FILE: what" else: NOT_FOUND (no such folder, or none in it), INVALID_ARGUMENT.
  static absl::StatusOr<std::shared_ptr<const PolicySet>> Load(const std::string& dir);

  // Null if there is none of this name.
  const CompiledPolicy* Find(absl::string_view name) const;
  // Sorted by name.
  std::vector<const CompiledPolicy*> All() const;

 private:
  PolicySet() = default;

  std::map<std::string, std::unique_ptr<const CompiledPolicy>, std::less<>> policies_;
};

}  // namespace loadlock::policy

#endif  // LOADLOCK_SERVER_POLICY_POLICY_H_
