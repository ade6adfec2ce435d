#include "client/cli/untrusted.h"

#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/render.h"
#include "client/cli/text.h"

namespace loadlock::cli {
namespace {

// Module and attribute together; both are at most 512 bytes in a report.
constexpr size_t kMaxName = 4200;

// NAME_NOT_LISTED, NAME_NOT_HERE: about the name, not about what is done with it.
bool IsAboutName(const v1::Finding& finding) {
  return finding.severity() == v1::SEVERITY_ERROR && !finding.name().empty() &&
         absl::StartsWith(finding.rule_id(), "NAME_");
}

const v1::Finding* FirstOther(const v1::Report& report) {
  for (const v1::Finding& finding : report.findings()) {
    if (finding.severity() == v1::SEVERITY_ERROR && !IsAboutName(finding)) return &finding;
  }
  return nullptr;
}

}  // namespace

std::set<std::string> UntrustedNames(const v1::Report& report) {
  std::set<std::string> names;
  for (const v1::GlobalUse& use : report.globals()) {
    if (use.trust() != v1::TRUST_UNSPECIFIED) continue;
    names.insert(Printable(absl::StrCat(use.module(), ".", use.name()), kMaxName));
  }
  for (const v1::Finding& finding : report.findings()) {
    if (IsAboutName(finding)) names.insert(Printable(finding.name(), kMaxName));
  }
  return names;
}

std::string BesideNames(const Outcome& outcome) {
  if (outcome.Decision() == ExitCode::kAccepted) return "";
  if (outcome.Decision() == ExitCode::kUndecided) {
    return absl::StrCat(Printable(outcome.name),
                        ": could not be decided: ", ErrorText(outcome.answer.status()));
  }
  const v1::Report& report = outcome.answer->report();
  const v1::Finding* other = FirstOther(report);
  if (other == nullptr && !UntrustedNames(report).empty()) return "";
  std::string text = absl::StrCat(Printable(outcome.name), ": refused");
  if (other == nullptr) return text;
  return absl::StrCat(text, " for more than its names: ", Printable(other->message(), 400), "  [",
                      Printable(other->rule_id(), 64), "]");
}

std::string JsonUntrusted(const Outcome& outcome) {
  std::vector<std::string> names;
  std::string verdict = "VERDICT_UNSPECIFIED";
  if (outcome.answer.ok()) {
    verdict = v1::Verdict_Name(outcome.answer->report().verdict());
    for (const std::string& name : UntrustedNames(outcome.answer->report())) {
      names.push_back(JsonString(name));
    }
  }
  return absl::StrCat(R"({"path":)", JsonString(Printable(outcome.name)), R"(,"verdict":)",
                      JsonString(verdict), R"(,"untrusted":[)", absl::StrJoin(names, ","),
                      R"(],"error":)", JsonString(BesideNames(outcome)), "}\n");
}

}  // namespace loadlock::cli
