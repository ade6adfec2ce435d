#include "server/rpc/verdict_log.h"

#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "sandbox/clock/steady_time.h"
#include "server/observe/error.h"

namespace loadlock::rpc {

absl::Status VerdictLog::Write(const AuditRecord& record) {
  if (audit_ == nullptr) return absl::OkStatus();
  const absl::Status written = audit_->Append(FormatAuditRecord(record));
  if (written.ok()) return written;
  failures_.fetch_add(1, std::memory_order_relaxed);
  // A full disk refuses all of a busy daemon's verdicts, and the log may lie on it too.
  const std::optional<uint64_t> dropped = complaints_.Pass(clock::SteadyTime::Now());
  if (dropped) {
    log_->Write(observe::Level::kError, "audit_log_failed",
                {{"request_id", record.report->request_id()},
                 {"answered", answer_anyway_},
                 {"more", *dropped},
                 {"message", std::string(written.message())}});
  }
  if (answer_anyway_) return absl::OkStatus();
  return observe::Error(
      written.code(), "AUDIT_LOG_FAILED",
      absl::StrCat("there is a verdict, but it cannot be written down, so it is not given: ",
                   written.message()));
}

}  // namespace loadlock::rpc
