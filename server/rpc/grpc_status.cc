#include "server/rpc/grpc_status.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "server/observe/error.h"
#include "server/observe/text.h"

namespace loadlock::rpc {
namespace {

// Room for ErrorInfo, type names and the note of a cut beside the report.
constexpr size_t kReserved = 768;

// Cuts `report` to `limit` bytes. Returns false if nothing had to go.
bool CutReport(size_t limit, v1::Report* report) {
  if (report->ByteSizeLong() <= limit) return false;
  const int all_names = report->globals_size();
  const int all_findings = report->findings_size();
  while (report->globals_size() > 0 && report->ByteSizeLong() > limit) {
    // Halving, so that a report with many names does not take quadratic time.
    const int keep = report->globals_size() / 2;
    report->mutable_globals()->DeleteSubrange(keep, report->globals_size() - keep);
  }
  while (report->findings_size() > 1 && report->ByteSizeLong() > limit) {
    const int keep = report->findings_size() / 2;
    report->mutable_findings()->DeleteSubrange(keep, report->findings_size() - keep);
  }
  if (report->ByteSizeLong() > limit) {
    report->set_path(observe::Printable(report->path(), 512));
    report->set_tier_reason(observe::Printable(report->tier_reason(), 512));
  }
  v1::Finding* note = report->add_findings();
  note->set_rule_id("REPORT_CUT");
  note->set_severity(v1::SEVERITY_INFO);
  note->set_message(absl::StrCat("this report leaves out ", all_names - report->globals_size(),
                                 " names and ", all_findings + 1 - report->findings_size(),
                                 " findings; AuditModel answers all of them"));
  return true;
}

}  // namespace

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const std::string message =
      observe::Printable(absl::string_view(status.message()), kMaxStatusMessage);
  std::vector<std::pair<std::string, std::string>> payloads;
  status.ForEachPayload([&](absl::string_view type_url, const absl::Cord& payload) {
    payloads.emplace_back(std::string(type_url), std::string(payload));
  });
  std::stable_sort(payloads.begin(), payloads.end(), [](const auto& a, const auto& b) {
    return absl::EndsWith(a.first, ".ErrorInfo") > absl::EndsWith(b.first, ".ErrorInfo");
  });
  google::rpc::Status details;
  details.set_code(static_cast<int>(status.code()));
  details.set_message(message);
  for (auto& [type_url, payload] : payloads) {
    google::protobuf::Any* any = details.add_details();
    any->set_type_url(type_url);
    any->set_value(std::move(payload));
  }
  return {static_cast<grpc::StatusCode>(status.code()), message,
          payloads.empty() ? std::string() : details.SerializeAsString()};
}

absl::Status RefusedStatus(const v1::Report& report) {
  v1::Report shown = report;
  const bool cut = CutReport(kMaxDetailBytes - kReserved, &shown);
  const bool reason = report.findings_size() > 0;
  const std::string why = reason ? report.findings(0).message() : std::string("refused");
  absl::Status status =
      observe::Error(absl::StatusCode::kFailedPrecondition, "REFUSED",
                     observe::Printable(absl::StrCat("refused: ", why), kMaxStatusMessage),
                     {{"rule_id", reason ? report.findings(0).rule_id() : std::string()},
                      {"request_id", report.request_id()},
                      {"report_cut", cut ? "true" : "false"}});
  observe::AddDetail(status, shown);
  return status;
}

}  // namespace loadlock::rpc
