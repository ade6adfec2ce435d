#include "server/rpc/event_loop.h"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "sandbox/clock/steady_time.h"

namespace loadlock::rpc {

using clock::SteadyTime;

absl::StatusOr<std::unique_ptr<EventLoop>> EventLoop::Create() {
  channel::UniqueFd epoll(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.valid()) return absl::ErrnoToStatus(errno, "epoll_create1");
  return std::unique_ptr<EventLoop>(new EventLoop(std::move(epoll)));
}

absl::Status EventLoop::Watch(int fd, uint32_t events, Handler handler) {
  epoll_event event = {};
  event.events = events;
  event.data.fd = fd;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    return absl::ErrnoToStatus(errno, "epoll_ctl");
  }
  handlers_[fd] = std::make_shared<Handler>(std::move(handler));
  return absl::OkStatus();
}

void EventLoop::Unwatch(int fd) {
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
  handlers_.erase(fd);
}

void EventLoop::SetTick(absl::Duration period, std::function<void()> handler) {
  period_ = period;
  tick_ = std::move(handler);
}

void EventLoop::Run() {
  SteadyTime next = SteadyTime::Now() + period_;
  while (!stopping_) {
    std::array<epoll_event, 64> events;
    // Never longer than one period, so a tick that was set from a handler is not missed.
    const absl::Duration left = std::clamp(next - SteadyTime::Now(), absl::ZeroDuration(), period_);
    const int count = epoll_wait(epoll_.get(), events.data(), events.size(),
                                 static_cast<int>(absl::ToInt64Milliseconds(left)) + 1);
    for (int i = 0; i < count && !stopping_; ++i) {
      const epoll_event& event = events[static_cast<size_t>(i)];
      const auto found = handlers_.find(event.data.fd);
      if (found == handlers_.end()) continue;  // Unwatched by an earlier handler.
      const std::shared_ptr<Handler> handler = found->second;
      (*handler)(event.events);
    }
    if (SteadyTime::Now() < next || !tick_) continue;
    next = SteadyTime::Now() + period_;
    const std::function<void()> tick = tick_;
    tick();
    next = std::min(next, SteadyTime::Now() + period_);
  }
}

}  // namespace loadlock::rpc
