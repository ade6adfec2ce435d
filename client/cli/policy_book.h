// A composed policy of a daemon, to look names up in.
#ifndef LOADLOCK_CLIENT_CLI_POLICY_BOOK_H_
#define LOADLOCK_CLIENT_CLI_POLICY_BOOK_H_

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/cpp/client.h"
#include "loadlock/v1/service.pb.h"

namespace loadlock::cli {

class PolicyBook {
 public:
  // All entries of a policy; an empty name is "default". Errors: those of the call.
  static absl::StatusOr<PolicyBook> Fetch(const client::Client& client, absl::string_view policy);
  // Of an answer that a daemon gave for all entries.
  PolicyBook(std::string policy, v1::ExplainPolicyResponse answer);

  PolicyBook(PolicyBook&&) = default;
  PolicyBook& operator=(PolicyBook&&) = default;

  const std::string& policy() const { return policy_; }
  const std::string& digest() const { return answer_.digest(); }
  const v1::ExplainPolicyResponse& answer() const { return answer_; }

  // Null if the policy does not list the name.
  const v1::Entry* Find(absl::string_view name) const;
  // Where the name's entry is written: "sklearn.textproto:17", several joined by ", "; empty if
  // it is not listed. Escaped.
  std::string Lines(absl::string_view name) const;
  // Listed names whose last part is `attribute`, at most `limit`.
  std::vector<std::string> EndingWith(absl::string_view attribute, size_t limit) const;
  // First parts of all listed names: the packages that the policy speaks of.
  const std::set<std::string, std::less<>>& packages() const { return packages_; }

 private:
  std::string policy_;
  v1::ExplainPolicyResponse answer_;
  // Indices, so that a book can be moved.
  std::map<std::string, int, std::less<>> entries_;
  std::map<std::string, std::vector<int>, std::less<>> origins_;
  std::set<std::string, std::less<>> packages_;
};

// "sklearn" of "sklearn.tree._tree.Tree".
absl::string_view PackageOf(absl::string_view name);

// What a trust means, in a few words: "made without running code of the class".
absl::string_view TrustMeaning(v1::Trust trust);

}  // namespace loadlock::cli

#endif  // LOADLOCK_CLIENT_CLI_POLICY_BOOK_H_
