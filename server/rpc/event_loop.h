// One thread that waits for descriptors: listeners, ends of connections, signals, the lifeline.
#ifndef LOADLOCK_SERVER_RPC_EVENT_LOOP_H_
#define LOADLOCK_SERVER_RPC_EVENT_LOOP_H_

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "sandbox/channel/unique_fd.h"

namespace loadlock::rpc {

// Not thread safe: everything happens in the thread that calls Run, or before it.
class EventLoop {
 public:
  using Handler = std::function<void(uint32_t events)>;

  static absl::StatusOr<std::unique_ptr<EventLoop>> Create();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Calls `handler` with the epoll events (level-triggered). The descriptor stays the caller's,
  // who calls Unwatch before closing it.
  absl::Status Watch(int fd, uint32_t events, Handler handler);
  // May be called from a handler, its own included.
  void Unwatch(int fd);

  // Calls `handler` about once a `period`. One at a time; the last one set counts.
  void SetTick(absl::Duration period, std::function<void()> handler);

  // Returns after Stop.
  void Run();
  void Stop() { stopping_ = true; }

 private:
  explicit EventLoop(channel::UniqueFd epoll) : epoll_(std::move(epoll)) {}

  channel::UniqueFd epoll_;
  absl::flat_hash_map<int, std::shared_ptr<Handler>> handlers_;
  absl::Duration period_ = absl::Seconds(1);
  std::function<void()> tick_;
  bool stopping_ = false;
};

}  // namespace loadlock::rpc

#endif  // LOADLOCK_SERVER_RPC_EVENT_LOOP_H_
