// The files that a gate is asked to let through.
#ifndef LOADLOCK_CLIENT_CLI_GATE_SOURCE_H_
#define LOADLOCK_CLIENT_CLI_GATE_SOURCE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cpp/fd.h"

namespace loadlock::cli {

struct GateFile {
  // As a person knows it, below the source, and for the daemon.
  std::string name;
  std::string relative;
  std::string path;
  // Not OK: why it cannot be vetted (a link, a pipe, unreadable).
  absl::Status problem;
};

class GateSource {
 public:
  // A file or a folder: a path, or "file://" and an absolute one. Files whose relative path fits
  // one of the patterns (fnmatch(3)) are left out; nothing else is. Errors name the source.
  static absl::StatusOr<GateSource> Open(const std::string& source,
                                         const std::vector<std::string>& leave_out);

  const std::vector<GateFile>& files() const { return files_; }
  const std::vector<std::string>& left_out() const { return left_out_; }
  // The source's own folder, without links.
  const std::string& folder() const { return folder_; }

  // Which file stands at a path now: FAILED_PRECONDITION if that way goes over a link or leaves the
  // source. What the daemon opens by the path between two equal answers is that file, unless
  // somebody exchanges files of the source while it is vetted; then it is another vetted file.
  struct Identity {
    uint64_t device = 0;
    uint64_t inode = 0;
    bool operator==(const Identity&) const = default;
  };
  absl::StatusOr<Identity> Identify(const GateFile& file) const;

 private:
  std::string folder_;
  client::Fd root_;
  std::vector<GateFile> files_;
  std::vector<std::string> left_out_;
};

}  // namespace loadlock::cli

#endif  // LOADLOCK_CLIENT_CLI_GATE_SOURCE_H_
