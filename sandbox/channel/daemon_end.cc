#include "sandbox/channel/daemon_end.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "sandbox/channel/frame.h"
#include "sandbox/clock/steady_time.h"

namespace loadlock::channel {
namespace {

using Kind = ReadOutcome::Kind;

// How long `cancelled` may go unasked: short against a person, long against a system call.
constexpr absl::Duration kCancelInterval = absl::Milliseconds(20);

ReadOutcome Outcome(Kind kind, std::string message = {}) {
  ReadOutcome outcome;
  outcome.kind = kind;
  outcome.message = std::move(message);
  return outcome;
}

uint32_t Little32(const uint8_t* bytes) {
  return uint32_t{bytes[0]} | uint32_t{bytes[1]} << 8 | uint32_t{bytes[2]} << 16 |
         uint32_t{bytes[3]} << 24;
}

// One byte more than a packet may have would not be needed: the kernel says MSG_TRUNC.
using PacketBuffer = std::array<uint8_t, kMaxPacket>;

struct Packet {
  ssize_t size = -1;  // as recvmsg
  int error = 0;
  bool truncated = false;
  bool control = false;
};

Packet Receive(int fd, PacketBuffer* buffer, int flags) {
  iovec part = {buffer->data(), buffer->size()};
  msghdr header = {};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  // No control buffer: the kernel closes descriptors that the worker attached and sets MSG_CTRUNC.
  Packet packet;
  do {
    packet.size = recvmsg(fd, &header, flags | MSG_CMSG_CLOEXEC);
  } while (packet.size < 0 && errno == EINTR);
  packet.error = packet.size < 0 ? errno : 0;
  packet.truncated = (header.msg_flags & MSG_TRUNC) != 0;
  packet.control = (header.msg_flags & MSG_CTRUNC) != 0;
  return packet;
}

bool Append(std::string_view bytes, uint64_t limit, std::string* out) {
  if (bytes.size() > limit || out->size() > limit - bytes.size()) return false;
  out->append(bytes);
  return true;
}

class Reader {
 public:
  Reader(int fd, const Limits& limits, WorkerOutput* output)
      : fd_(fd), limits_(limits), output_(output) {}

  // True if there is nothing more to read; then *outcome is set.
  bool Step(ReadOutcome* outcome) {
    const Packet packet = Receive(fd_, &buffer_, MSG_DONTWAIT);
    if (packet.size < 0) {
      if (packet.error == EAGAIN) return false;
      // A worker that died with unread data in its own buffer looks like this.
      *outcome = packet.error == ECONNRESET ? Outcome(Kind::kClosed)
                                            : Outcome(Kind::kError, strerror(packet.error));
      return true;
    }
    if (packet.size == 0) {
      *outcome = Outcome(Kind::kClosed);
      return true;
    }
    if (packet.control) {
      *outcome = Outcome(Kind::kProtocol, "the worker sent file descriptors");
      return true;
    }
    if (packet.truncated) {
      *outcome = Outcome(Kind::kProtocol, "a frame is longer than a packet may be");
      return true;
    }
    return Handle(static_cast<size_t>(packet.size), outcome);
  }

 private:
  bool Handle(size_t size, ReadOutcome* outcome) {
    const uint8_t* bytes = buffer_.data();
    const std::optional<FrameType> type = ParseFrameType(bytes[0]);
    if (!type.has_value()) {
      *outcome = Outcome(Kind::kProtocol, absl::StrCat("unknown frame type ", int{bytes[0]}));
      return true;
    }
    if (!order_.Accept(*type)) {
      *outcome = Outcome(Kind::kProtocol, absl::StrCat("frame '", std::string(1, char(bytes[0])),
                                                       "' is not allowed here"));
      return true;
    }
    const std::string_view payload(reinterpret_cast<const char*>(bytes) + 1, size - 1);
    switch (*type) {
      case FrameType::kGraph:
        return Chunk("graph", payload, limits_.max_graph_bytes, &output_->graph, outcome);
      case FrameType::kProvenance:
        return Chunk("provenance", payload, limits_.max_provenance_bytes, &output_->provenance,
                     outcome);
      case FrameType::kResult:
        return Chunk("result", payload, limits_.max_result_bytes, &output_->result, outcome);
      case FrameType::kViolation:
        *outcome = Outcome(Kind::kProtocol, "a violation frame has a wrong size");
        if (size == kViolationPacket) {
          outcome->kind = Kind::kViolation;
          outcome->message.clear();
          outcome->syscall_nr = Little32(bytes + 1);
          outcome->arch = Little32(bytes + 5);
        }
        return true;
      case FrameType::kEnd:
        *outcome = payload.empty() ? Outcome(Kind::kComplete)
                                   : Outcome(Kind::kProtocol, "the end frame is not empty");
        return true;
      case FrameType::kAnswer:
        *outcome = Answer(payload);
        return true;
      case FrameType::kJob:
      case FrameType::kFailed:
      case FrameType::kReady:
        break;  // The order has refused them already.
    }
    *outcome = Outcome(Kind::kProtocol, "frame is not allowed here");
    return true;
  }

  // An empty chunk is refused: an endless row of them would cost time and never reach a limit.
  static bool Chunk(const char* name, std::string_view payload, uint64_t limit, std::string* out,
                    ReadOutcome* outcome) {
    if (payload.empty()) {
      *outcome = Outcome(Kind::kProtocol, absl::StrCat("a ", name, " frame is empty"));
      return true;
    }
    if (Append(payload, limit, out)) return false;
    *outcome = Outcome(Kind::kTooMuch, absl::StrCat("more than ", limit, " bytes of ", name));
    return true;
  }

  ReadOutcome Answer(std::string_view payload) {
    const auto* bytes = reinterpret_cast<const uint8_t*>(payload.data());
    if (payload.size() < kAnswerHeader) {
      return Outcome(Kind::kProtocol, "an answer frame has no header");
    }
    const uint64_t graph = Little32(bytes);
    const uint64_t provenance = Little32(bytes + 4);
    payload.remove_prefix(kAnswerHeader);
    // 64-bit sums of 32-bit sizes do not overflow. The result is never empty.
    if (graph + provenance >= payload.size()) {
      return Outcome(Kind::kProtocol, "an answer frame is shorter than its parts");
    }
    if (graph == 0 && provenance > 0) {
      return Outcome(Kind::kProtocol, "an answer frame has provenance without a graph");
    }
    ReadOutcome over;
    if ((graph > 0 && Chunk("graph", payload.substr(0, graph), limits_.max_graph_bytes,
                            &output_->graph, &over)) ||
        (provenance > 0 && Chunk("provenance", payload.substr(graph, provenance),
                                 limits_.max_provenance_bytes, &output_->provenance, &over)) ||
        Chunk("result", payload.substr(graph + provenance), limits_.max_result_bytes,
              &output_->result, &over)) {
      return over;
    }
    return Outcome(Kind::kComplete);
  }

  const int fd_;
  const Limits limits_;
  WorkerOutput* const output_;
  // With its owner on the stack: to free that much has malloc sort its whole heap, each time.
  PacketBuffer buffer_;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled packet by packet
  FrameOrder order_ = FrameOrder::AfterReady();
};

// Rounds up, so that the last millisecond is slept and not spun.
int PollMilliseconds(absl::Duration wait) {
  return static_cast<int>(absl::ToInt64Milliseconds(absl::Ceil(wait, absl::Milliseconds(1))));
}

}  // namespace

ReadOutcome ReadWorkerOutput(int fd, const Limits& limits, clock::SteadyTime deadline,
                             const std::function<bool()>& cancelled, WorkerOutput* output) {
  clock::SteadyTime ask_again = clock::SteadyTime::Now() + kCancelInterval;
  Reader reader(fd, limits, output);
  ReadOutcome outcome;
  for (;;) {
    // Poll first: a worker that never stops sending must not keep the deadline from being seen.
    const clock::SteadyTime now = clock::SteadyTime::Now();
    if (now >= deadline) return Outcome(Kind::kDeadline);
    if (cancelled && now >= ask_again) {
      if (cancelled()) return Outcome(Kind::kCancelled);
      ask_again = now + kCancelInterval;
    }
    if (reader.Step(&outcome)) return outcome;
    pollfd ready = {fd, POLLIN, 0};
    const absl::Duration wait =
        cancelled ? std::min(kCancelInterval, deadline - now) : deadline - now;
    if (poll(&ready, 1, PollMilliseconds(std::min(wait, absl::Hours(1)))) < 0 && errno != EINTR) {
      return Outcome(Kind::kError, strerror(errno));
    }
  }
}

Greeting ReadGreeting(int fd) {
  PacketBuffer buffer;
  const Packet packet = Receive(fd, &buffer, MSG_DONTWAIT);
  Greeting greeting;
  if (packet.size < 0 && packet.error == EAGAIN) {
    greeting.kind = Greeting::Kind::kNotYet;
    return greeting;
  }
  if (packet.size <= 0) {
    greeting.message = packet.size == 0 ? "it closed the channel" : strerror(packet.error);
    return greeting;
  }
  const auto type = ParseFrameType(buffer[0]);
  if (packet.truncated || packet.control || !type.has_value() || !FrameOrder().Accept(*type)) {
    greeting.message = "its first frame is not a greeting";
    return greeting;
  }
  if (*type == FrameType::kReady && packet.size == 2) {
    greeting.kind = Greeting::Kind::kReady;
    greeting.layers = buffer[1];
    return greeting;
  }
  if (*type == FrameType::kFailed) {
    greeting.kind = Greeting::Kind::kFailed;
    greeting.message.assign(buffer.begin() + 1, buffer.begin() + packet.size);
    return greeting;
  }
  greeting.message = "its greeting has a wrong size";
  return greeting;
}

absl::Status SendJob(int fd, std::string_view job, int artifact_fd, int decoded_fd) {
  if (job.size() > kMaxPayload) return absl::InvalidArgumentError("the job exceeds one packet");
  char type = static_cast<char>(FrameType::kJob);
  std::array<iovec, 2> parts = {{{&type, 1}, {const_cast<char*>(job.data()), job.size()}}};
  const std::array<int, 2> fds = {artifact_fd, decoded_fd};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(fds))> control = {};
  msghdr header = {};
  header.msg_iov = parts.data();
  header.msg_iovlen = parts.size();
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  cmsghdr* rights = CMSG_FIRSTHDR(&header);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof(fds));
  memcpy(CMSG_DATA(rights), fds.data(), sizeof(fds));
  ssize_t sent;
  do {
    // The worker's buffer is empty, so this cannot block unless the channel is misused.
    sent = sendmsg(fd, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) {
    return absl::UnavailableError(absl::StrCat("cannot hand the job over: ", strerror(errno)));
  }
  return absl::OkStatus();
}

}  // namespace loadlock::channel
