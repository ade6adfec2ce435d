// absl::Status with details to grpc::Status, and the status of a refused load.
#ifndef LOADLOCK_SERVER_RPC_GRPC_STATUS_H_
#define LOADLOCK_SERVER_RPC_GRPC_STATUS_H_

#include <grpcpp/support/status.h>

#include <cstddef>

#include "absl/status/status.h"
#include "loadlock/v1/report.pb.h"

namespace loadlock::rpc {

// gRPC clients accept 8 KiB of metadata by default, and the details travel in base64 (4/3) beside
// the message and the other trailers.
inline constexpr size_t kMaxDetailBytes = 5120;
inline constexpr size_t kMaxStatusMessage = 512;

// Payloads become google.rpc.Status details, ErrorInfo first. An OK status stays OK.
grpc::Status ToGrpc(const absl::Status& status);

// FAILED_PRECONDITION with ErrorInfo REFUSED and the Report. What does not fit kMaxDetailBytes is
// cut: names of the artifact first, then the last findings; an INFO finding REPORT_CUT and
// ErrorInfo.metadata["report_cut"] = "true" say so.
absl::Status RefusedStatus(const v1::Report& report);

}  // namespace loadlock::rpc

#endif  // LOADLOCK_SERVER_RPC_GRPC_STATUS_H_
