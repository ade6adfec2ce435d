#include "server/policy/compose.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <system_error>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/text_format.h"
#include "server/policy/names.h"

namespace loadlock::policy {
namespace {

namespace fs = std::filesystem;

// A policy of a thousand classes takes about 300 kB; more than this is a mistake.
constexpr uintmax_t kMaxFileBytes = uintmax_t{16} << 20U;

absl::StatusOr<std::string> ReadFile(const fs::path& path) {
  std::error_code error;
  const uintmax_t size = fs::file_size(path, error);
  if (error) return absl::InvalidArgumentError(absl::StrCat(path.string(), ": ", error.message()));
  if (size > kMaxFileBytes) {
    return absl::InvalidArgumentError(absl::StrCat(path.string(), ": larger than 16 MiB"));
  }
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in) return absl::InvalidArgumentError(absl::StrCat(path.string(), ": cannot be read"));
  return std::move(text).str();
}

// Keeps the first error: later ones mostly follow from it.
class FirstError : public google::protobuf::io::ErrorCollector {
 public:
  explicit FirstError(std::string file) : file_(std::move(file)) {}

  void AddError(int line, google::protobuf::io::ColumnNumber column,
                const std::string& message) override {
    if (!message_.empty()) return;
    // protobuf counts from 0, and says -1 for the end of the file.
    message_ = line < 0
                   ? absl::StrCat(file_, ": ", message)
                   : absl::StrCat(file_, ":", line + 1, ": column ", column + 1, ": ", message);
  }

  const std::string& message() const { return message_; }

 private:
  std::string file_;
  std::string message_;
};

std::string Place(const PolicyFile& file, int entry) {
  return absl::StrCat(file.file, ":", file.entry_lines[static_cast<size_t>(entry)], ": ");
}

template <typename Field>
void AddMissing(const Field& from, Field* to) {
  for (const auto& value : from) {
    if (std::find(to->begin(), to->end(), value) == to->end()) *to->Add() = value;
  }
}

bool HasState(const v1::Entry& entry) {
  return entry.trust() == v1::TRUST_NEW_DICT || entry.trust() == v1::TRUST_NEW_SETSTATE;
}

using Sets = std::map<std::string, v1::AttributeSet>;

// The places of an entry, with those of the sets that it names.
std::set<std::string> Places(const v1::Entry& entry, const Sets& sets) {
  std::set<std::string> places;
  for (const std::string& at : entry.at()) {
    const auto set = at.empty() || at[0] != '$' ? sets.end() : sets.find(at.substr(1));
    if (set == sets.end()) {
      places.insert(at);
    } else {
      places.insert(set->second.keys().begin(), set->second.keys().end());
    }
  }
  return places;
}

// Makes `base` what both entries allow.
absl::Status Narrow(const v1::Entry& second, const Sets& sets, v1::Entry* base) {
  if (second.trust() > base->trust()) {
    return absl::InvalidArgumentError(
        absl::StrCat("entry \"", second.name(), "\" widens: ", v1::Trust_Name(second.trust()),
                     " over ", v1::Trust_Name(base->trust()), "; a repeated name may only narrow"));
  }
  if (base->trust() == v1::TRUST_REWRITTEN && second.trust() != v1::TRUST_REWRITTEN &&
      second.trust() != v1::TRUST_NAME) {
    return absl::InvalidArgumentError(absl::StrCat(
        "entry \"", second.name(), "\": a native format is written anew or not read at all"));
  }
  if (second.trust() == base->trust() && second.schema() != base->schema()) {
    return absl::InvalidArgumentError(
        absl::StrCat("entry \"", second.name(), "\" changes the schema of an extended policy"));
  }
  const bool both_have_state = HasState(second) && HasState(*base);
  if (second.trust() != base->trust() && second.trust() != v1::TRUST_NAME && !both_have_state) {
    // What the schema of a factory checks, no rule of a state can.
    return absl::InvalidArgumentError(
        absl::StrCat("entry \"", second.name(), "\" makes ", v1::Trust_Name(second.trust()), " of ",
                     v1::Trust_Name(base->trust()), ", which is another use and no narrower one"));
  }
  std::vector<std::string> places;
  if (second.trust() == v1::TRUST_NAME && base->trust() == v1::TRUST_NAME) {
    const std::set<std::string> first = Places(*base, sets);
    for (const std::string& at : Places(second, sets)) {
      if (first.contains(at)) places.push_back(at);
    }
  }
  if (second.trust() != base->trust() && !both_have_state) {
    // What is only named has no schema and no state; conditions on them have no meaning.
    base->Clear();
    base->set_name(second.name());
  }
  if (!second.schema().empty()) base->set_schema(second.schema());
  base->set_trust(second.trust());
  base->clear_at();
  for (std::string& at : places) base->add_at(std::move(at));
  AddMissing(second.invariants(), base->mutable_invariants());
  AddMissing(second.forbidden(), base->mutable_forbidden());
  base->mutable_state()->MergeFrom(second.state());
  if (!second.why().empty()) base->set_why(second.why());
  return absl::OkStatus();
}

// Bases first, each once. Depth is that of a folder of files written by the operator.
absl::Status Order(const PolicyFiles& files, const std::string& name,
                   std::vector<std::string>* path, std::vector<const PolicyFile*>* order) {
  const PolicyFile& file = files.find(name)->second;
  if (std::find(order->begin(), order->end(), &file) != order->end()) return absl::OkStatus();
  if (std::find(path->begin(), path->end(), name) != path->end()) {
    return absl::InvalidArgumentError(absl::StrCat(
        file.file, ": extends in a circle: ", absl::StrJoin(*path, " -> "), " -> ", name));
  }
  path->push_back(name);
  for (const std::string& base : file.policy.extends()) {
    if (!files.contains(base)) {
      return absl::InvalidArgumentError(
          absl::StrCat(file.file, ": extends \"", base, "\", which does not exist"));
    }
    if (absl::Status status = Order(files, base, path, order); !status.ok()) return status;
  }
  path->pop_back();
  order->push_back(&file);
  return absl::OkStatus();
}

absl::Status AddSets(const PolicyFile& file, Sets* sets) {
  for (const v1::AttributeSet& set : file.policy.attribute_sets()) {
    if (!sets->emplace(set.name(), set).second) {
      return absl::InvalidArgumentError(
          absl::StrCat(file.file, ": attribute set \"", set.name(), "\" exists already"));
    }
  }
  return absl::OkStatus();
}

absl::Status AddEntries(const PolicyFile& file, const Sets& sets,
                        std::map<std::string, v1::Entry>* entries) {
  for (int i = 0; i < file.policy.entries_size(); ++i) {
    const v1::Entry& entry = file.policy.entries(i);
    auto [it, fresh] = entries->emplace(entry.name(), entry);
    if (fresh) continue;
    if (absl::Status status = Narrow(entry, sets, &it->second); !status.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(Place(file, i), status.message()));
    }
  }
  return absl::OkStatus();
}

// Within one file nothing may be said twice.
absl::Status CheckRepeats(const PolicyFile& file) {
  absl::flat_hash_set<absl::string_view> names;
  for (int i = 0; i < file.policy.entries_size(); ++i) {
    const v1::Entry& entry = file.policy.entries(i);
    if (!names.insert(entry.name()).second) {
      return absl::InvalidArgumentError(
          absl::StrCat(Place(file, i), "entry \"", entry.name(), "\" stands twice"));
    }
    absl::flat_hash_set<absl::string_view> keys;
    for (const v1::StateRule& rule : entry.state()) {
      if (!keys.insert(rule.key()).second) {
        return absl::InvalidArgumentError(absl::StrCat(Place(file, i), "entry \"", entry.name(),
                                                       "\": state rule \"", rule.key(),
                                                       "\" stands twice"));
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<PolicyFile> ParsePolicyFile(const std::string& file, const std::string& text) {
  PolicyFile parsed;
  parsed.file = file;
  FirstError errors(file);
  google::protobuf::TextFormat::ParseInfoTree locations;
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&errors);
  parser.WriteLocationsTo(&locations);
  if (!parser.ParseFromString(text, &parsed.policy)) {
    return absl::InvalidArgumentError(errors.message());
  }
  const auto* field = v1::Policy::descriptor()->FindFieldByNumber(v1::Policy::kEntriesFieldNumber);
  for (int i = 0; i < parsed.policy.entries_size(); ++i) {
    parsed.entry_lines.push_back(locations.GetLocation(field, i).line + 1);
  }
  const std::string stem = file.substr(0, file.rfind('.'));
  if (!IsPolicyName(parsed.policy.name()) || parsed.policy.name() != stem) {
    return absl::InvalidArgumentError(
        absl::StrCat(file, ": name: \"", parsed.policy.name(),
                     "\" must be the file's stem, of lower-case letters, digits and dashes"));
  }
  if (absl::Status status = CheckRepeats(parsed); !status.ok()) return status;
  return parsed;
}

absl::StatusOr<PolicyFiles> ReadPolicyFolder(const std::string& dir) {
  std::error_code error;
  fs::directory_iterator it(dir, error);
  if (error) return absl::NotFoundError(absl::StrCat("policies: ", dir, ": ", error.message()));
  PolicyFiles files;
  for (const fs::directory_entry& entry : it) {
    if (entry.path().extension() != ".textproto") continue;
    absl::StatusOr<std::string> text = ReadFile(entry.path());
    if (!text.ok()) return text.status();
    absl::StatusOr<PolicyFile> file = ParsePolicyFile(entry.path().filename().string(), *text);
    if (!file.ok()) return file.status();
    const std::string name = file->policy.name();
    files.emplace(name, *std::move(file));
  }
  if (files.empty()) return absl::NotFoundError(absl::StrCat("policies: none in ", dir));
  return files;
}

absl::StatusOr<v1::Policy> Compose(const PolicyFiles& files, const std::string& name) {
  std::vector<std::string> path;
  std::vector<const PolicyFile*> order;
  if (absl::Status status = Order(files, name, &path, &order); !status.ok()) return status;
  Sets sets;
  std::map<std::string, v1::Entry> entries;
  for (const PolicyFile* file : order) {
    if (absl::Status status = AddSets(*file, &sets); !status.ok()) return status;
    if (absl::Status status = AddEntries(*file, sets, &entries); !status.ok()) return status;
  }
  v1::Policy composed;
  composed.set_name(name);
  composed.set_description(files.find(name)->second.policy.description());
  for (auto& [key, set] : sets) {
    std::sort(set.mutable_keys()->begin(), set.mutable_keys()->end());
    *composed.add_attribute_sets() = std::move(set);
  }
  for (auto& [key, entry] : entries) *composed.add_entries() = std::move(entry);
  return composed;
}

absl::StatusOr<EntryPlaces> PlacesOfEntries(const PolicyFiles& files, const std::string& name) {
  std::vector<std::string> path;
  std::vector<const PolicyFile*> order;
  if (absl::Status status = Order(files, name, &path, &order); !status.ok()) return status;
  EntryPlaces places;
  for (const PolicyFile* file : order) {
    for (int i = 0; i < file->policy.entries_size(); ++i) {
      places[file->policy.entries(i).name()].push_back(
          {file->policy.name(), file->entry_lines[static_cast<size_t>(i)]});
    }
  }
  return places;
}

}  // namespace loadlock::policy
