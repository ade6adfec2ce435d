// Targets of sockets: a pair of them, and packets with descriptors.
#ifndef LOADLOCK_TESTS_FUZZ_PACKETS_H_
#define LOADLOCK_TESTS_FUZZ_PACKETS_H_

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cstring>
#include <string_view>

#include "sandbox/channel/unique_fd.h"
#include "tests/fuzz/target.h"

namespace loadlock::fuzz {

struct SocketPair {
  channel::UniqueFd ours;
  channel::UniqueFd theirs;
};

inline SocketPair NewSocketPair() {
  std::array<int, 2> fds = {-1, -1};
  Require(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds.data()) == 0, "socketpair");
  return {channel::UniqueFd(fds[0]), channel::UniqueFd(fds[1])};
}

// The lowest number that is free: the same before and after, if nothing has leaked.
inline int NextDescriptor() {
  const channel::UniqueFd next(fcntl(0, F_DUPFD_CLOEXEC, 0));
  Require(next.valid(), "a free descriptor");
  return next.get();
}

inline constexpr size_t kMaxSentFds = 8;

// One packet with `fd_count` (at most kMaxSentFds) copies of the descriptor 0. False if the socket
// does not take it.
inline bool SendPacket(int socket, std::string_view bytes, size_t fd_count = 0) {
  iovec part = {const_cast<char*>(bytes.data()), bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMaxSentFds * sizeof(int))> control = {};
  msghdr header = {};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (fd_count > 0) {
    const std::array<int, kMaxSentFds> fds = {};
    header.msg_control = control.data();
    header.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
    std::memcpy(CMSG_DATA(rights), fds.data(), fd_count * sizeof(int));
  }
  return sendmsg(socket, &header, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0;
}

}  // namespace loadlock::fuzz

#endif  // LOADLOCK_TESTS_FUZZ_PACKETS_H_
