// The policy reader: files, their composition and the entries' compilation. An input is the files,
// one after another, each after a line "=== NAME". What is accepted may only be what every extended
// policy allows.
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/stubs/logging.h"
#include "google/protobuf/text_format.h"
#include "server/policy/compose.h"
#include "server/policy/policy.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/policy_files.h"
#include "tests/fuzz/target.h"

namespace loadlock::fuzz {
namespace {

using policy::CompiledPolicy;
using policy::PolicyFiles;

void CheckError(const absl::Status& status) {
  Require(status.code() == absl::StatusCode::kInvalidArgument, "a wrong policy is the operator's");
  Require(!status.message().empty() && status.message().size() < 65536,
          "and it is said what is wrong");
}

// `name` and all that it extends.
std::set<std::string> Reached(const PolicyFiles& files, const std::string& name) {
  std::set<std::string> reached;
  std::vector<std::string> waiting = {name};
  while (!waiting.empty()) {
    const std::string next = waiting.back();
    waiting.pop_back();
    if (!reached.insert(next).second) continue;
    for (const std::string& base : files.find(next)->second.policy.extends()) {
      waiting.push_back(base);
    }
  }
  return reached;
}

template <typename Field>
bool Holds(const Field& field, const std::string& value) {
  return std::find(field.begin(), field.end(), value) != field.end();
}

bool HasState(const v1::Entry& entry) {
  return entry.trust() == v1::TRUST_NEW_DICT || entry.trust() == v1::TRUST_NEW_SETSTATE;
}

// An entry of the composed policy allows no more than `part`, one of those it was made of.
void CheckNarrows(const v1::Entry& composed, const v1::Entry& part) {
  Require(composed.trust() <= part.trust(), "no trust beyond that of any part");
  if (composed.trust() == part.trust()) {
    Require(part.schema().empty() || composed.schema() == part.schema(),
            "the schema of every part");
    for (const std::string& at : composed.at()) {
      Require(Holds(part.at(), at), "no place that a part lacks");
    }
  }
  Require(composed.trust() == part.trust() || composed.trust() == v1::TRUST_NAME ||
              (HasState(composed) && HasState(part)),
          "no other use than that of any part");
  if (!HasState(composed) || !HasState(part)) return;
  for (const std::string& invariant : part.invariants()) {
    Require(Holds(composed.invariants(), invariant), "every invariant of every part");
  }
  for (const std::string& set : part.forbidden()) {
    Require(Holds(composed.forbidden(), set), "every forbidden key of every part");
  }
  for (const v1::StateRule& rule : part.state()) {
    const std::string bytes = rule.SerializeAsString();
    Require(
        std::any_of(composed.state().begin(), composed.state().end(),
                    [&](const v1::StateRule& kept) { return kept.SerializeAsString() == bytes; }),
        "every rule of every part");
  }
}

void CheckComposed(const PolicyFiles& files, const v1::Policy& composed) {
  Require(composed.extends().empty(), "a composed policy stands alone");
  std::map<std::string, const v1::Entry*> entries;
  for (const v1::Entry& entry : composed.entries()) {
    Require(entries.emplace(entry.name(), &entry).second, "each name stands once");
  }
  std::set<std::string> names;
  for (const std::string& part : Reached(files, composed.name())) {
    for (const v1::Entry& entry : files.find(part)->second.policy.entries()) {
      names.insert(entry.name());
      Require(entries.contains(entry.name()), "no name is lost");
      CheckNarrows(*entries[entry.name()], entry);
    }
  }
  Require(names.size() == entries.size(), "no name is added");
}

void CheckCompiled(const CompiledPolicy& compiled) {
  Require(compiled.digest().size() == 64, "a policy has a digest");
  for (const v1::Entry& entry : compiled.composed().entries()) {
    const policy::CompiledEntry* found = compiled.Find(absl::string_view(entry.name()));
    Require(found != nullptr && found->name() == entry.name(), "each name is found");
    Require(found->trust() != v1::TRUST_UNSPECIFIED && found->trust() != v1::TRUST_REWRITTEN,
            "with a trust that is built");
    const bool state =
        found->trust() == v1::TRUST_NEW_DICT || found->trust() == v1::TRUST_NEW_SETSTATE;
    Require(state || found->rules().empty(), "only instances have a state");
    for (const v1::StateRule& rule : entry.state()) {
      Require(!absl::StartsWith(rule.key(), "__") && found->FindRule(rule.key()) != nullptr,
              "each rule is found, and none is of a dunder key");
    }
  }
  Require(compiled.Find("") == nullptr && compiled.Find(".") == nullptr, "nothing has no name");
}

// As a file of its own it is the same policy, to the digest.
void CheckAgain(const CompiledPolicy& compiled) {
  // A key that two policies narrow has two rules, which one file may not.
  for (const v1::Entry& entry : compiled.composed().entries()) {
    std::set<std::string> keys;
    for (const v1::StateRule& rule : entry.state()) {
      if (!keys.insert(rule.key()).second) return;
    }
  }
  std::string text;
  Require(google::protobuf::TextFormat::PrintToString(compiled.composed(), &text), "it prints");
  const auto parsed = policy::ParsePolicyFile(absl::StrCat(compiled.name(), ".textproto"), text);
  Require(parsed.ok(), "a composed policy is a file");
  PolicyFiles alone;
  alone.emplace(compiled.name(), *parsed);
  const absl::StatusOr<v1::Policy> composed = policy::Compose(alone, compiled.name());
  Require(composed.ok(), "that composes");
  const auto again = CompiledPolicy::Compile(*composed);
  Require(again.ok() && (*again)->digest() == compiled.digest(), "to the same policy");
}

void CheckPolicy(const PolicyFiles& files, const std::string& name) {
  absl::StatusOr<v1::Policy> composed = policy::Compose(files, name);
  if (!composed.ok()) return CheckError(composed.status());
  CheckComposed(files, *composed);
  const auto compiled = CompiledPolicy::Compile(*std::move(composed));
  if (!compiled.ok()) return CheckError(compiled.status());
  CheckCompiled(**compiled);
  CheckAgain(**compiled);
}

}  // namespace
}  // namespace loadlock::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  google::protobuf::SetLogHandler(nullptr);
  using namespace loadlock;  // NOLINT(google-build-using-namespace): the entry is in C's
  policy::PolicyFiles files;
  for (const auto& [name, text] : fuzz::SplitFiles(fuzz::AsText(data, size))) {
    absl::StatusOr<policy::PolicyFile> file =
        policy::ParsePolicyFile(absl::StrCat(name, ".textproto"), text);
    if (!file.ok()) {
      fuzz::CheckError(file.status());
      continue;
    }
    files.emplace(file->policy.name(), *std::move(file));
  }
  for (const auto& [name, file] : files) fuzz::CheckPolicy(files, name);
  return 0;
}
