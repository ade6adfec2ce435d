// Serves the descriptor socket (fd_protocol.h) in the event loop.
#ifndef LOADLOCK_SERVER_RPC_FD_SERVER_H_
#define LOADLOCK_SERVER_RPC_FD_SERVER_H_

#include <cstdint>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "sandbox/clock/steady_time.h"
#include "server/admission/shared_budget.h"
#include "server/rpc/event_loop.h"
#include "server/rpc/leases.h"
#include "server/rpc/sockets.h"

namespace loadlock::rpc {

class FdServer {
 public:
  // Both must outlive this. A connection beyond its user's share of those that wait is closed.
  FdServer(EventLoop* loop, LeaseTable* leases, uint32_t caller_percent);
  ~FdServer();
  FdServer(const FdServer&) = delete;
  FdServer& operator=(const FdServer&) = delete;

  absl::Status Serve(const UnixListener& listener);
  // Closes connections that sent nothing for a while.
  void Sweep();

 private:
  struct Waiting {
    channel::UniqueFd fd;
    uid_t uid = 0;
    clock::SteadyTime since;
  };
  void Accept();
  void Answer(int fd);
  void End(absl::flat_hash_map<int, Waiting>::iterator waiting);

  EventLoop* const loop_;
  LeaseTable* const leases_;
  int listener_ = -1;
  absl::flat_hash_map<int, Waiting> waiting_;
  admission::SharedBudget places_;
};

}  // namespace loadlock::rpc

#endif  // LOADLOCK_SERVER_RPC_FD_SERVER_H_
