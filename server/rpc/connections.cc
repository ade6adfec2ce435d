#include "server/rpc/connections.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace loadlock::rpc {
namespace {

// Two descriptors each; keeps callers from taking all descriptors of the daemon.
constexpr size_t kMaxConnections = 512;
constexpr absl::Duration kNoDescriptors = absl::Milliseconds(10);

}  // namespace

void CallerTable::Add(int fd, Caller caller) {
  const std::lock_guard lock(mutex_);
  callers_[fd] = std::move(caller);
}

void CallerTable::Remove(int fd, const std::string& connection) {
  const std::lock_guard lock(mutex_);
  const auto found = callers_.find(fd);
  if (found != callers_.end() && found->second.connection == connection) callers_.erase(found);
}

std::optional<Caller> CallerTable::Resolve(const std::string& peer) const {
  absl::string_view number = peer;
  if (absl::StartsWith(peer, "ipv4:") || absl::StartsWith(peer, "ipv6:")) {
    return Caller{.connection = peer, .uid = std::nullopt};
  }
  // gRPC has other names too, for a call that has ended: whose it was is not known any more.
  if (!absl::ConsumePrefix(&number, "fd:")) return std::nullopt;
  int fd = -1;
  if (!absl::SimpleAtoi(number, &fd)) return std::nullopt;
  const std::lock_guard lock(mutex_);
  const auto found = callers_.find(fd);
  if (found == callers_.end()) return std::nullopt;
  return found->second;
}

std::optional<ucred> PeerOf(int fd) {
  ucred credentials = {};
  socklen_t size = sizeof(credentials);
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return std::nullopt;
  return credentials;
}

std::optional<uid_t> PeerUid(int fd) {
  const std::optional<ucred> peer = PeerOf(fd);
  if (!peer) return std::nullopt;
  return peer->uid;
}

Connections::Connections(EventLoop* loop, CallerTable* callers, LeaseTable* leases,
                         uint32_t caller_percent, std::function<void(int fd, uid_t uid)> adopt)
    : loop_(loop),
      callers_(callers),
      leases_(leases),
      adopt_(std::move(adopt)),
      places_(kMaxConnections, caller_percent) {}

Connections::~Connections() {
  if (listener_ >= 0) loop_->Unwatch(listener_);
  while (!open_.empty()) End(open_.begin()->first);
}

absl::Status Connections::Serve(const UnixListener& listener) {
  if (absl::Status status = listener.Listen(); !status.ok()) return status;
  listener_ = listener.fd();
  return loop_->Watch(listener_, EPOLLIN, [this](uint32_t) { Accept(listener_); });
}

void Connections::Accept(int listener) {
  channel::UniqueFd connection(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!connection.valid()) {
    // Without descriptors the listener stays readable; do not spin until there are some.
    if (errno == EMFILE || errno == ENFILE || errno == ENOMEM) absl::SleepFor(kNoDescriptors);
    return;
  }
  const std::optional<ucred> peer = PeerOf(connection.get());
  if (!peer || places_.Check(peer->uid, 1) != admission::SharedBudget::Answer::kGranted) return;
  Adopt(std::move(connection), *peer);
}

void Connections::Adopt(channel::UniqueFd connection, const ucred& peer) {
  Open open;
  open.duplicate.Reset(fcntl(connection.get(), F_DUPFD_CLOEXEC, 3));
  if (!open.duplicate.valid()) return;
  open.grpc_fd = connection.get();
  open.uid = peer.uid;
  open.name = absl::StrCat("unix:", ++count_);
  const int watched = open.duplicate.get();
  const absl::Status status =
      loop_->Watch(watched, EPOLLRDHUP, [this, watched](uint32_t) { End(watched); });
  if (!status.ok()) return;
  leases_->OpenConnection(open.name);
  callers_->Add(open.grpc_fd,
                Caller{.connection = open.name, .uid = peer.uid, .gid = peer.gid, .pid = peer.pid});
  open_[watched] = std::move(open);
  places_.Take(peer.uid, 1);
  adopt_(connection.Release(), peer.uid);
}

void Connections::End(int watched) {
  loop_->Unwatch(watched);
  const auto found = open_.find(watched);
  if (found == open_.end()) return;
  callers_->Remove(found->second.grpc_fd, found->second.name);
  leases_->EndConnection(found->second.name);
  places_.GiveBack(found->second.uid, 1);
  open_.erase(found);
}

}  // namespace loadlock::rpc
