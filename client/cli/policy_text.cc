#include "client/cli/policy_text.h"

#include <google/protobuf/text_format.h>
#include <google/protobuf/util/message_differencer.h>

#include <map>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "client/cli/render.h"

namespace loadlock::cli {
namespace {

constexpr size_t kMaxName = 1000;
constexpr size_t kMaxLine = 2000;

std::string OneLine(const google::protobuf::Message& message) {
  google::protobuf::TextFormat::Printer printer;
  printer.SetSingleLineMode(true);
  std::string text;
  printer.PrintToString(message, &text);
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}

// "coef_: kinds: VALUE_KIND_ARRAY required: true  (why)".
std::string RuleLine(const v1::StateRule& rule, const Style& style) {
  v1::StateRule rest = rule;
  rest.clear_key();
  rest.clear_why();
  std::string line = absl::StrCat("    ", Printable(rule.key(), kMaxName), ": ",
                                  Printable(OneLine(rest), kMaxLine));
  if (!rule.why().empty()) {
    absl::StrAppend(&line, style.Faint(absl::StrCat("  # ", Printable(rule.why(), kMaxLine))));
  }
  return absl::StrCat(line, "\n");
}

template <typename List>
std::string Joined(const List& list) {
  return absl::StrJoin(list, ", ", [](std::string* out, const std::string& part) {
    out->append(Printable(part, kMaxName));
  });
}

// With those of the sets that it names.
std::vector<std::string> Places(const PolicyBook& book, const v1::Entry& entry) {
  std::vector<std::string> places;
  for (const std::string& at : entry.at()) {
    if (!absl::StartsWith(at, "$")) places.push_back(at);
  }
  for (const v1::AttributeSet& set : book.answer().attribute_sets()) {
    if (absl::c_linear_search(entry.at(), absl::StrCat("$", set.name()))) {
      places.insert(places.end(), set.keys().begin(), set.keys().end());
    }
  }
  return places;
}

std::string JsonList(const std::vector<std::string>& list) {
  const auto quoted = [](std::string* out, const std::string& part) {
    out->append(JsonString(part));
  };
  return absl::StrCat("[", absl::StrJoin(list, ",", quoted), "]");
}

std::vector<std::string> Differences(const v1::Entry& first, const v1::Entry& second) {
  google::protobuf::util::MessageDifferencer differencer;
  std::string report;
  differencer.ReportDifferencesToString(&report);
  differencer.Compare(first, second);
  std::vector<std::string> lines;
  for (const absl::string_view line : absl::StrSplit(report, '\n', absl::SkipEmpty())) {
    lines.push_back(Printable(line, kMaxLine));
  }
  return lines;
}

std::map<std::string, std::string> SetsOf(const PolicyBook& book) {
  std::map<std::string, std::string> sets;
  for (const v1::AttributeSet& set : book.answer().attribute_sets()) {
    sets.emplace(set.name(), set.SerializeAsString());
  }
  return sets;
}

std::vector<std::string> DifferentSets(const PolicyBook& first, const PolicyBook& second) {
  std::vector<std::string> different;
  const auto one = SetsOf(first);
  const auto other = SetsOf(second);
  for (const auto& [name, keys] : one) {
    const auto found = other.find(name);
    if (found == other.end() || found->second != keys) different.push_back(name);
  }
  for (const auto& [name, keys] : other) {
    if (!one.contains(name)) different.push_back(name);
  }
  return different;
}

}  // namespace

std::string RenderEntry(const PolicyBook& book, const v1::Entry& entry, const Style& style) {
  std::string out = absl::StrCat(style.Strong(Printable(entry.name(), kMaxName)), "\n");
  const auto line = [&out](absl::string_view what, absl::string_view text) {
    if (!text.empty()) absl::StrAppend(&out, "  ", what, ": ", text, "\n");
  };
  line("policy", absl::StrCat(Printable(book.policy(), kMaxName), ", ", book.Lines(entry.name())));
  line("trust", absl::StrCat(v1::Trust_Name(entry.trust()), ", ", TrustMeaning(entry.trust())));
  line("why", Printable(entry.why(), kMaxLine));
  line("schema", Printable(entry.schema(), kMaxName));
  line("invariants, proven before anything is handed over", Joined(entry.invariants()));
  line("may stand at", Joined(Places(book, entry)));
  std::vector<std::string> sets;
  for (const v1::AttributeSet& set : book.answer().attribute_sets()) {
    for (const std::string& forbidden : entry.forbidden()) {
      if (forbidden != set.name()) continue;
      sets.push_back(absl::StrCat(Printable(forbidden, kMaxName), " (",
                                  Count(static_cast<uint64_t>(set.keys_size()), "name"), ")"));
    }
  }
  line("its state may not hold attributes of the class", absl::StrJoin(sets, ", "));
  if (entry.state_size() > 0) absl::StrAppend(&out, "  attributes:\n");
  for (const v1::StateRule& rule : entry.state()) absl::StrAppend(&out, RuleLine(rule, style));
  return out;
}

PolicyDiff Compare(const PolicyBook& first, const PolicyBook& second) {
  PolicyDiff diff;
  for (const v1::Entry& entry : first.answer().entries()) {
    const v1::Entry* other = second.Find(entry.name());
    if (other == nullptr) {
      diff.removed.push_back(Printable(entry.name(), kMaxName));
    } else if (std::vector<std::string> lines = Differences(entry, *other); !lines.empty()) {
      diff.changed.push_back({Printable(entry.name(), kMaxName), std::move(lines)});
    }
  }
  for (const v1::Entry& entry : second.answer().entries()) {
    if (first.Find(entry.name()) == nullptr)
      diff.added.push_back(Printable(entry.name(), kMaxName));
  }
  for (const std::string& set : DifferentSets(first, second)) {
    diff.sets.push_back(Printable(set, kMaxName));
  }
  return diff;
}

std::string RenderDiff(const PolicyDiff& diff, const PolicyBook& first, const PolicyBook& second,
                       const Style& style) {
  std::string out;
  const auto listed = [&](absl::string_view sign, const PolicyBook& book, const std::string& name) {
    const v1::Entry* entry = book.Find(name);
    return absl::StrCat(
        sign, " ", name, "  ",
        style.Faint(absl::StrCat(entry == nullptr ? "" : v1::Trust_Name(entry->trust()), ", ",
                                 book.Lines(name))),
        "\n");
  };
  for (const std::string& name : diff.removed) absl::StrAppend(&out, listed("-", first, name));
  for (const std::string& name : diff.added) absl::StrAppend(&out, listed("+", second, name));
  for (const PolicyDiff::Change& change : diff.changed) {
    absl::StrAppend(&out, listed("~", second, change.name));
    for (const std::string& line : change.lines) absl::StrAppend(&out, "    ", line, "\n");
  }
  for (const std::string& set : diff.sets) {
    absl::StrAppend(&out, "~ attribute set ", set, "\n");
  }
  absl::StrAppend(&out, Printable(first.policy(), kMaxName), " -> ",
                  Printable(second.policy(), kMaxName), ": ", diff.removed.size(), " removed, ",
                  diff.added.size(), " added, ", diff.changed.size(), " changed\n");
  return out;
}

std::string JsonDiff(const PolicyDiff& diff, const PolicyBook& first, const PolicyBook& second) {
  std::vector<std::string> changed;
  for (const PolicyDiff::Change& change : diff.changed) {
    changed.push_back(absl::StrCat(R"({"name":)", JsonString(change.name), R"(,"differences":)",
                                   JsonList(change.lines), "}"));
  }
  return absl::StrCat(R"({"first":)", JsonString(Printable(first.policy())), R"(,"second":)",
                      JsonString(Printable(second.policy())), R"(,"removed":)",
                      JsonList(diff.removed), R"(,"added":)", JsonList(diff.added),
                      R"(,"changed":[)", absl::StrJoin(changed, ","), R"(],"sets":)",
                      JsonList(diff.sets), "}\n");
}

}  // namespace loadlock::cli
