// The daemon that a command talks to: a running one, or a private one.
#ifndef LOADLOCK_CLIENT_CLI_SESSION_H_
#define LOADLOCK_CLIENT_CLI_SESSION_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cli/options.h"
#include "client/cpp/client.h"
#include "client/cpp/private_daemon.h"

namespace loadlock::cli {

class Session {
 public:
  // Connects; or starts a private daemon and returns before it serves, so that other work can
  // be done meanwhile. A daemon that was named (--address, LOADLOCK_ADDRESS) must answer: a
  // private one would vet by other rules than the ones asked for.
  static absl::StatusOr<Session> Open(const Options& options);

  // Waits for a private daemon to serve. Then client() may be used.
  absl::Status Connect();

  const client::Client& client() const { return *client_; }
  // Folder of the private daemon, empty if there is none.
  std::string private_directory() const { return daemon_ ? daemon_->directory() : ""; }

 private:
  Session() = default;
  // Declared in this order, so that the connection ends before the daemon does.
  std::optional<client::PrivateDaemon> daemon_;
  std::optional<client::Client> client_;
};

}  // namespace loadlock::cli

#endif  // LOADLOCK_CLIENT_CLI_SESSION_H_
