#include "client/cli/render.h"

#include <google/protobuf/util/json_util.h>
#include <google/protobuf/wrappers.pb.h>

#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "client/cpp/errors.h"

namespace loadlock::cli {
namespace {

// What fits a screen; --json has all of it.
constexpr int kMaxFindings = 10;
constexpr size_t kMaxName = 200;
constexpr size_t kMaxMessage = 400;

std::string TierName(v1::Tier tier) {
  return std::string(absl::StripPrefix(v1::Tier_Name(tier), "TIER_"));
}

std::string Where(const v1::Finding& finding) {
  std::vector<std::string> parts;
  if (!finding.member_path().empty()) {
    parts.push_back(absl::StrCat("member ", Printable(finding.member_path(), kMaxName)));
  }
  if (finding.has_byte_offset()) parts.push_back(absl::StrCat("byte ", finding.byte_offset()));
  if (!finding.opcode().empty()) parts.push_back(Printable(finding.opcode(), kMaxName));
  if (!finding.object_path().empty()) {
    parts.push_back(Printable(finding.object_path(), kMaxName));
  }
  return absl::StrJoin(parts, ", ");
}

void AppendFinding(const v1::Finding& finding, const Style& style, std::string* out) {
  const bool decides = finding.severity() == v1::SEVERITY_ERROR;
  const std::string message = Printable(finding.message(), kMaxMessage);
  absl::StrAppend(out, "  ", decides ? style.Strong(message) : absl::StrCat("note: ", message),
                  "  ", style.Faint(absl::StrCat("[", Printable(finding.rule_id(), kMaxName), "]")),
                  "\n");
  const std::string where = Where(finding);
  if (!where.empty()) absl::StrAppend(out, "    where: ", where, "\n");
  if (!finding.allow().empty()) {
    absl::StrAppend(out, "    the policy lacks: ", Printable(finding.allow(), kMaxMessage), "\n");
  }
}

// Those that decide first.
void AppendFindings(const v1::Report& report, const Style& style, std::string* out) {
  int shown = 0;
  for (const bool decisive : {true, false}) {
    for (const v1::Finding& finding : report.findings()) {
      if ((finding.severity() == v1::SEVERITY_ERROR) != decisive) continue;
      if (shown++ < kMaxFindings) AppendFinding(finding, style, out);
    }
  }
  if (shown > kMaxFindings) {
    absl::StrAppend(out, "  ... ", shown - kMaxFindings, " more (all with --json)\n");
  }
}

std::string Facts(const v1::Report& report) {
  std::vector<std::string> facts;
  facts.push_back(report.format().empty() ? "unknown format"
                                          : Printable(report.format(), kMaxName));
  facts.push_back(HumanBytes(report.size()));
  if (report.verdict() == v1::VERDICT_ACCEPTED) {
    facts.push_back(Count(static_cast<uint64_t>(report.globals_size()), "name"));
  }
  facts.push_back(absl::StrCat("policy ", Printable(report.policy(), kMaxName)));
  return absl::StrJoin(facts, ", ");
}

std::string LimitLine(absl::string_view name, const std::string& value) {
  return absl::StrCat("  ", name, ": ", value, "\n");
}

}  // namespace

std::string TrustName(v1::Trust trust) {
  switch (trust) {
    case v1::TRUST_NAME:
      return "may be named";
    case v1::TRUST_NEW_DICT:
    case v1::TRUST_NEW_SETSTATE:
      return "may be rebuilt";
    case v1::TRUST_FACTORY:
    case v1::TRUST_BY_NAME_AND_PARAMS:
      return "made natively";
    case v1::TRUST_REWRITTEN:
      return "rewritten";
    default:
      return "not listed";
  }
}

std::string ErrorText(const absl::Status& status) {
  std::string reason = client::ErrorReason(status);
  if (reason.empty()) reason = absl::StatusCodeToString(status.code());
  const std::string message(status.message());
  return absl::StrCat(Printable(message.empty() ? reason : message, kMaxMessage), "  [",
                      Printable(reason, kMaxName), "]");
}

std::string ToJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.always_print_primitive_fields = true;
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(message, &json, options);
  // Only a message that cannot be printed gets here; it must not look like a verdict.
  if (!status.ok()) return R"({"verdict":"VERDICT_UNSPECIFIED"})";
  return AsciiJson(json);
}

std::string JsonString(absl::string_view text) {
  google::protobuf::StringValue value;
  value.set_value(std::string(text));
  return ToJson(value);
}

std::string RenderOutcome(const Outcome& outcome, const Style& style) {
  std::string out = absl::StrCat(Printable(outcome.name), ": ");
  switch (outcome.Decision()) {
    case ExitCode::kAccepted:
      absl::StrAppend(&out, style.Good("accepted"));
      break;
    case ExitCode::kRefused:
      absl::StrAppend(&out, style.Bad("refused"));
      break;
    case ExitCode::kUndecided:
      absl::StrAppend(&out, style.Doubt("could not be decided"));
      break;
  }
  if (!outcome.answer.ok()) {
    return absl::StrCat(out, ": ", ErrorText(outcome.answer.status()), "\n");
  }
  const v1::Report& report = outcome.answer->report();
  absl::StrAppend(&out, "  ", style.Faint(Facts(report)), "\n");
  AppendFindings(report, style, &out);
  return out;
}

std::string RenderInfo(const v1::GetServerInfoResponse& info,
                       const v1::ListPoliciesResponse& policies, const Style& style) {
  std::string out = absl::StrCat(style.Strong("loadlockd "), Printable(info.version()), "\n");
  absl::StrAppend(&out, "  isolation: tier ", TierName(info.tier()));
  if (!info.tier_reason().empty()) absl::StrAppend(&out, " (", Printable(info.tier_reason()), ")");
  std::vector<std::string> formats;
  for (const std::string& format : info.formats()) formats.push_back(Printable(format, kMaxName));
  absl::StrAppend(&out, "\n", LimitLine("formats", absl::StrJoin(formats, ", ")));
  absl::StrAppend(&out,
                  LimitLine("requests", absl::StrCat(info.running_requests(), " running, at most ",
                                                     info.max_running_requests())));
  absl::StrAppend(&out, LimitLine("ready workers", absl::StrCat(info.ready_workers())));
  absl::StrAppend(&out, LimitLine("leases", absl::StrCat(info.leases())));
  absl::StrAppend(&out, "  a request may take: ", HumanBytes(info.max_artifact_bytes()),
                  " of file, ", HumanBytes(info.max_decoded_bytes()), " decoded, ",
                  HumanBytes(info.max_heap_bytes()), " of memory, ", info.max_nodes(), " nodes, ",
                  info.max_cpu_time().seconds(), " s of processor, ",
                  info.max_wall_time().seconds(), " s in all\n");
  if (info.max_store_bytes() > 0) {
    const std::string use =
        absl::StrCat(Count(info.store_files(), "file"), ", ", HumanBytes(info.store_bytes()),
                     " of ", HumanBytes(info.max_store_bytes()), "; ", info.cached_answers(),
                     " answers from earlier verdicts, ", info.new_answers(), " new");
    absl::StrAppend(&out, LimitLine("store", use));
  }
  absl::StrAppend(&out, "policies:\n");
  for (const v1::PolicySummary& policy : policies.policies()) {
    absl::StrAppend(&out, "  ", Printable(policy.name(), kMaxName), "  ",
                    Count(policy.entry_count(), "name"), "  ",
                    style.Faint(Printable(policy.description(), kMaxName)), "\n");
  }
  return out;
}

std::string JsonOutcome(const Outcome& outcome) {
  if (outcome.answer.ok()) return absl::StrCat(ToJson(outcome.answer->report()), "\n");
  const absl::Status& status = outcome.answer.status();
  return absl::StrCat(R"({"verdict":"VERDICT_UNSPECIFIED","findings":[],"path":)",
                      JsonString(Printable(outcome.name)), R"(,"error":{"code":)",
                      JsonString(absl::StatusCodeToString(status.code())), R"(,"reason":)",
                      JsonString(client::ErrorReason(status)), R"(,"message":)",
                      JsonString(Printable(status.message())), "}}\n");
}

std::string JsonInfo(const v1::GetServerInfoResponse& info,
                     const v1::ListPoliciesResponse& policies) {
  return absl::StrCat(R"({"server":)", ToJson(info), R"(,"policies":)", ToJson(policies), "}\n");
}

void Summary::Add(ExitCode decision) {
  switch (decision) {
    case ExitCode::kAccepted:
      ++accepted;
      break;
    case ExitCode::kRefused:
      ++refused;
      break;
    case ExitCode::kUndecided:
      ++undecided;
      break;
  }
}

ExitCode Summary::Decision() const {
  if (undecided > 0 || accepted + refused == 0) return ExitCode::kUndecided;
  return refused > 0 ? ExitCode::kRefused : ExitCode::kAccepted;
}

std::string Summary::Render(const Style& style) const {
  return style.Strong(absl::StrCat(accepted, " accepted, ", refused, " refused, ", undecided,
                                   " could not be decided")) +
         "\n";
}

}  // namespace loadlock::cli
