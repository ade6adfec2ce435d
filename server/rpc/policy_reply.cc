#include "server/rpc/policy_reply.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/observe/error.h"

namespace loadlock::rpc {
namespace {

void AddOrigins(const policy::EntryPlaces& places, const std::string& name,
                v1::ExplainPolicyResponse* response) {
  const auto found = places.find(name);
  if (found == places.end()) return;
  for (const policy::EntryPlace& place : found->second) {
    v1::EntryOrigin* origin = response->add_origins();
    origin->set_name(name);
    origin->set_policy(place.policy);
    origin->set_line(static_cast<uint32_t>(place.line));
  }
}

// All sets, or those that the one entry forbids.
void AddSets(const policy::CompiledPolicy& policy, bool all, v1::ExplainPolicyResponse* response) {
  for (const v1::AttributeSet& set : policy.composed().attribute_sets()) {
    const auto forbids = [&set](const v1::Entry& entry) {
      return std::find(entry.forbidden().begin(), entry.forbidden().end(), set.name()) !=
             entry.forbidden().end();
    };
    if (all || std::any_of(response->entries().begin(), response->entries().end(), forbids)) {
      *response->add_attribute_sets() = set;
    }
  }
}

}  // namespace

absl::Status ExplainPolicy(const policy::PolicySet& policies, const policy::Origins& origins,
                           const v1::ExplainPolicyRequest& request,
                           v1::ExplainPolicyResponse* response) {
  const std::string name = request.policy().empty() ? "default" : request.policy();
  const policy::CompiledPolicy* policy = policies.Find(name);
  if (policy == nullptr) {
    return observe::Error(absl::StatusCode::kNotFound, "NO_SUCH_POLICY",
                          absl::StrCat("there is no policy \"", name, "\""));
  }
  response->set_digest(policy->digest());
  const policy::EntryPlaces& places = origins.Of(name);
  for (const v1::Entry& entry : policy->composed().entries()) {
    if (!request.name().empty() && request.name() != entry.name()) continue;
    *response->add_entries() = entry;
    AddOrigins(places, entry.name(), response);
  }
  if (response->entries_size() == 0 && !request.name().empty()) {
    return observe::Error(absl::StatusCode::kNotFound, "NO_SUCH_ENTRY",
                          absl::StrCat("policy \"", name, "\" does not list ", request.name()));
  }
  AddSets(*policy, request.name().empty(), response);
  return absl::OkStatus();
}

}  // namespace loadlock::rpc
