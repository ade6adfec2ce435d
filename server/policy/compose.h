// From files to composed policies: extends, and names that narrow.
#ifndef LOADLOCK_SERVER_POLICY_COMPOSE_H_
#define LOADLOCK_SERVER_POLICY_COMPOSE_H_

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "loadlock/v1/policy.pb.h"

namespace loadlock::policy {

// One parsed file.
struct PolicyFile {
  // Name of the file, for messages.
  std::string file;
  v1::Policy policy;
  // Lines (from 1) of the entries, parallel to policy.entries.
  std::vector<int> entry_lines;
};

using PolicyFiles = std::map<std::string, PolicyFile, std::less<>>;

// Parses one textproto. `file` is its name for messages; its stem must be the policy's name.
// INVALID_ARGUMENT: "FILE:LINE: what".
absl::StatusOr<PolicyFile> ParsePolicyFile(const std::string& file, const std::string& text);

// Reads every *.textproto of a folder. Errors as PolicySet::Load has them.
absl::StatusOr<PolicyFiles> ReadPolicyFolder(const std::string& dir);

// Where an entry is written: line (from 1) of the file of that policy.
struct EntryPlace {
  std::string policy;
  int line = 0;
};
// By the entry's name; bases first where a name is narrowed.
using EntryPlaces = std::map<std::string, std::vector<EntryPlace>, std::less<>>;

// A policy without extends, sorted by name: the entries of `name` and of all it extends, each
// once, bases first. A repeated name may only narrow: its trust stays or becomes NAME (NEW_SETSTATE
// also NEW_DICT), all conditions apply. INVALID_ARGUMENT for cycles, unknown names, widening.
absl::StatusOr<v1::Policy> Compose(const PolicyFiles& files, const std::string& name);

// Where the entries of the composed policy are written. Fails as Compose does; `name` must exist.
absl::StatusOr<EntryPlaces> PlacesOfEntries(const PolicyFiles& files, const std::string& name);

}  // namespace loadlock::policy

#endif  // LOADLOCK_SERVER_POLICY_COMPOSE_H_
