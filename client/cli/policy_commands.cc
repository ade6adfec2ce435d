#include "client/cli/policy_commands.h"

#include <algorithm>
#include <optional>
#include <ostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "client/cli/policy_book.h"
#include "client/cli/policy_text.h"
#include "client/cli/render.h"
#include "client/cli/suggest.h"

namespace loadlock::cli {
namespace {

constexpr size_t kMaxName = 1000;
// Names that a short one may have meant.
constexpr size_t kNearby = 8;

ExitCode Fail(const absl::Status& status, std::ostream& err) {
  err << "loadlock: " << ErrorText(status) << "\n";
  return ExitCode::kUndecided;
}

// The policies to start from, smallest first; or the one that was asked for.
absl::StatusOr<std::vector<PolicyBook>> Books(const Options& options,
                                              const client::Client& client) {
  std::vector<PolicyBook> books;
  auto listed = client.Policies();
  if (!listed.ok()) return listed.status();
  for (const v1::PolicySummary& summary : listed->policies()) {
    auto book = PolicyBook::Fetch(client, summary.name());
    if (!book.ok()) return book.status();
    books.push_back(*std::move(book));
  }
  std::stable_sort(books.begin(), books.end(), [](const PolicyBook& a, const PolicyBook& b) {
    return a.answer().entries_size() < b.answer().entries_size();
  });
  const auto wanted = [&options](const PolicyBook& book) {
    return book.policy() == options.policy;
  };
  if (!options.policy.empty() && std::none_of(books.begin(), books.end(), wanted)) {
    return absl::NotFoundError(absl::StrCat("there is no policy ", options.policy));
  }
  return books;
}

Grounds GroundsOf(const Options& options, const std::vector<PolicyBook>& books) {
  Grounds grounds;
  for (const PolicyBook& book : books) {
    grounds.reviewed.insert(book.packages().begin(), book.packages().end());
  }
  grounds.own.insert(options.own.begin(), options.own.end());
  return grounds;
}

std::vector<Outcome> AuditAll(const Options& options, const std::string& policy,
                              const std::vector<Item>& items, const client::Client& client) {
  Options by = options;
  by.policy = policy;
  const Auditor auditor([&client](const auto& request) { return client.Audit(request); },
                        client.remote(), by);
  std::vector<Outcome> outcomes;
  outcomes.reserve(items.size());
  for (const Item& item : items) outcomes.push_back(auditor.Audit(item));
  return outcomes;
}

struct Choice {
  const PolicyBook* book = nullptr;
  std::vector<Outcome> outcomes;
  Suggestion suggestion;
};

// The smallest base without objections; of several that all have some, the one that users get when
// they name none, as its reasons say most.
Choice Choose(const Options& options, const std::vector<PolicyBook>& books,
              const std::vector<Item>& items, const client::Client& client) {
  const Grounds grounds = GroundsOf(options, books);
  const std::string fallback = options.policy.empty() ? "default" : options.policy;
  Choice worst;
  for (const PolicyBook& book : books) {
    if (!options.policy.empty() && book.policy() != options.policy) continue;
    std::vector<Outcome> outcomes = AuditAll(options, book.policy(), items, client);
    Suggestion suggestion = Suggest(outcomes, book, grounds);
    const bool good = suggestion.objections.empty();
    if (good || book.policy() == fallback || worst.book == nullptr) {
      worst = {&book, std::move(outcomes), std::move(suggestion)};
    }
    if (good) break;
  }
  return worst;
}

// What the trial of the new policy objects to.
void AddTrial(const std::vector<Outcome>& first, const std::vector<Outcome>& second,
              Suggestion* suggestion) {
  for (size_t i = 0; i < second.size(); ++i) {
    std::string why;
    if (second[i].Decision() == ExitCode::kUndecided) {
      why = "it could not be vetted by the new policy";
    } else if (second[i].answer->report().sha256() != first[i].answer->report().sha256()) {
      why = "it changed meanwhile";
    } else if (second[i].Decision() == ExitCode::kRefused) {
      why = "the new policy would still refuse it";
      for (const v1::Finding& finding : second[i].answer->report().findings()) {
        if (finding.severity() != v1::SEVERITY_ERROR) continue;
        absl::StrAppend(&why, ": ", Printable(finding.message(), 400));
        break;
      }
    }
    if (!why.empty()) suggestion->objections.push_back({Printable(second[i].name), "", why});
  }
}

// Comments, so that a file into which this was written is no policy by accident.
std::string RenderObjections(const std::vector<Objection>& objections) {
  std::string out = "# No policy is suggested.\n";
  for (const Objection& objection : objections) {
    absl::StrAppend(&out, "# ", objection.file, ": ", objection.name,
                    objection.name.empty() ? "" : ": ", objection.why, "\n");
  }
  return out;
}

std::string JsonSuggestion(const Suggestion& suggestion, const std::string& text) {
  std::vector<std::string> objections;
  for (const Objection& objection : suggestion.objections) {
    objections.push_back(absl::StrCat(R"({"path":)", JsonString(objection.file), R"(,"name":)",
                                      JsonString(objection.name), R"(,"why":)",
                                      JsonString(objection.why), "}"));
  }
  std::vector<std::string> risks;
  for (const auto& [trust, names] : suggestion.used) {
    std::vector<std::string> listed;
    for (const std::string& name : names) listed.push_back(JsonString(Printable(name, kMaxName)));
    risks.push_back(
        absl::StrCat(JsonString(v1::Trust_Name(trust)), ":[", absl::StrJoin(listed, ","), "]"));
  }
  std::vector<std::string> added;
  for (const auto& [name, entry] : suggestion.entries) {
    added.push_back(JsonString(Printable(name, kMaxName)));
  }
  return absl::StrCat(R"({"policy":)", text.empty() ? "null" : JsonString(text), R"(,"base":)",
                      JsonString(suggestion.base), R"(,"added":[)", absl::StrJoin(added, ","),
                      R"(],"used":{)", absl::StrJoin(risks, ","), R"(},"objections":[)",
                      absl::StrJoin(objections, ","), "]}\n");
}

}  // namespace

ExitCode RunSuggest(const Options& options, const std::vector<Item>& items,
                    const client::Client& client, const ScratchFolder& scratch,
                    const Terminal& terminal, std::ostream& err) {
  auto books = Books(options, client);
  if (!books.ok()) return Fail(books.status(), err);
  Choice choice = Choose(options, *books, items, client);
  for (const Outcome& outcome : choice.outcomes) {
    if (outcome.Decision() == ExitCode::kUndecided) return Fail(outcome.answer.status(), err);
  }
  std::string text;
  if (choice.suggestion.objections.empty()) {
    if (options.policy_name == choice.book->policy()) {
      return Fail(absl::InvalidArgumentError("--name: the base has this name"), err);
    }
    text = PolicyText(choice.suggestion, *choice.book, options.policy_name, options.exact);
    std::map<std::string, std::string> policies = {{options.policy_name, text}};
    // A daemon needs a policy of this name.
    auto standard = std::find_if(books->begin(), books->end(),
                                 [](const PolicyBook& book) { return book.policy() == "default"; });
    if (standard != books->end()) policies.emplace("default", WholePolicyText(*standard));
    policies.emplace(choice.book->policy(), WholePolicyText(*choice.book));
    Options by = options;
    by.policy = options.policy_name;
    auto trial = TryPolicies(scratch, policies, items, by);
    if (!trial.ok()) return Fail(trial.status(), err);
    AddTrial(choice.outcomes, *trial, &choice.suggestion);
  }
  const bool good = choice.suggestion.objections.empty();
  if (options.json) {
    *terminal.out << JsonSuggestion(choice.suggestion, good ? text : "");
  } else {
    *terminal.out << (good ? text : RenderObjections(choice.suggestion.objections));
  }
  return good ? ExitCode::kAccepted : ExitCode::kRefused;
}

ExitCode RunExplain(const Options& options, const client::Client& client, const Terminal& terminal,
                    std::ostream& err) {
  const std::string& name = options.names[0];
  auto book = PolicyBook::Fetch(client, options.policy);
  if (!book.ok()) return Fail(book.status(), err);
  const v1::Entry* entry = book->Find(name);
  if (options.json) {
    v1::ExplainPolicyResponse answer;
    answer.set_digest(book->digest());
    if (entry != nullptr) *answer.add_entries() = *entry;
    for (const v1::EntryOrigin& origin : book->answer().origins()) {
      if (origin.name() == name) *answer.add_origins() = origin;
    }
    *terminal.out << R"({"policy":)" << JsonString(Printable(book->policy())) << R"(,"name":)"
                  << JsonString(Printable(name, kMaxName)) << R"(,"listed":)"
                  << (entry != nullptr ? "true" : "false") << R"(,"explanation":)" << ToJson(answer)
                  << "}\n";
  } else if (entry != nullptr) {
    *terminal.out << RenderEntry(*book, *entry, terminal.style);
  } else {
    *terminal.out << Printable(name, kMaxName) << ": policy " << Printable(book->policy())
                  << " does not list it; a file that refers to it is refused\n";
    const absl::string_view last = absl::string_view(name).substr(name.rfind('.') + 1);
    for (const std::string& near : book->EndingWith(last, kNearby)) {
      *terminal.out << "  listed: " << Printable(near, kMaxName) << "\n";
    }
  }
  return entry != nullptr ? ExitCode::kAccepted : ExitCode::kRefused;
}

ExitCode RunDiff(const Options& options, const client::Client& client, const Terminal& terminal,
                 std::ostream& err) {
  auto first = PolicyBook::Fetch(client, options.names[0]);
  if (!first.ok()) return Fail(first.status(), err);
  auto second = PolicyBook::Fetch(client, options.names[1]);
  if (!second.ok()) return Fail(second.status(), err);
  const PolicyDiff diff = Compare(*first, *second);
  *terminal.out << (options.json ? JsonDiff(diff, *first, *second)
                                 : RenderDiff(diff, *first, *second, terminal.style));
  return diff.empty() ? ExitCode::kAccepted : ExitCode::kRefused;
}

}  // namespace loadlock::cli
