#include "server/rpc/fd_server.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "sandbox/clock/steady_time.h"
#include "sandbox/faults/fault_point.h"
#include "server/rpc/connections.h"
#include "server/rpc/fd_protocol.h"

namespace loadlock::rpc {
namespace {

// The exchange takes microseconds; this only bounds what silent clients hold.
constexpr size_t kMaxWaiting = 128;
constexpr absl::Duration kPatience = absl::Seconds(5);
constexpr size_t kMaxDescriptors = 2;
constexpr absl::Duration kNoDescriptors = absl::Milliseconds(10);

// Sends the answer and the descriptors in one packet. What a client that has gone misses is its
// own loss.
void Send(int fd, const HandOverAnswer& answer, const std::vector<int>& descriptors) {
  std::array<uint8_t, kAnswerBytes> packet = Encode(answer);
  iovec part = {packet.data(), packet.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMaxDescriptors * sizeof(int))> control{};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!descriptors.empty()) {
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(descriptors.size() * sizeof(int));
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(descriptors.size() * sizeof(int));
    std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size() * sizeof(int));
  }
  while (sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno == EINTR) {
  }
}

}  // namespace

FdServer::FdServer(EventLoop* loop, LeaseTable* leases, uint32_t caller_percent)
    : loop_(loop), leases_(leases), places_(kMaxWaiting, caller_percent) {}

FdServer::~FdServer() {
  if (listener_ >= 0) loop_->Unwatch(listener_);
  for (const auto& [fd, waiting] : waiting_) loop_->Unwatch(fd);
}

absl::Status FdServer::Serve(const UnixListener& listener) {
  if (absl::Status status = listener.Listen(); !status.ok()) return status;
  listener_ = listener.fd();
  return loop_->Watch(listener_, EPOLLIN, [this](uint32_t) { Accept(); });
}

void FdServer::Accept() {
  channel::UniqueFd connection(accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!connection.valid()) {
    // Without descriptors the listener stays readable; do not spin until there are some.
    if (errno == EMFILE || errno == ENFILE || errno == ENOMEM) absl::SleepFor(kNoDescriptors);
    return;
  }
  const std::optional<uid_t> uid = PeerUid(connection.get());
  if (!uid || places_.Check(*uid, 1) != admission::SharedBudget::Answer::kGranted) return;
  const int fd = connection.get();
  if (!loop_->Watch(fd, EPOLLIN | EPOLLRDHUP, [this, fd](uint32_t) { Answer(fd); }).ok()) return;
  places_.Take(*uid, 1);
  waiting_[fd] = Waiting{std::move(connection), *uid, clock::SteadyTime::Now()};
}

void FdServer::Answer(int fd) {
  // One byte more than a token, to see that there is no more. No room for descriptors: the kernel
  // drops those that a client sends.
  std::array<char, kTokenBytes + 1> packet{};
  const ssize_t got = recv(fd, packet.data(), packet.size(), MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  HandOverAnswer answer;
  std::vector<int> descriptors;
  std::shared_ptr<const LeasedModel> model;
  const auto waiting = waiting_.find(fd);
  if (waiting == waiting_.end()) return;
  if (got == static_cast<ssize_t>(kTokenBytes)) {
    auto found = leases_->FindForUser(std::string(packet.data(), kTokenBytes), waiting->second.uid);
    if (found.ok()) model = *std::move(found);
  }
  if (model != nullptr) {
    faults::FaultPoint(faults::Stage::kFdAsked);
    answer = {HandOverStatus::kOk, model->artifact_size, model->decoded_size};
    descriptors.push_back(model->artifact->get());
    if (model->decoded_size > 0) descriptors.push_back(model->decoded->get());
  }
  if (got > 0) Send(fd, answer, descriptors);
  if (model != nullptr) faults::FaultPoint(faults::Stage::kFdHanded);
  End(waiting);
}

void FdServer::End(absl::flat_hash_map<int, Waiting>::iterator waiting) {
  loop_->Unwatch(waiting->first);
  places_.GiveBack(waiting->second.uid, 1);
  waiting_.erase(waiting);
}

void FdServer::Sweep() {
  const clock::SteadyTime oldest = clock::SteadyTime::Now() - kPatience;
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    const auto current = it++;
    if (current->second.since > oldest) continue;
    End(current);
  }
}

}  // namespace loadlock::rpc
