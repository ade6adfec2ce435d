#include "server/policy/origins.h"

#include <google/protobuf/util/message_differencer.h>

#include <utility>

namespace loadlock::policy {

void Origins::Read() const {
  const absl::StatusOr<PolicyFiles> files = ReadPolicyFolder(dir_);
  if (!files.ok()) return;
  for (const CompiledPolicy* policy : policies_->All()) {
    if (!files->contains(policy->name())) continue;
    const absl::StatusOr<v1::Policy> composed = Compose(*files, policy->name());
    absl::StatusOr<EntryPlaces> places = PlacesOfEntries(*files, policy->name());
    if (!composed.ok() || !places.ok() ||
        !google::protobuf::util::MessageDifferencer::Equals(*composed, policy->composed())) {
      continue;
    }
    places_.emplace(policy->name(), *std::move(places));
  }
}

const EntryPlaces& Origins::Of(absl::string_view policy) const {
  absl::call_once(once_, [this] { Read(); });
  const auto found = places_.find(policy);
  return found == places_.end() ? none_ : found->second;
}

}  // namespace loadlock::policy
