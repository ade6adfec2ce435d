// A loadlockd of one's own, for as long as this object lives.
//
// It listens on a socket in a fresh directory that only this user can enter, and it holds
// the read end of a pipe whose write end is here: however this process ends, the daemon
// sees the end of that pipe and ends too.
#ifndef LOADLOCK_CLIENT_CPP_PRIVATE_DAEMON_H_
#define LOADLOCK_CLIENT_CPP_PRIVATE_DAEMON_H_

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/cpp/fd.h"

namespace loadlock::client {

struct PrivateDaemonOptions {
  // Path of loadlockd; empty: FindDaemon.
  std::string binary;
  // Folders under which it may open files.
  std::vector<std::string> roots = {"/"};
  // Where its directory is made; empty: in TMPDIR, or /tmp.
  std::string folder;
  // Further flags, e.g. {"--policy-dir", "/etc/policies"}.
  std::vector<std::string> arguments;
};

// Path of loadlockd: the environment variable LOADLOCKD if set (NOT_FOUND if it names no
// program), else beside this program, else in the absolute folders of PATH. Relative
// folders of PATH are left out: who audits a folder must not run what lies in it.
absl::StatusOr<std::string> FindDaemon();

class PrivateDaemon {
 public:
  // Starts it and returns at once; AwaitReady says when it serves. Its error log goes to
  // this process's standard error. It is its own process group, so that Ctrl-C reaches it
  // only through this process.
  static absl::StatusOr<PrivateDaemon> Start(const PrivateDaemonOptions& options = {});

  PrivateDaemon(PrivateDaemon&& other) noexcept;
  PrivateDaemon& operator=(PrivateDaemon&& other) noexcept;
  // Stop().
  ~PrivateDaemon();

  // Blocks until it serves. UNAVAILABLE, with how it ended, if it does not come up.
  absl::Status AwaitReady(absl::Duration timeout);

  const std::string& socket_path() const { return socket_path_; }
  const std::string& directory() const { return directory_; }
  pid_t pid() const { return pid_; }

  // Ends it, waits for its end (kills it after `grace`), and removes its directory.
  void Stop(absl::Duration grace = absl::Seconds(5));

 private:
  PrivateDaemon() = default;
  std::string DescribeEnd();

  std::string directory_;
  std::string socket_path_;
  Fd lifeline_;
  Fd ready_;
  pid_t pid_ = -1;
};

}  // namespace loadlock::client

#endif  // LOADLOCK_CLIENT_CPP_PRIVATE_DAEMON_H_
