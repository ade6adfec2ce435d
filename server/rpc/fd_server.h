// Serves the descriptor socket (fd_protocol.h) in the event loop.
#ifndef LOADLOCK_SERVER_RPC_FD_SERVER_H_
#define LOADLOCK_SERVER_RPC_FD_SERVER_H_

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "sandbox/clock/steady_time.h"
#include "server/rpc/event_loop.h"
#include "server/rpc/leases.h"
#include "server/rpc/sockets.h"

namespace loadlock::rpc {

class FdServer {
 public:
  // Both must outlive this.
  FdServer(EventLoop* loop, LeaseTable* leases) : loop_(loop), leases_(leases) {}
  ~FdServer();
  FdServer(const FdServer&) = delete;
  FdServer& operator=(const FdServer&) = delete;

  absl::Status Serve(const UnixListener& listener);
  // Closes connections that sent nothing for a while.
  void Sweep();

 private:
  struct Waiting {
    channel::UniqueFd fd;
    clock::SteadyTime since;
  };
  void Accept();
  void Answer(int fd);

  EventLoop* const loop_;
  LeaseTable* const leases_;
  int listener_ = -1;
  absl::flat_hash_map<int, Waiting> waiting_;
};

}  // namespace loadlock::rpc

#endif  // LOADLOCK_SERVER_RPC_FD_SERVER_H_
