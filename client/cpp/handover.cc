#include "client/cpp/handover.h"

#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "client/cpp/address.h"

namespace loadlock::client {
namespace {

absl::Status SocketError(absl::string_view what) {
  if (errno == EAGAIN || errno == EWOULDBLOCK) {
    return absl::DeadlineExceededError("the daemon did not hand over the model in time");
  }
  return absl::ErrnoToStatus(errno, what);
}

// Takes ownership of whatever descriptors came, wanted or not.
std::vector<Fd> TakeDescriptors(msghdr* message) {
  std::vector<Fd> taken;
  for (cmsghdr* part = CMSG_FIRSTHDR(message); part != nullptr; part = CMSG_NXTHDR(message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof(int));
      taken.emplace_back(fd);
    }
  }
  return taken;
}

}  // namespace

absl::StatusOr<std::vector<Fd>> FetchDescriptorsFrom(int socket, absl::string_view token,
                                                     absl::Duration timeout) {
  const timeval limit = absl::ToTimeval(timeout);
  if (setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) != 0 ||
      setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) != 0) {
    return absl::ErrnoToStatus(errno, "setsockopt");
  }
  if (send(socket, token.data(), token.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(token.size())) {
    return SocketError("sending the token");
  }
  uint8_t count = 0;
  iovec data{&count, sizeof(count)};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMaxDescriptors)];
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  ssize_t got = -1;
  do {
    got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got < 0) return SocketError("receiving descriptors");
  std::vector<Fd> descriptors = TakeDescriptors(&message);
  if (got == 0 || (count == 0 && descriptors.empty())) {
    return absl::PermissionDeniedError("the daemon hands over nothing for this lease");
  }
  if ((message.msg_flags & (MSG_CTRUNC | MSG_TRUNC)) != 0 || descriptors.size() != count) {
    return absl::DataLossError("the daemon sent other descriptors than it announced");
  }
  return descriptors;
}

absl::StatusOr<std::vector<Fd>> FetchDescriptors(const std::string& socket_path,
                                                 absl::string_view token, absl::Duration timeout) {
  absl::StatusOr<Fd> socket = ConnectUnix(socket_path);
  if (!socket.ok()) return socket.status();
  return FetchDescriptorsFrom(socket->get(), token, timeout);
}

}  // namespace loadlock::client
