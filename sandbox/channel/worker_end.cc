#include "sandbox/channel/worker_end.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

#include "absl/strings/str_cat.h"
#include "sandbox/faults/fault_point.h"

namespace loadlock::channel {
namespace {

constexpr size_t kJobFds = 2;
// Room for one descriptor more than a job has, so that a surplus is seen and not cut off.
constexpr size_t kControlBytes = CMSG_SPACE((kJobFds + 1) * sizeof(int));
// Its alignment may leave room for more than was asked for, and the kernel uses it.
constexpr size_t kMaxFds = (kControlBytes - CMSG_LEN(0)) / sizeof(int);

// What a packet of an answer consists of.
constexpr size_t kMaxParts = 4;

void PutLittle32(size_t value, char* to) {
  for (unsigned i = 0; i < 4; ++i) to[i] = static_cast<char>(value >> (8 * i));
}

// Takes every descriptor out of the message, so that none leaks on an error.
size_t TakeFds(msghdr* header, std::array<UniqueFd, kMaxFds>* fds) {
  size_t count = 0;
  for (cmsghdr* part = CMSG_FIRSTHDR(header); part != nullptr; part = CMSG_NXTHDR(header, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const size_t here = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < here && count < fds->size(); ++i) {
      int fd = -1;
      memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof(int));
      (*fds)[count++].Reset(fd);
    }
  }
  return count;
}

}  // namespace

absl::StatusOr<ReceivedJob> ReceiveJob(int fd) {
  // Not zeroed: that would touch sixteen pages, and a job needs one.
  const auto buffer = std::make_unique_for_overwrite<std::array<char, kMaxPacket>>();
  alignas(cmsghdr) std::array<char, kControlBytes> control = {};
  iovec part = {buffer->data(), buffer->size()};
  msghdr header = {};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  ssize_t size;
  do {
    size = recvmsg(fd, &header, MSG_CMSG_CLOEXEC);
  } while (size < 0 && errno == EINTR);
  if (size == 0) return absl::CancelledError("the daemon closed the channel");
  if (size < 0) return absl::InternalError(absl::StrCat("recvmsg: ", strerror(errno)));
  std::array<UniqueFd, kMaxFds> fds;
  const size_t count = TakeFds(&header, &fds);
  // At the limit of open files the kernel drops descriptors and says MSG_CTRUNC.
  if ((header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 || count != kJobFds) {
    return absl::InternalError("the job does not have exactly two file descriptors");
  }
  if ((*buffer)[0] != static_cast<char>(FrameType::kJob)) {
    return absl::InternalError("the first frame is not a job");
  }
  return ReceivedJob{std::string(buffer->data() + 1, static_cast<size_t>(size) - 1),
                     std::move(fds[0]), std::move(fds[1])};
}

void AwaitClose(int fd) {
  char byte;
  iovec part = {&byte, 1};
  msghdr header = {};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  while (recvmsg(fd, &header, 0) < 0 && errno == EINTR) {
  }
}

absl::Status FrameWriter::Packet(FrameType type, absl::Span<const std::string_view> payload) {
  char byte = static_cast<char>(type);
  std::array<iovec, 1 + kMaxParts> parts = {{{&byte, 1}}};
  size_t size = 1;
  int count = 1;
  for (const std::string_view part : payload) {
    if (part.empty()) continue;
    parts.at(static_cast<size_t>(count++)) = {const_cast<char*>(part.data()), part.size()};
    size += part.size();
  }
  ssize_t sent;
  do {
    sent = writev(fd_, parts.data(), count);
  } while (sent < 0 && errno == EINTR);
  if (sent != static_cast<ssize_t>(size)) {
    return absl::UnavailableError(absl::StrCat("cannot send a frame: ", strerror(errno)));
  }
  return absl::OkStatus();
}

absl::Status FrameWriter::Write(FrameType type, std::string_view bytes) {
  while (!bytes.empty()) {
    const size_t size = std::min(bytes.size(), kMaxPayload);
    const std::string_view payload = bytes.substr(0, size);
    if (absl::Status status = Packet(type, {payload}); !status.ok()) return status;
    bytes.remove_prefix(size);
  }
  return absl::OkStatus();
}

absl::Status FrameWriter::Ready(uint8_t layers) {
  const char byte = static_cast<char>(layers);
  return Packet(FrameType::kReady, {std::string_view(&byte, 1)});
}

absl::Status FrameWriter::End() {
  absl::Status status = Packet(FrameType::kEnd, {});
  ended_ = status.ok();
  return status;
}

absl::Status FrameWriter::Answer(std::string_view graph, std::string_view provenance,
                                 std::string_view result) {
  if (graph.size() + provenance.size() + result.size() <= kMaxAnswer) {
    std::array<char, kAnswerHeader> header;
    PutLittle32(graph.size(), &header[0]);
    PutLittle32(provenance.size(), &header[4]);
    absl::Status status =
        Packet(FrameType::kAnswer,
               {std::string_view(header.data(), header.size()), graph, provenance, result});
    ended_ = status.ok();
    return status;
  }
  absl::Status status = Write(FrameType::kGraph, graph);
  faults::FaultPoint(faults::Stage::kAnswerMiddle);
  if (status.ok()) status = Write(FrameType::kProvenance, provenance);
  if (status.ok()) status = Write(FrameType::kResult, result);
  return status.ok() ? End() : status;
}

}  // namespace loadlock::channel
