// What a failed call carries: a code, a message, and machine-readable details.
//
// Every absl::Status of this library that comes from the daemon holds the daemon's
// google.rpc details as payloads, keyed by type URL; these functions read them.
#ifndef LOADLOCK_CLIENT_CPP_ERRORS_H_
#define LOADLOCK_CLIENT_CPP_ERRORS_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "loadlock/v1/report.pb.h"

namespace loadlock::client {

// Builds a status from a gRPC status: its numeric code, its message and the bytes of
// grpc-status-details-bin (a google.rpc.Status; ignored if they do not parse, since the
// code alone decides). Unknown codes become UNKNOWN.
absl::Status StatusFromRpc(int code, absl::string_view message, absl::string_view details);

// The stable reason, UPPER_SNAKE, of the daemon's google.rpc.ErrorInfo; empty if the status
// carries none (it did not come from a daemon).
std::string ErrorReason(const absl::Status& status);

// One entry of the ErrorInfo's metadata, e.g. "limit"; empty if there is none.
std::string ErrorMetadata(const absl::Status& status, const std::string& key);

// The report of a refused load: present exactly if the status is FAILED_PRECONDITION and
// its details hold a Report whose verdict is REFUSED.
std::optional<v1::Report> RefusedReport(const absl::Status& status);

}  // namespace loadlock::client

#endif  // LOADLOCK_CLIENT_CPP_ERRORS_H_
