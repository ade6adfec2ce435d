#include "client/cpp/handover.h"

#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "client/cpp/address.h"

namespace loadlock::client {
namespace {

// Status byte, size of the artifact, size of the decoded data.
constexpr size_t kAnswerBytes = 1 + 2 * sizeof(uint64_t);
constexpr size_t kMaxDescriptors = 2;

uint64_t ReadLe64(const uint8_t* bytes) {
  uint64_t value = 0;
  for (size_t i = sizeof(value); i > 0; --i) value = value << 8 | bytes[i - 1];
  return value;
}

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

absl::StatusOr<HandedFiles> FetchFilesFrom(int socket, absl::string_view token,
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
  // One byte more, to tell a longer packet.
  uint8_t packet[kAnswerBytes + 1] = {};
  iovec data{packet, sizeof(packet)};
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
  if (static_cast<size_t>(got) != kAnswerBytes ||
      (message.msg_flags & (MSG_CTRUNC | MSG_TRUNC)) != 0) {
    return absl::DataLossError("the daemon's hand-over has another form than it should");
  }
  if (packet[0] != 0) return absl::NotFoundError("the daemon knows no such lease of this caller");
  HandedFiles files;
  files.artifact_size = ReadLe64(packet + 1);
  files.decoded_size = ReadLe64(packet + 1 + sizeof(uint64_t));
  if (descriptors.size() != (files.decoded_size > 0 ? 2u : 1u)) {
    return absl::DataLossError("the daemon handed over the wrong number of descriptors");
  }
  ucred daemon = {};
  socklen_t length = sizeof(daemon);
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &daemon, &length) != 0) {
    return absl::ErrnoToStatus(errno, "SO_PEERCRED");
  }
  files.owner = daemon.uid;
  files.artifact = std::move(descriptors[0]);
  if (descriptors.size() == 2) files.decoded = std::move(descriptors[1]);
  return files;
}

absl::StatusOr<HandedFiles> FetchFiles(const std::string& socket_path, absl::string_view token,
                                       absl::Duration timeout) {
  absl::StatusOr<Fd> socket = ConnectUnix(socket_path, SOCK_SEQPACKET);
  if (!socket.ok()) return socket.status();
  return FetchFilesFrom(socket->get(), token, timeout);
}

}  // namespace loadlock::client
