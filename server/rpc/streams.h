// How many streams run. They are bounded on their own: a slow reader must not hold a place among
// the requests that vet.
#ifndef LOADLOCK_SERVER_RPC_STREAMS_H_
#define LOADLOCK_SERVER_RPC_STREAMS_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/observe/error.h"

namespace loadlock::rpc {

// Each holds one message of about 1 MiB.
inline constexpr uint32_t kMaxStreams = 128;

using StreamSlot = std::shared_ptr<void>;

// Thread safe; must outlive its slots.
class Streams {
 public:
  absl::StatusOr<StreamSlot> Enter() {
    if (running_.fetch_add(1) >= kMaxStreams) {
      running_.fetch_sub(1);
      return observe::LimitReached("max_streams", kMaxStreams, "too many streams are running");
    }
    return StreamSlot(this, [](void* self) { static_cast<Streams*>(self)->running_.fetch_sub(1); });
  }
  uint32_t running() const { return running_.load(); }

 private:
  std::atomic<uint32_t> running_{0};
};

}  // namespace loadlock::rpc

#endif  // LOADLOCK_SERVER_RPC_STREAMS_H_
