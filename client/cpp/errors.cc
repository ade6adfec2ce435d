#include "client/cpp/errors.h"

#include "absl/strings/cord.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace loadlock::client {
namespace {

constexpr absl::string_view kDomain = "loadlock";
// Details of one status; more than the daemon ever sends, few enough to stay small.
constexpr int kMaxDetails = 16;

template <typename Message>
std::optional<Message> Detail(const absl::Status& status) {
  const std::string url = "type.googleapis.com/" + Message::descriptor()->full_name();
  const absl::optional<absl::Cord> payload = status.GetPayload(url);
  Message message;
  if (!payload || !message.ParseFromString(std::string(*payload))) return std::nullopt;
  return message;
}

absl::StatusCode ToCode(int code) {
  if (code < 1 || code > static_cast<int>(absl::StatusCode::kUnauthenticated)) {
    return absl::StatusCode::kUnknown;
  }
  return static_cast<absl::StatusCode>(code);
}

}  // namespace

absl::Status StatusFromRpc(int code, absl::string_view message, absl::string_view details) {
  if (code == 0) return absl::OkStatus();
  absl::Status status(ToCode(code), message);
  google::rpc::Status rich;
  if (!rich.ParseFromArray(details.data(), static_cast<int>(details.size()))) return status;
  for (int i = 0; i < rich.details_size() && i < kMaxDetails; ++i) {
    status.SetPayload(rich.details(i).type_url(), absl::Cord(rich.details(i).value()));
  }
  return status;
}

std::string ErrorReason(const absl::Status& status) {
  const auto info = Detail<google::rpc::ErrorInfo>(status);
  return info && info->domain() == kDomain ? info->reason() : std::string();
}

std::string ErrorMetadata(const absl::Status& status, const std::string& key) {
  const auto info = Detail<google::rpc::ErrorInfo>(status);
  if (!info || info->domain() != kDomain) return "";
  const auto entry = info->metadata().find(key);
  return entry == info->metadata().end() ? std::string() : entry->second;
}

std::optional<v1::Report> RefusedReport(const absl::Status& status) {
  if (!absl::IsFailedPrecondition(status)) return std::nullopt;
  auto report = Detail<v1::Report>(status);
  if (!report || report->verdict() != v1::VERDICT_REFUSED) return std::nullopt;
  return report;
}

}  // namespace loadlock::client
