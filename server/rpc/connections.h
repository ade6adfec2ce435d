// Connections over the unix socket: who is at the other end, and when it has gone.
//
// gRPC tells neither, so the daemon accepts itself, asks the kernel (SO_PEERCRED), and gives the
// descriptor to gRPC. It keeps a duplicate to see the end of the connection.
#ifndef LOADLOCK_SERVER_RPC_CONNECTIONS_H_
#define LOADLOCK_SERVER_RPC_CONNECTIONS_H_

#include <sys/socket.h>

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "server/admission/shared_budget.h"
#include "server/rpc/event_loop.h"
#include "server/rpc/leases.h"
#include "server/rpc/sockets.h"

namespace loadlock::rpc {

// Maps gRPC's name of a peer to the caller. Thread safe.
class CallerTable {
 public:
  void Add(int fd, Caller caller);
  // Only if `fd` still stands for this connection: the number may be in use again.
  void Remove(int fd, const std::string& connection);
  // For "fd:N" the connection that was given to gRPC under N; for TCP a caller without uid;
  // nullopt if the connection has ended.
  std::optional<Caller> Resolve(const std::string& peer) const;

 private:
  mutable std::mutex mutex_;
  absl::flat_hash_map<int, Caller> callers_;
};

// Who is at the other end of a connected unix socket.
std::optional<ucred> PeerOf(int fd);
std::optional<uid_t> PeerUid(int fd);

// Accepts on the listener in the event loop. A connection beyond the limit, or beyond its user's
// share, is closed at once.
class Connections {
 public:
  // `adopt` gives a connected, non-blocking descriptor to gRPC, which closes it. All arguments
  // must outlive this.
  Connections(EventLoop* loop, CallerTable* callers, LeaseTable* leases, uint32_t caller_percent,
              std::function<void(int fd, uid_t uid)> adopt);
  ~Connections();
  Connections(const Connections&) = delete;
  Connections& operator=(const Connections&) = delete;

  absl::Status Serve(const UnixListener& listener);

 private:
  void Accept(int listener);
  void Adopt(channel::UniqueFd connection, const ucred& peer);
  void End(int watched);

  struct Open {
    channel::UniqueFd duplicate;
    int grpc_fd = -1;
    uid_t uid = 0;
    std::string name;
  };

  EventLoop* const loop_;
  CallerTable* const callers_;
  LeaseTable* const leases_;
  const std::function<void(int fd, uid_t uid)> adopt_;
  uint64_t count_ = 0;
  int listener_ = -1;
  absl::flat_hash_map<int, Open> open_;  // By the duplicate's number.
  admission::SharedBudget places_;
};

}  // namespace loadlock::rpc

#endif  // LOADLOCK_SERVER_RPC_CONNECTIONS_H_
