#include "client/cli/patience.h"

#include <string>

#include "client/cpp/errors.h"

namespace loadlock::cli {

bool IsBusy(const absl::Status& status) {
  if (!absl::IsResourceExhausted(status)) return false;
  const std::string limit = client::ErrorMetadata(status, "limit");
  return limit == "max_queued_requests" || limit == "max_total_bytes" ||
         limit == "max_caller_percent";
}

}  // namespace loadlock::cli
