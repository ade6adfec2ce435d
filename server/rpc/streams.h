// How many streams run. They are bounded on their own: a slow reader must not hold a place among
// the requests that vet.
#ifndef LOADLOCK_SERVER_RPC_STREAMS_H_
#define LOADLOCK_SERVER_RPC_STREAMS_H_

#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/admission/shared_budget.h"
#include "server/observe/error.h"

namespace loadlock::rpc {

// Each holds one message of about 1 MiB.
inline constexpr uint32_t kMaxStreams = 128;

using StreamSlot = std::shared_ptr<void>;

// Thread safe; must outlive its slots.
class Streams {
 public:
  explicit Streams(uint32_t caller_percent) : running_(kMaxStreams, caller_percent) {}

  // RESOURCE_EXHAUSTED if all run, or the caller's share of them.
  absl::StatusOr<StreamSlot> Enter(const admission::Principal& caller) {
    const std::lock_guard lock(mutex_);
    switch (running_.Take(caller, 1)) {
      case admission::SharedBudget::Answer::kGranted:
        break;
      case admission::SharedBudget::Answer::kFull:
        return observe::LimitReached("max_streams", kMaxStreams, "too many streams are running");
      case admission::SharedBudget::Answer::kOverShare:
        return running_.OverShare(caller, "streams");
    }
    return StreamSlot(this, [caller](void* self) { static_cast<Streams*>(self)->Leave(caller); });
  }

  uint32_t running() const {
    const std::lock_guard lock(mutex_);
    return static_cast<uint32_t>(running_.taken());
  }

 private:
  void Leave(const admission::Principal& caller) {
    const std::lock_guard lock(mutex_);
    running_.GiveBack(caller, 1);
  }

  mutable std::mutex mutex_;
  admission::SharedBudget running_;  // Guarded by mutex_.
};

}  // namespace loadlock::rpc

#endif  // LOADLOCK_SERVER_RPC_STREAMS_H_
