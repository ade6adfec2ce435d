// Sockets of every family, to somebody who listens.
#include <arpa/inet.h>
#include <linux/netlink.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include <cstddef>
#include <cstring>

#include "tests/escape/acts.h"

namespace loadlock::escape {
namespace {

sockaddr_in Loopback(int port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

long Connect(int family, int type, const void* address, size_t size) {
  const long fd = Call(SYS_socket, family, type, 0);
  return fd < 0 ? fd
                : Call(SYS_connect, fd, reinterpret_cast<long>(address), static_cast<long>(size));
}

long ConnectUnix(const std::string& path, bool abstract) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  const size_t skip = abstract ? 1 : 0;
  memcpy(address.sun_path + skip, path.data(), path.size());
  return Connect(AF_UNIX, SOCK_STREAM, &address,
                 offsetof(sockaddr_un, sun_path) + skip + path.size());
}

long ConnectInet(const Outside& outside) {
  const sockaddr_in address = Loopback(outside.tcp_port);
  return Connect(AF_INET, SOCK_STREAM, &address, sizeof(address));
}

long BindInet(const Outside&) {
  const sockaddr_in address = Loopback(0);
  const long fd = Call(SYS_socket, AF_INET, SOCK_STREAM, 0);
  return fd < 0 ? fd : Call(SYS_bind, fd, Address(&address), sizeof(address));
}

long SendUdp(const Outside& outside) {
  const sockaddr_in address = Loopback(outside.tcp_port);
  const long fd = Call(SYS_socket, AF_INET, SOCK_DGRAM, 0);
  return fd < 0 ? fd : Call(SYS_sendto, fd, Address("x"), 1, 0, Address(&address), sizeof(address));
}

long ConnectVsock(const Outside&) {
  sockaddr_vm address = {};
  address.svm_family = AF_VSOCK;
  address.svm_cid = VMADDR_CID_HOST;
  address.svm_port = 1;
  return Connect(AF_VSOCK, SOCK_STREAM, &address, sizeof(address));
}

// A descriptor through the channel, which would give the daemon something to hold.
long SendDescriptor(const Outside&) {
  char byte = 'V';
  iovec part = {&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr header = {};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof(control);
  cmsghdr* rights = CMSG_FIRSTHDR(&header);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof(int));
  const int fd = 5;
  memcpy(CMSG_DATA(rights), &fd, sizeof(fd));
  return Call(SYS_sendmsg, 3, Address(&header), 0);
}

constexpr Act kActs[] = {
    {"connect to a TCP port", "socket", ConnectInet},
    {"listen on a TCP port", "socket", BindInet},
    {"send a UDP packet", "socket", SendUdp},
    {"make an IPv6 socket", "socket",
     [](const Outside&) { return Call(SYS_socket, AF_INET6, SOCK_STREAM, 0); }},
    {"make a raw socket", "socket",
     [](const Outside&) { return Call(SYS_socket, AF_INET, SOCK_RAW, IPPROTO_ICMP); }},
    {"make a packet socket", "socket",
     [](const Outside&) { return Call(SYS_socket, AF_PACKET, SOCK_RAW, 0); }},
    {"make a netlink socket", "socket",
     [](const Outside&) { return Call(SYS_socket, AF_NETLINK, SOCK_RAW, NETLINK_ROUTE); }},
    {"make a socket to the kernel's ciphers", "socket",
     [](const Outside&) { return Call(SYS_socket, AF_ALG, SOCK_SEQPACKET, 0); }},
    {"connect to the hypervisor", "socket", ConnectVsock},
    {"connect to a unix socket by its path", "socket",
     [](const Outside& outside) { return ConnectUnix(outside.unix_socket, false); }},
    {"connect to an abstract unix socket", "socket",
     [](const Outside& outside) { return ConnectUnix(outside.abstract_socket, true); }},
    {"make a pair of sockets", "socketpair",
     [](const Outside&) {
       int fds[2];
       return Call(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, Address(fds));
     }},
    {"send a descriptor to the daemon", "sendmsg", SendDescriptor},
    {"half-close the channel", "shutdown",
     [](const Outside&) { return Call(SYS_shutdown, 3, SHUT_RD); }},
};

}  // namespace

absl::Span<const Act> NetworkActs() { return kActs; }

}  // namespace loadlock::escape
