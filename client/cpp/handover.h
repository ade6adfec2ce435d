// The second socket of the daemon: a lease's token for sealed descriptors. The form of the
// exchange stands in proto/loadlock/v1/service.proto, Lease.fd_socket.
#ifndef LOADLOCK_CLIENT_CPP_HANDOVER_H_
#define LOADLOCK_CLIENT_CPP_HANDOVER_H_

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/cpp/fd.h"

namespace loadlock::client {

// What the daemon handed over, not yet checked for its seals or its owner.
struct HandedFiles {
  Fd artifact;
  uint64_t artifact_size = 0;
  // Not valid if nothing had to be decoded.
  Fd decoded;
  uint64_t decoded_size = 0;
  // Who handed them over: a file of the daemon's store must be his.
  uid_t owner = static_cast<uid_t>(-1);
};

// Errors: those of ConnectUnix; NOT_FOUND if the daemon knows no such lease of this caller;
// DEADLINE_EXCEEDED; DATA_LOSS if the answer has another form.
absl::StatusOr<HandedFiles> FetchFiles(const std::string& socket_path, absl::string_view token,
                                       absl::Duration timeout);

// The same over a connected SOCK_SEQPACKET socket.
absl::StatusOr<HandedFiles> FetchFilesFrom(int socket, absl::string_view token,
                                           absl::Duration timeout);

}  // namespace loadlock::client

#endif  // LOADLOCK_CLIENT_CPP_HANDOVER_H_
