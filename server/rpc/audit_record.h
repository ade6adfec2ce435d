// What the audit log holds of one verdict.
#ifndef LOADLOCK_SERVER_RPC_AUDIT_RECORD_H_
#define LOADLOCK_SERVER_RPC_AUDIT_RECORD_H_

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "loadlock/v1/report.pb.h"
#include "server/observe/trace_context.h"
#include "server/rpc/leases.h"

namespace loadlock::rpc {

struct AuditRecord {
  absl::Time time;
  const Caller* caller = nullptr;  // Never null.
  absl::string_view method;        // "LoadModel".
  const observe::TraceContext* trace = nullptr;
  const v1::Report* report = nullptr;  // Never null.
  // Of the lease, if there is one; only its hash is written.
  absl::string_view token;
};

// One line of JSON, without its newline. Holds the path as the report has it, escaped and cut, and
// of the artifact its digest, size, format and the ids of the rules that it broke: no
// name, no message and no byte of it.
std::string FormatAuditRecord(const AuditRecord& record);

}  // namespace loadlock::rpc

#endif  // LOADLOCK_SERVER_RPC_AUDIT_RECORD_H_
