// Vetted models that wait to be fetched.
#ifndef LOADLOCK_SERVER_RPC_LEASES_H_
#define LOADLOCK_SERVER_RPC_LEASES_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "loadlock/v1/graph.pb.h"
#include "sandbox/clock/steady_time.h"
#include "server/admission/gate.h"
#include "server/store/artifact.h"

namespace loadlock::rpc {

// Who called: a connection, and over the unix socket a user.
struct Caller {
  // "unix:N" counts up and never repeats; over TCP gRPC's name of the peer.
  std::string connection;
  // Absent over TCP.
  std::optional<uid_t> uid;
  // For the audit log alone. As they were when it connected; pid 0 if it has none here.
  gid_t gid = 0;
  pid_t pid = 0;
};

// What a lease gives. Immutable; freed when the last user is done.
struct LeasedModel {
  std::shared_ptr<const v1::Graph> graph;
  store::SharedFd artifact;
  store::SharedFd decoded;  // Null if decoded_size is 0.
  uint64_t artifact_size = 0;
  uint64_t decoded_size = 0;
  uint64_t buffer_bytes = 0;
  admission::Reservation reservation;
};

struct NewLease {
  std::string token;
  // For the caller to read; what counts is the steady clock.
  absl::Time expires;
};

// Thread safe.
class LeaseTable {
 public:
  LeaseTable(uint32_t max_leases, uint32_t caller_percent)
      : max_leases_(max_leases), places_(max_leases, caller_percent) {}

  // Over the unix socket a lease lives at most as long as its connection, so connections are
  // announced before their first call, and ended.
  void OpenConnection(const std::string& connection);
  void EndConnection(const std::string& connection);

  // RESOURCE_EXHAUSTED if there are max_leases already, or the caller has its share of them.
  absl::Status CheckRoom(const Caller& caller) const;
  // As CheckRoom; CANCELLED if the caller's connection has ended.
  absl::StatusOr<NewLease> Add(const Caller& caller, std::shared_ptr<const LeasedModel> model,
                               absl::Duration lifetime);

  // NOT_FOUND for every reason why this caller may not use the token: unknown, expired, ended, or
  // another caller's.
  absl::StatusOr<std::shared_ptr<const LeasedModel>> Find(const std::string& token,
                                                          const Caller& caller) const;
  // For the descriptor socket, which is another connection of the same user.
  absl::StatusOr<std::shared_ptr<const LeasedModel>> FindForUser(const std::string& token,
                                                                 uid_t uid) const;
  absl::Status End(const std::string& token, const Caller& caller);

  // Frees what has expired.
  void Sweep();
  void Clear();
  uint32_t size() const;

 private:
  struct Entry {
    Caller caller;
    clock::SteadyTime expires;
    std::shared_ptr<const LeasedModel> model;
  };
  using Leases = absl::flat_hash_map<std::string, Entry>;
  const Entry* Lookup(const std::string& token) const;
  absl::Status Answer(const Caller& caller, admission::SharedBudget::Answer answer) const;
  // Takes a lease out of the table; what it held is to be freed outside of the lock.
  std::shared_ptr<const LeasedModel> Take(Leases::iterator lease);

  const uint32_t max_leases_;
  mutable std::mutex mutex_;
  Leases leases_;
  admission::SharedBudget places_;
  absl::flat_hash_set<std::string> connections_;
};

}  // namespace loadlock::rpc

#endif  // LOADLOCK_SERVER_RPC_LEASES_H_
