// One file through the daemon.
#ifndef LOADLOCK_CLIENT_CLI_AUDITOR_H_
#define LOADLOCK_CLIENT_CLI_AUDITOR_H_

#include <functional>

#include "absl/status/statusor.h"
#include "client/cli/options.h"
#include "client/cli/outcome.h"
#include "client/cli/walk.h"

namespace loadlock::cli {

class Auditor {
 public:
  // Calls AuditModel. Must be thread safe.
  using Call = std::function<absl::StatusOr<v1::AuditModelResponse>(const v1::AuditModelRequest&)>;

  // `remote`: the daemon cannot read paths of this host, so that content is sent.
  Auditor(Call call, bool remote, const Options& options);

  // Thread safe. Sends the path; or the content, if the daemon is remote or may not open
  // the path (it lies under none of its roots) and the content fits into a message.
  Outcome Audit(const Item& item) const;

 private:
  absl::StatusOr<v1::AuditModelResponse> AuditItem(const Item& item) const;
  absl::StatusOr<v1::AuditModelResponse> CallPatiently(const v1::AuditModelRequest& request) const;

  Call call_;
  bool remote_;
  v1::AuditModelRequest base_;
};

}  // namespace loadlock::cli

#endif  // LOADLOCK_CLIENT_CLI_AUDITOR_H_
