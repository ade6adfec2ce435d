#include "server/rpc/audit_record.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "server/observe/text.h"
#include "server/store/sha256.h"

namespace loadlock::rpc {
namespace {

// So that a line is a few kilobytes at most, whatever path and artifact are.
constexpr size_t kMaxText = 128;
constexpr size_t kMaxReasons = 32;
// Enough to tell leases apart, and nothing that could be used as one.
constexpr size_t kLeaseDigits = 16;

class Line {
 public:
  void Text(absl::string_view key, absl::string_view value) {
    Escaped(key, observe::Printable(value, kMaxText));
  }
  // What was made printable before.
  void Escaped(absl::string_view key, absl::string_view value) {
    Key(key);
    observe::AppendJsonString(value, &text_);
  }
  template <typename Int>
  void Number(absl::string_view key, Int value) {
    Key(key);
    absl::StrAppend(&text_, value);
  }
  void Truth(absl::string_view key, bool value) {
    Key(key);
    absl::StrAppend(&text_, value ? "true" : "false");
  }
  void Texts(absl::string_view key, const std::vector<std::string>& values) {
    Key(key);
    text_ += '[';
    for (size_t i = 0; i < values.size(); ++i) {
      if (i > 0) text_ += ',';
      observe::AppendJsonString(observe::Printable(values[i], kMaxText), &text_);
    }
    text_ += ']';
  }
  void Begin(absl::string_view key) {
    Key(key);
    text_ += '{';
  }
  void End() { text_ += '}'; }
  std::string Finish() && {
    text_ += '}';
    return std::move(text_);
  }

 private:
  void Key(absl::string_view key) {
    if (text_.back() != '{') text_ += ',';
    absl::StrAppend(&text_, "\"", key, "\":");
  }

  std::string text_ = "{";
};

void AddPrincipal(const Caller& caller, Line* line) {
  line->Begin("principal");
  if (caller.uid) {
    line->Number("uid", *caller.uid);
    line->Number("gid", caller.gid);
    // Of another process namespace there is none.
    if (caller.pid > 0) line->Number("pid", caller.pid);
  } else {
    line->Text("peer", caller.connection);
  }
  line->End();
}

// The rules that refuse, each once, in the order they were found.
std::vector<std::string> Reasons(const v1::Report& report) {
  std::vector<std::string> reasons;
  for (const v1::Finding& finding : report.findings()) {
    if (finding.severity() != v1::SEVERITY_ERROR || reasons.size() == kMaxReasons) continue;
    if (std::find(reasons.begin(), reasons.end(), finding.rule_id()) == reasons.end()) {
      reasons.push_back(finding.rule_id());
    }
  }
  return reasons;
}

std::string NameOfLease(absl::string_view token) {
  store::Sha256 hash;
  hash.Update(
      absl::Span<const uint8_t>(reinterpret_cast<const uint8_t*>(token.data()), token.size()));
  const absl::StatusOr<std::string> digest = hash.FinishHex();
  return digest.ok() ? digest->substr(0, kLeaseDigits) : "unknown";
}

absl::string_view TierLetter(v1::Tier tier) {
  switch (tier) {
    case v1::TIER_A:
      return "A";
    case v1::TIER_B:
      return "B";
    case v1::TIER_C:
      return "C";
    default:
      return "";
  }
}

}  // namespace

std::string FormatAuditRecord(const AuditRecord& record) {
  const v1::Report& report = *record.report;
  Line line;
  line.Text("time", absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", record.time, absl::UTCTimeZone()));
  AddPrincipal(*record.caller, &line);
  line.Text("rpc", record.method);
  line.Text("request_id", report.request_id());
  if (record.trace != nullptr && !record.trace->trace_id.empty()) {
    line.Text("trace_id", record.trace->trace_id);
    line.Text("parent_id", record.trace->parent_id);
  }
  line.Escaped("path", report.path());
  line.Text("sha256", report.sha256());
  line.Number("size", report.size());
  line.Text("format", report.format());
  line.Text("policy", report.policy());
  line.Text("policy_digest", report.policy_digest());
  line.Text("verdict", report.verdict() == v1::VERDICT_ACCEPTED ? "accepted" : "refused");
  line.Texts("reasons", Reasons(report));
  line.Text("tier", TierLetter(report.tier()));
  line.Truth("cached", report.cached());
  if (!record.token.empty()) line.Text("lease", NameOfLease(record.token));
  return std::move(line).Finish();
}

}  // namespace loadlock::rpc
