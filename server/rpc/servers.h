// One gRPC server a user.
//
// gRPC holds what comes before a handler is called (messages of which a part has come) and what
// nobody reads, of any number of calls. What one user can have it hold is bounded by a quota of his
// own: beyond it gRPC ends calls and closes idle connections, and they are his.
#ifndef LOADLOCK_SERVER_RPC_SERVERS_H_
#define LOADLOCK_SERVER_RPC_SERVERS_H_

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/config/settings.h"
#include "server/rpc/rpc_metrics.h"

namespace loadlock::rpc {

// Requests hold a path, or content of at most 3 MiB, or an upload's chunk of 1 MiB.
inline constexpr int kMaxReceiveBytes = 4 << 20;

// Not thread safe: for the thread of the event loop.
class Servers {
 public:
  // `service` answers for all servers and must outlive them, as `metrics` must, if there are any.
  // `user_bytes` is the quota of each.
  Servers(grpc::Service* service, uint64_t user_bytes, RpcMetrics* metrics)
      : service_(service), user_bytes_(user_bytes), metrics_(metrics) {}

  // Makes the server for callers over TCP ("": none listens), who are one user. It also takes the
  // connections of users for whom there is no server of their own. UNAVAILABLE if it cannot listen.
  absl::Status Start(const std::string& tcp);
  // Makes the server for probes, where nothing answers but health. UNAVAILABLE if it cannot listen.
  absl::Status StartHealth(const config::TcpAddress& address);
  // Gives a connected, non-blocking descriptor to the server of `uid`, which closes it.
  void Adopt(int fd, uid_t uid);
  // What the health service answers, for "" and for our service.
  void SetHealth(bool serving);
  // Ends all calls; those that go on after `grace` are cancelled.
  void Shutdown(absl::Duration grace);

 private:
  // Null if it cannot be had. *port: where it listens.
  std::unique_ptr<grpc::Server> Make(const std::string& tcp, int* port) const;
  void Restrict(grpc::ServerBuilder& builder) const;
  void Announce(grpc::Server& server) const;
  grpc::Server& ServerOf(uid_t uid);

  grpc::Service* const service_;
  const uint64_t user_bytes_;
  RpcMetrics* const metrics_;
  bool serving_ = false;
  std::unique_ptr<grpc::Server> health_;  // Null: no probes.
  std::unique_ptr<grpc::Server> shared_;
  std::unordered_map<uid_t, std::unique_ptr<grpc::Server>> users_;
};

}  // namespace loadlock::rpc

#endif  // LOADLOCK_SERVER_RPC_SERVERS_H_
