// What a service manager such as systemd hands over and is told: listening sockets, readiness.
#ifndef LOADLOCK_SERVER_RPC_SERVICE_MANAGER_H_
#define LOADLOCK_SERVER_RPC_SERVICE_MANAGER_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/rpc/sockets.h"

namespace loadlock::rpc {

// Listening sockets that were open when the daemon started (sd_listen_fds(3)). Callers may connect
// before it runs and while it is started anew.
class PassedSockets {
 public:
  // Takes $LISTEN_FDS descriptors from `first` on if $LISTEN_PID names this process, and removes
  // the variables. Call before threads exist. FAILED_PRECONDITION if they make no sense.
  static absl::StatusOr<PassedSockets> Take(int first = 3);

  // The one that listens at `path`, or else a new one, see UnixListener::Bind.
  absl::StatusOr<UnixListener> ListenerAt(const std::string& path, int type);

  // FAILED_PRECONDITION if one was passed that nobody asked for: the manager's unit and the
  // configuration disagree, and callers of that socket would wait for ever.
  absl::Status CheckAllTaken() const;

 private:
  std::vector<channel::UniqueFd> sockets_;
};

// Tells the manager `state` ("READY=1", see sd_notify(3)) by the socket in $NOTIFY_SOCKET; nothing
// where there is none.
absl::Status NotifyManager(absl::string_view state);

}  // namespace loadlock::rpc

#endif  // LOADLOCK_SERVER_RPC_SERVICE_MANAGER_H_
