#include "client/cli/suggest.h"

#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/python_modules.h"
#include "client/cli/text.h"

namespace loadlock::cli {
namespace {

constexpr size_t kMaxName = 1000;
constexpr size_t kMaxMessage = 400;
// A report holds no more; what it leaves out is unknown.
constexpr int kMaxFindings = 100;

std::string Quoted(absl::string_view text) { return absl::StrCat("\"", text, "\""); }

// One entry as it stands in a policy file.
std::string EntryText(const v1::Entry& entry) {
  v1::Policy holder;
  *holder.add_entries() = entry;
  std::string text;
  google::protobuf::TextFormat::PrintToString(holder, &text);
  return text;
}

// The entry that a finding's line is, if it is one.
bool ReadLine(const v1::Finding& finding, v1::Entry* entry) {
  v1::Policy parsed;
  google::protobuf::TextFormat::Parser parser;
  class : public google::protobuf::io::ErrorCollector {
    void AddError(int /*line*/, google::protobuf::io::ColumnNumber /*column*/,
                  const std::string& /*message*/) override {}
  } quiet;
  parser.RecordErrorsTo(&quiet);
  if (!parser.ParseFromString(finding.allow(), &parsed) || parsed.entries_size() != 1) return false;
  *entry = parsed.entries(0);
  v1::Policy alone;
  *alone.add_entries() = *entry;
  return alone.SerializeAsString() == parsed.SerializeAsString() && entry->name() == finding.name();
}

void Object(const Outcome& outcome, const std::string& name, std::string why, Suggestion* out) {
  out->objections.push_back({Printable(outcome.name), Printable(name, kMaxName), std::move(why)});
}

void Weigh(const Outcome& outcome, const Grounds& grounds, Suggestion* out) {
  const v1::Report& report = outcome.answer->report();
  if (report.findings_size() >= kMaxFindings) {
    Object(outcome, "", "it is refused for more reasons than a report holds", out);
  }
  for (const v1::Finding& finding : report.findings()) {
    if (finding.severity() != v1::SEVERITY_ERROR) continue;
    v1::Entry entry;
    std::string why = WhyNotSuggested(finding, grounds, &entry);
    if (!why.empty()) {
      Object(outcome, finding.name(), std::move(why), out);
      continue;
    }
    const auto [place, fresh] = out->entries.emplace(entry.name(), entry);
    // Two files with different attributes of one class need the rules of both.
    if (!fresh && place->second.SerializeAsString() != entry.SerializeAsString()) {
      Object(outcome, finding.name(),
             "another file needs other rules for its attributes; write the entry by hand", out);
    }
  }
}

// Sets that the entries forbid, once each.
std::vector<const v1::AttributeSet*> SetsOf(const PolicyBook& book,
                                            const std::vector<const v1::Entry*>& entries) {
  std::vector<const v1::AttributeSet*> sets;
  for (const v1::AttributeSet& set : book.answer().attribute_sets()) {
    const bool used = std::any_of(entries.begin(), entries.end(), [&set](const v1::Entry* entry) {
      return std::find(entry->forbidden().begin(), entry->forbidden().end(), set.name()) !=
             entry->forbidden().end();
    });
    if (used) sets.push_back(&set);
  }
  return sets;
}

std::string ExactEntries(const Suggestion& suggestion, const PolicyBook& book) {
  std::vector<const v1::Entry*> entries;
  for (const auto& [trust, names] : suggestion.used) {
    for (const std::string& name : names) {
      if (const v1::Entry* entry = book.Find(name); entry != nullptr) entries.push_back(entry);
    }
  }
  v1::Policy sets;
  for (const v1::AttributeSet* set : SetsOf(book, entries)) *sets.add_attribute_sets() = *set;
  std::string text;
  google::protobuf::TextFormat::PrintToString(sets, &text);
  for (const v1::Entry* entry : entries) absl::StrAppend(&text, EntryText(*entry));
  return text;
}

}  // namespace

std::string WhyNotSuggested(const v1::Finding& finding, const Grounds& grounds, v1::Entry* entry) {
  if (finding.rule_id() != "NAME_NOT_LISTED") {
    return absl::StrCat("no policy can allow it: ", Printable(finding.message(), kMaxMessage),
                        "  [", Printable(finding.rule_id(), 64), "]");
  }
  const std::string package(PackageOf(finding.name()));
  if (IsPythonsOwn(package)) {
    return absl::StrCat("a name of Python's own module ", Printable(package, 64),
                        ", of which policies list what is harmless and nothing else");
  }
  if (grounds.reviewed.contains(package)) {
    return absl::StrCat("the policies speak of the package ", Printable(package, 64),
                        " and leave this name out on purpose: it can run code, or is not reviewed");
  }
  if (finding.allow().empty()) {
    return absl::StrCat("no line of a policy suffices: ",
                        Printable(finding.message(), kMaxMessage));
  }
  if (!ReadLine(finding, entry)) return "the line that a policy lacks cannot be read";
  if (entry->trust() == v1::TRUST_FACTORY) {
    return "the file calls it, and what is called runs code";
  }
  if (entry->trust() == v1::TRUST_NAME) {
    return "a function or class that stands as a value, which whoever uses the model calls: it can "
           "run code";
  }
  if (entry->trust() != v1::TRUST_NEW_DICT || !entry->schema().empty()) {
    return absl::StrCat("it needs ", v1::Trust_Name(entry->trust()), ", which is never suggested");
  }
  if (!grounds.own.contains(package)) {
    return absl::StrCat("nobody has classified the package ", Printable(package, 64),
                        ": loading imports it and calls methods of its classes. If it is yours and "
                        "harmless with attributes that a stranger chose, say --own ",
                        Printable(package, 64));
  }
  entry->set_why(absl::StrCat("a class of ", package, ", for which the user answers"));
  return "";
}

Suggestion Suggest(const std::vector<Outcome>& outcomes, const PolicyBook& book,
                   const Grounds& grounds) {
  Suggestion suggestion;
  suggestion.base = book.policy();
  for (const Outcome& outcome : outcomes) {
    suggestion.files.push_back(Printable(outcome.name));
    if (outcome.Decision() == ExitCode::kUndecided) {
      Object(outcome, "", "it could not be decided", &suggestion);
      continue;
    }
    for (const v1::GlobalUse& use : outcome.answer->report().globals()) {
      if (use.trust() == v1::TRUST_UNSPECIFIED) continue;
      suggestion.used[use.trust()].insert(absl::StrCat(use.module(), ".", use.name()));
    }
    if (outcome.Decision() == ExitCode::kRefused) Weigh(outcome, grounds, &suggestion);
  }
  return suggestion;
}

std::string PolicyText(const Suggestion& suggestion, const PolicyBook& book,
                       const std::string& name, bool exact) {
  std::string text = absl::StrCat("# Accepts ", absl::StrJoin(suggestion.files, ", "), "\n");
  for (const auto& [trust, names] : suggestion.used) {
    absl::StrAppend(&text, "# ", TrustMeaning(trust), ":\n");
    for (const std::string& used : names) {
      absl::StrAppend(&text, "#   ", Printable(used, kMaxName), "\n");
    }
  }
  if (!suggestion.entries.empty()) {
    absl::StrAppend(
        &text, "# new, ", TrustMeaning(v1::TRUST_NEW_DICT),
        ".\n# To be reviewed: what its methods do with attributes that a stranger chose:\n");
    for (const auto& [added, entry] : suggestion.entries) {
      absl::StrAppend(&text, "#   ", Printable(added, kMaxName), "\n");
    }
  }
  absl::StrAppend(&text, "name: ", Quoted(name), "\n");
  if (exact) {
    absl::StrAppend(&text, "description: \"What these files use and nothing else.\"\n",
                    ExactEntries(suggestion, book));
  } else {
    absl::StrAppend(&text, "description: \"", Printable(suggestion.base, 64),
                    " and what these files need.\"\nextends: ", Quoted(suggestion.base), "\n");
  }
  for (const auto& [entry_name, entry] : suggestion.entries) {
    absl::StrAppend(&text, EntryText(entry));
  }
  return text;
}

std::string WholePolicyText(const PolicyBook& book) {
  v1::Policy policy;
  policy.set_name(book.policy());
  *policy.mutable_attribute_sets() = book.answer().attribute_sets();
  *policy.mutable_entries() = book.answer().entries();
  std::string text;
  google::protobuf::TextFormat::PrintToString(policy, &text);
  return text;
}

}  // namespace loadlock::cli
