// The audit log: a file of lines that are there before anybody acts on what they say.
//
// A line is one write(2), so what was appended outlives the process however it ends. The log of
// events (log.h) drops what it cannot write; this one says so, and leaves no half line behind.
#ifndef LOADLOCK_SERVER_OBSERVE_AUDIT_LOG_H_
#define LOADLOCK_SERVER_OBSERVE_AUDIT_LOG_H_

#include <sys/types.h>

#include <memory>
#include <mutex>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "sandbox/channel/unique_fd.h"

namespace loadlock::observe {

struct AuditOptions {
  std::string file;
  // fdatasync after each line.
  bool sync = false;
};

// Thread safe.
class AuditLog {
 public:
  // Creates the file 0600 or appends to it. PERMISSION_DENIED if it cannot be opened, is a symbolic
  // link, no regular file, or another user's.
  static absl::StatusOr<std::unique_ptr<AuditLog>> Open(const AuditOptions& options);

  // Appends `line` and a newline; `line` holds none. RESOURCE_EXHAUSTED (no room) or INTERNAL, with
  // what the system says, if not all of it is there: then none of it is, or its piece stands on a
  // line of its own.
  absl::Status Append(absl::string_view line);

  // Opens the file anew, for who has renamed it; errors as Open, and the old one is kept.
  absl::Status Reopen();

 private:
  struct File {
    channel::UniqueFd fd;
    // Its last line has no end: a piece of what an earlier process could not write.
    bool torn = false;
  };
  AuditLog(const AuditOptions& options, File file);
  static absl::StatusOr<File> OpenFile(const std::string& path);

  const AuditOptions options_;
  std::mutex mutex_;
  File file_;  // Guarded by mutex_.
};

}  // namespace loadlock::observe

#endif  // LOADLOCK_SERVER_OBSERVE_AUDIT_LOG_H_
