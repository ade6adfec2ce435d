// Errors that callers see: an absl::Status that carries google.rpc details.
//
// server/rpc turns the payloads into the details of a gRPC status. Reasons are stable; messages are
// for people.
#ifndef LOADLOCK_SERVER_OBSERVE_ERROR_H_
#define LOADLOCK_SERVER_OBSERVE_ERROR_H_

#include <google/protobuf/message.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace loadlock::observe {

inline constexpr absl::string_view kErrorDomain = "loadlock";

// A status with an ErrorInfo. `reason` is UPPER_SNAKE, at most 63 characters.
absl::Status Error(absl::StatusCode code, absl::string_view reason, absl::string_view message,
                   const std::vector<std::pair<std::string, std::string>>& metadata = {});

// INVALID_ARGUMENT with ErrorInfo INVALID_FIELD and the BadRequest that names the field.
absl::Status BadField(absl::string_view field, absl::string_view what);

// RESOURCE_EXHAUSTED with ErrorInfo LIMIT_REACHED, which names the limit and its value.
absl::Status LimitReached(absl::string_view limit, uint64_t value, absl::string_view message);

// Attaches one more detail.
void AddDetail(absl::Status& status, const google::protobuf::Message& detail);

// The reason in the status's ErrorInfo; empty if it has none.
std::string ReasonOf(const absl::Status& status);

}  // namespace loadlock::observe

#endif  // LOADLOCK_SERVER_OBSERVE_ERROR_H_
