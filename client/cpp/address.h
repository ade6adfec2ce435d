// Where a daemon listens: a unix socket or a TCP port of this host.
#ifndef LOADLOCK_CLIENT_CPP_ADDRESS_H_
#define LOADLOCK_CLIENT_CPP_ADDRESS_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/cpp/fd.h"

namespace loadlock::client {

// Where the installed daemon listens.
inline constexpr absl::string_view kDefaultSocket = "/run/loadlock/loadlock.sock";

struct Address {
  enum class Kind { kUnix, kTcp };
  Kind kind = Kind::kUnix;
  // kUnix: absolute path of the socket. kTcp: "host:port".
  std::string location;

  // As gRPC names it.
  std::string Target() const;
  // As a person names it; ParseAddress reads it.
  std::string ToString() const;
};

// Reads "/path", "unix:/path", "unix:///path" or "host:port".
//
// Only loopback hosts (127.0.0.0/8, [::1], localhost) are accepted: the connection is
// neither encrypted nor authenticated, so on a network anybody could answer "accepted".
// Errors: INVALID_ARGUMENT for anything else, abstract sockets included (they have no
// permissions).
absl::StatusOr<Address> ParseAddress(absl::string_view text);

// Connects to the unix socket at `path`, close-on-exec. `type` is SOCK_STREAM or SOCK_SEQPACKET.
// Errors: NOT_FOUND if nobody listens there, PERMISSION_DENIED, INVALID_ARGUMENT if the
// path is too long for a socket, UNAVAILABLE otherwise.
absl::StatusOr<Fd> ConnectUnix(const std::string& path, int type);

}  // namespace loadlock::client

#endif  // LOADLOCK_CLIENT_CPP_ADDRESS_H_
