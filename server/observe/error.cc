#include "server/observe/error.h"

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "google/rpc/error_details.pb.h"
#include "server/observe/text.h"

namespace loadlock::observe {
namespace {

std::string TypeUrl(const google::protobuf::Message& detail) {
  return absl::StrCat("type.googleapis.com/", detail.GetDescriptor()->full_name());
}

}  // namespace

void AddDetail(absl::Status& status, const google::protobuf::Message& detail) {
  status.SetPayload(TypeUrl(detail), absl::Cord(detail.SerializeAsString()));
}

absl::Status Error(absl::StatusCode code, absl::string_view reason, absl::string_view message,
                   const std::vector<std::pair<std::string, std::string>>& metadata) {
  absl::Status status(code, Printable(message, kMaxMessage));
  google::rpc::ErrorInfo info;
  info.set_reason(std::string(reason));
  info.set_domain(std::string(kErrorDomain));
  for (const auto& [key, value] : metadata) {
    (*info.mutable_metadata())[key] = Printable(value, kMaxMessage);
  }
  AddDetail(status, info);
  return status;
}

absl::Status BadField(absl::string_view field, absl::string_view what) {
  absl::Status status = Error(absl::StatusCode::kInvalidArgument, "INVALID_FIELD",
                              absl::StrCat(field, ": ", what), {{"field", std::string(field)}});
  google::rpc::BadRequest request;
  google::rpc::BadRequest::FieldViolation* violation = request.add_field_violations();
  violation->set_field(std::string(field));
  violation->set_description(Printable(what, kMaxMessage));
  AddDetail(status, request);
  return status;
}

absl::Status LimitReached(absl::string_view limit, uint64_t value, absl::string_view message) {
  return Error(absl::StatusCode::kResourceExhausted, "LIMIT_REACHED",
               absl::StrCat(limit, " (", value, "): ", message),
               {{"limit", std::string(limit)}, {"value", absl::StrCat(value)}});
}

std::string ReasonOf(const absl::Status& status) {
  google::rpc::ErrorInfo info;
  const absl::optional<absl::Cord> payload = status.GetPayload(TypeUrl(info));
  if (!payload || !info.ParseFromString(std::string(*payload))) return "";
  return info.reason();
}

}  // namespace loadlock::observe
