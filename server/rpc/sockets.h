// The daemon's unix sockets: folder, lock, modes, and their end.
#ifndef LOADLOCK_SERVER_RPC_SOCKETS_H_
#define LOADLOCK_SERVER_RPC_SOCKETS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sandbox/channel/unique_fd.h"

namespace loadlock::rpc {

// Makes the folder of a socket (mode 0750) if it is missing; parents must exist but for the last
// two levels. A folder that is the daemon's own loses the permissions beyond 0750; shared ones
// (sticky, or another user's) are left alone.
absl::Status PrepareFolder(const std::string& socket_path);

// Held while a daemon serves `<socket>.lock`, so that a second one cannot take its socket over. The
// kernel drops it when the process dies; the file is removed at a clean end.
class SocketLock {
 public:
  // FAILED_PRECONDITION: another daemon serves there.
  static absl::StatusOr<SocketLock> Take(const std::string& socket_path);
  SocketLock(SocketLock&& other) noexcept = default;
  SocketLock& operator=(SocketLock&&) = delete;
  ~SocketLock();

 private:
  SocketLock(std::string path, channel::UniqueFd fd);

  std::string path_;
  channel::UniqueFd fd_;
};

// A bound unix socket, non-blocking. One of our own has mode 0660, does not listen yet, and is
// unlinked by the destructor.
class UnixListener {
 public:
  // `type` is SOCK_STREAM or SOCK_SEQPACKET. Replaces a socket that a dead daemon left, nothing
  // else. Call only while holding the SocketLock, and before threads exist (it sets the umask).
  static absl::StatusOr<UnixListener> Bind(const std::string& path, int type);
  // Takes over a socket that somebody else has bound to `path`; its file and mode stay his.
  static absl::StatusOr<UnixListener> Adopt(const std::string& path, int type,
                                            channel::UniqueFd fd);
  UnixListener(UnixListener&& other) noexcept = default;
  UnixListener& operator=(UnixListener&&) = delete;
  ~UnixListener();

  absl::Status Listen() const;
  int fd() const { return fd_.get(); }

 private:
  UnixListener(std::string path, channel::UniqueFd fd, bool own);

  std::string path_;
  channel::UniqueFd fd_;
  bool own_;
};

}  // namespace loadlock::rpc

#endif  // LOADLOCK_SERVER_RPC_SOCKETS_H_
