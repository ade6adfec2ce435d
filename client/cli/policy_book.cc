#include "client/cli/policy_book.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/text.h"

namespace loadlock::cli {

absl::StatusOr<PolicyBook> PolicyBook::Fetch(const client::Client& client,
                                             absl::string_view policy) {
  v1::ExplainPolicyRequest request;
  request.set_policy(std::string(policy));
  absl::StatusOr<v1::ExplainPolicyResponse> answer = client.Explain(request);
  if (!answer.ok()) return answer.status();
  return PolicyBook(policy.empty() ? "default" : std::string(policy), *std::move(answer));
}

PolicyBook::PolicyBook(std::string policy, v1::ExplainPolicyResponse answer)
    : policy_(std::move(policy)), answer_(std::move(answer)) {
  for (int i = 0; i < answer_.entries_size(); ++i) {
    const std::string& name = answer_.entries(i).name();
    entries_.emplace(name, i);
    packages_.emplace(PackageOf(name));
  }
  for (int i = 0; i < answer_.origins_size(); ++i) {
    origins_[answer_.origins(i).name()].push_back(i);
  }
}

const v1::Entry* PolicyBook::Find(absl::string_view name) const {
  const auto found = entries_.find(name);
  return found == entries_.end() ? nullptr : &answer_.entries(found->second);
}

std::string PolicyBook::Lines(absl::string_view name) const {
  const auto found = origins_.find(name);
  if (found == origins_.end()) return "";
  std::vector<std::string> lines;
  for (const int index : found->second) {
    const v1::EntryOrigin& origin = answer_.origins(index);
    lines.push_back(absl::StrCat(Printable(origin.policy(), 64), ".textproto:", origin.line()));
  }
  return absl::StrJoin(lines, ", ");
}

std::vector<std::string> PolicyBook::EndingWith(absl::string_view attribute, size_t limit) const {
  std::vector<std::string> found;
  const std::string end = absl::StrCat(".", attribute);
  for (const auto& [name, index] : entries_) {
    if (found.size() == limit) break;
    if (absl::EndsWith(name, end)) found.push_back(name);
  }
  return found;
}

absl::string_view PackageOf(absl::string_view name) { return name.substr(0, name.find('.')); }

absl::string_view TrustMeaning(v1::Trust trust) {
  switch (trust) {
    case v1::TRUST_NAME:
      return "may only be named, at its places; never called while loading";
    case v1::TRUST_NEW_DICT:
      return "made by __new__, then its __dict__ is written; no __init__, no __setstate__";
    case v1::TRUST_NEW_SETSTATE:
      return "made by __new__, then its reviewed __setstate__ runs";
    case v1::TRUST_FACTORY:
      return "made by loadlock itself from checked arguments";
    case v1::TRUST_BY_NAME_AND_PARAMS:
      return "made by its public constructor from checked parameters";
    case v1::TRUST_REWRITTEN:
      return "a native format, proven and written anew";
    default:
      return "not listed";
  }
}

}  // namespace loadlock::cli
