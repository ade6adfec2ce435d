// The frames between the daemon and a one-shot worker, and the order in which
// they may come.
//
// The channel is an AF_UNIX SOCK_SEQPACKET pair: the kernel keeps packets apart,
// so there is no length field to lie about. One packet is one type byte and at
// most kMaxPayload bytes.
//
//   daemon -> worker   'J' once: a serialized Job, with two descriptors
//   worker -> daemon   'F' once: the lock-down failed, payload says how; or
//                      'Y' once: locked down, payload is one byte of layers; then
//                      'A' once: graph, provenance and result, if one packet holds them; or
//                      'G'* graph, 'P'* provenance, 'R'+ result (chunks), 'E' once
//                      'V' once, any time after 'Y': a forbidden system call, payload is
//                      u32 number and u32 audit architecture, little endian
#ifndef LOADLOCK_SANDBOX_CHANNEL_FRAME_H_
#define LOADLOCK_SANDBOX_CHANNEL_FRAME_H_

#include <cstddef>
#include <cstdint>
#include <optional>

namespace loadlock::channel {

// The worker's end of the channel, in the worker.
inline constexpr int kChannelFd = 3;
// Where the two descriptors of the job appear in the worker: 0-2 are /dev/null and 3 is the
// channel, so the next free numbers are known, and the system call filter names them.
inline constexpr int kArtifactFd = 4;
inline constexpr int kDecodedFd = 5;

// Well below the default socket buffer (212,992 bytes), so that a sender can be one packet ahead
// of the reader, and large enough that the system call costs less than the copy.
inline constexpr size_t kMaxPacket = size_t{64} << 10;
inline constexpr size_t kMaxPayload = kMaxPacket - 1;
// type, u32 number, u32 architecture
inline constexpr size_t kViolationPacket = 9;
// Before the bytes of an answer: u32 size of the graph and u32 size of the provenance, little
// endian. The result is the rest. One packet wakes the reader once, four wake it up to four times.
inline constexpr size_t kAnswerHeader = 8;
inline constexpr size_t kMaxAnswer = kMaxPayload - kAnswerHeader;

enum class FrameType : uint8_t {
  kJob = 'J',
  kFailed = 'F',
  kReady = 'Y',
  kGraph = 'G',
  kProvenance = 'P',
  kResult = 'R',
  kEnd = 'E',
  kAnswer = 'A',
  kViolation = 'V',
};

// The type of a received byte; nullopt if there is no such frame.
std::optional<FrameType> ParseFrameType(uint8_t byte);

// What a worker may send next. The rules are one table (frame.cc): every frame lists the frames it
// may follow and whether it may come only once. What the table does not permit ends the worker.
class FrameOrder {
 public:
  // The worker has said nothing yet.
  FrameOrder() = default;
  // The worker's 'Y' was read already and it has got its job.
  static FrameOrder AfterReady();

  // True if `type` may come now, and notes it. After false the worker is broken for good.
  [[nodiscard]] bool Accept(FrameType type);

 private:
  // The last frame, as an index into the table; 0 is the start.
  uint8_t last_ = 0;
  uint32_t seen_ = 0;
};

}  // namespace loadlock::channel

#endif  // LOADLOCK_SANDBOX_CHANNEL_FRAME_H_
