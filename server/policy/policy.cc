#include "server/policy/policy.h"

#include <openssl/evp.h>

#include <array>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "server/policy/compose.h"

namespace loadlock::policy {
namespace {

// No field is a map, so the serialization in field order is canonical.
std::string CanonicalBytes(const v1::Policy& policy) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    policy.SerializeToCodedStream(&coded);
  }
  return bytes;
}

absl::StatusOr<std::string> Sha256Hex(absl::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned int size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1) {
    return absl::InternalError("SHA-256 is not available");
  }
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(digest.data()), size));
}

// "FILE:LINE: " of the entry that the message of CompiledEntry names, if it is in this file.
std::string Origin(const PolicyFiles& files, absl::string_view message) {
  for (const auto& [name, file] : files) {
    for (int i = 0; i < file.policy.entries_size(); ++i) {
      const std::string needle = absl::StrCat("entry \"", file.policy.entries(i).name(), "\":");
      if (message.substr(0, needle.size()) == needle) {
        return absl::StrCat(file.file, ":", file.entry_lines[static_cast<size_t>(i)], ": ");
      }
    }
  }
  return "";
}

}  // namespace

absl::StatusOr<std::unique_ptr<const CompiledPolicy>> CompiledPolicy::Compile(v1::Policy composed) {
  std::unique_ptr<CompiledPolicy> policy(new CompiledPolicy());
  policy->composed_ = std::move(composed);
  absl::StatusOr<std::string> digest = Sha256Hex(CanonicalBytes(policy->composed_));
  if (!digest.ok()) return digest.status();
  policy->digest_ = *std::move(digest);
  for (const v1::AttributeSet& set : policy->composed_.attribute_sets()) {
    policy->sets_.emplace(set.name(), std::make_unique<absl::flat_hash_set<absl::string_view>>(
                                          set.keys().begin(), set.keys().end()));
  }
  for (const v1::Entry& entry : policy->composed_.entries()) {
    auto compiled = CompiledEntry::Compile(entry, policy->sets_);
    if (!compiled.ok()) return compiled.status();
    policy->entries_.push_back(*std::move(compiled));
    const CompiledEntry* added = policy->entries_.back().get();
    policy->index_.emplace(std::make_pair(added->module(), added->attribute()), added);
  }
  // What is listed below a listed class is its attribute, not one of a module of its name: pickles
  // name it as "Class.attribute" of the module. No other name walks attributes.
  for (const auto& entry : policy->entries_) {
    const absl::string_view module = entry->module();
    const size_t dot = module.rfind('.');
    if (policy->Find(module) == nullptr || dot == absl::string_view::npos) continue;
    policy->index_.erase(std::make_pair(module, entry->attribute()));
    const absl::string_view name = entry->name();
    policy->index_.emplace(std::make_pair(name.substr(0, dot), name.substr(dot + 1)), entry.get());
  }
  return policy;
}

const CompiledEntry* CompiledPolicy::Find(absl::string_view module,
                                          absl::string_view attribute) const {
  const auto it = index_.find(std::make_pair(module, attribute));
  return it == index_.end() ? nullptr : it->second;
}

const CompiledEntry* CompiledPolicy::Find(absl::string_view full_name) const {
  const size_t dot = full_name.rfind('.');
  if (dot == absl::string_view::npos) return nullptr;
  const CompiledEntry* found = Find(full_name.substr(0, dot), full_name.substr(dot + 1));
  const size_t outer = full_name.substr(0, dot).rfind('.');
  if (found != nullptr || outer == absl::string_view::npos) return found;
  return Find(full_name.substr(0, outer), full_name.substr(outer + 1));
}

absl::StatusOr<std::shared_ptr<const PolicySet>> PolicySet::Load(const std::string& dir) {
  absl::StatusOr<PolicyFiles> files = ReadPolicyFolder(dir);
  if (!files.ok()) return files.status();
  std::shared_ptr<PolicySet> set(new PolicySet());
  for (const auto& [name, file] : *files) {
    absl::StatusOr<v1::Policy> composed = Compose(*files, name);
    if (!composed.ok()) return composed.status();
    auto compiled = CompiledPolicy::Compile(*std::move(composed));
    if (!compiled.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(Origin(*files, compiled.status().message()), compiled.status().message()));
    }
    set->policies_.emplace(name, *std::move(compiled));
  }
  return set;
}

const CompiledPolicy* PolicySet::Find(absl::string_view name) const {
  const auto it = policies_.find(name);
  return it == policies_.end() ? nullptr : it->second.get();
}

std::vector<const CompiledPolicy*> PolicySet::All() const {
  std::vector<const CompiledPolicy*> all;
  for (const auto& [name, policy] : policies_) all.push_back(policy.get());
  return all;
}

}  // namespace loadlock::policy
