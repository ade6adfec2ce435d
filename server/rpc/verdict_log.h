// Writes verdicts to the audit log, and decides what becomes of an answer if that fails.
#ifndef LOADLOCK_SERVER_RPC_VERDICT_LOG_H_
#define LOADLOCK_SERVER_RPC_VERDICT_LOG_H_

#include <atomic>
#include <cstdint>

#include "absl/status/status.h"
#include "server/observe/audit_log.h"
#include "server/observe/log.h"
#include "server/observe/rate_limit.h"
#include "server/rpc/audit_record.h"

namespace loadlock::rpc {

// Thread safe.
class VerdictLog {
 public:
  // `audit` null: there is no audit log, and nothing is written. Both must outlive this.
  VerdictLog(observe::AuditLog* audit, bool answer_anyway, const observe::Log* log)
      : audit_(audit), answer_anyway_(answer_anyway), log_(log) {}

  // To be called before the answer leaves. RESOURCE_EXHAUSTED or INTERNAL with ErrorInfo
  // AUDIT_LOG_FAILED: the answer must not leave.
  absl::Status Write(const AuditRecord& record);

  // Verdicts that could not be written.
  uint64_t failures() const { return failures_.load(std::memory_order_relaxed); }

 private:
  observe::AuditLog* const audit_;
  const bool answer_anyway_;
  const observe::Log* const log_;
  observe::RateLimit complaints_{1};
  std::atomic<uint64_t> failures_{0};
};

}  // namespace loadlock::rpc

#endif  // LOADLOCK_SERVER_RPC_VERDICT_LOG_H_
