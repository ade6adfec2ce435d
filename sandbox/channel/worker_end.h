// The worker's end of its channel. Runs behind the system call filter: only recvmsg and write(v) on
// kChannelFd are used.
#ifndef LOADLOCK_SANDBOX_CHANNEL_WORKER_END_H_
#define LOADLOCK_SANDBOX_CHANNEL_WORKER_END_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "sandbox/channel/frame.h"
#include "sandbox/channel/unique_fd.h"

namespace loadlock::channel {

struct ReceivedJob {
  // A serialized Job.
  std::string job;
  UniqueFd artifact;
  UniqueFd decoded;
};

// Blocks until the job comes. CANCELLED if the daemon closed the channel instead (an idle worker
// that is not needed any more); INTERNAL if the packet is not exactly one job with exactly two
// descriptors.
absl::StatusOr<ReceivedJob> ReceiveJob(int fd);

// Blocks until the daemon closes the channel, or sends what nobody will read.
void AwaitClose(int fd);

// Sends frames in order; does not close the channel.
class FrameWriter {
 public:
  explicit FrameWriter(int fd) : fd_(fd) {}

  // Sends `bytes` in as many frames of this type as it takes: none if empty. UNAVAILABLE if the
  // daemon is gone.
  absl::Status Write(FrameType type, std::string_view bytes);
  absl::Status Ready(uint8_t layers);
  absl::Status End();
  // All that a worker has to say, and the end of it: in one packet if that holds it. `result` must
  // not be empty.
  absl::Status Answer(std::string_view graph, std::string_view provenance, std::string_view result);
  // End or Answer has sent the last frame.
  bool ended() const { return ended_; }

 private:
  absl::Status Packet(FrameType type, absl::Span<const std::string_view> payload);

  int fd_;
  bool ended_ = false;
};

}  // namespace loadlock::channel

#endif  // LOADLOCK_SANDBOX_CHANNEL_WORKER_END_H_
