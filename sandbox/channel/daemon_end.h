// The daemon's end of a worker's channel. All that comes out of it is hostile: it was sent by a
// process that parsed an attacker's file.
#ifndef LOADLOCK_SANDBOX_CHANNEL_DAEMON_END_H_
#define LOADLOCK_SANDBOX_CHANNEL_DAEMON_END_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "sandbox/clock/steady_time.h"

namespace loadlock::channel {

// Bytes, summed over the frames of one kind.
struct Limits {
  uint64_t max_graph_bytes = 0;
  uint64_t max_provenance_bytes = 0;
  uint64_t max_result_bytes = 0;
};

// Raw bytes as the worker sent them. Complete only if the outcome is kComplete.
struct WorkerOutput {
  std::string graph;
  std::string provenance;
  std::string result;
};

struct ReadOutcome {
  enum class Kind {
    kComplete,   // 'A' or 'E' came, in order
    kClosed,     // the worker ended, or closed, before 'E'
    kDeadline,   // the deadline passed
    kCancelled,  // `cancelled` said so
    kProtocol,   // a frame that the order or its size forbids; message says which
    kViolation,  // the worker tried a forbidden system call: syscall_nr, arch
    kTooMuch,    // more bytes of one kind than the limits allow; message says which
    kError,      // poll or recvmsg failed; message holds errno's text
  };
  Kind kind = Kind::kError;
  std::string message;
  uint32_t syscall_nr = 0;
  // AUDIT_ARCH_* of the call.
  uint32_t arch = 0;
};

// Reads what a worker with a job sends, until 'A' or 'E'. Blocks at most until `deadline`,
// however slowly the worker drips. `cancelled` may be empty; it is asked about
// every 20 ms and must not block. Descriptors that a worker sends are closed by the kernel, and are
// a protocol error.
ReadOutcome ReadWorkerOutput(int fd, const Limits& limits, clock::SteadyTime deadline,
                             const std::function<bool()>& cancelled, WorkerOutput* output);

// What a worker says before it gets its job.
struct Greeting {
  enum class Kind { kReady, kFailed, kNotYet, kBroken };
  Kind kind = Kind::kBroken;
  // kReady: layers of the jail that are up (sandbox/jail/lockdown.h).
  uint8_t layers = 0;
  // kFailed: the worker's reason; kBroken: what is wrong with the channel.
  std::string message;
};

// Reads 'Y' or 'F' without blocking.
Greeting ReadGreeting(int fd);

// Sends the job with its two descriptors: `artifact_fd` (read only) and `decoded_fd`. They stay the
// caller's. INVALID_ARGUMENT if `job` does not fit one packet; UNAVAILABLE if the worker is gone.
absl::Status SendJob(int fd, std::string_view job, int artifact_fd, int decoded_fd);

}  // namespace loadlock::channel

#endif  // LOADLOCK_SANDBOX_CHANNEL_DAEMON_END_H_
