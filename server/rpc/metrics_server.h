// Answers GET /metrics over HTTP/1, and nothing else.
//
// One request a connection, whose bytes are looked at for their first line and their end alone: a
// web server would be the largest parser of this process.
#ifndef LOADLOCK_SERVER_RPC_METRICS_SERVER_H_
#define LOADLOCK_SERVER_RPC_METRICS_SERVER_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "sandbox/channel/unique_fd.h"
#include "sandbox/clock/steady_time.h"
#include "server/config/settings.h"
#include "server/rpc/event_loop.h"

namespace loadlock::rpc {

// What is answered to a request's first line.
struct HttpAnswer {
  int status = 0;
  bool page = false;  // With the page as its body.
};
HttpAnswer AnswerTo(absl::string_view first_line);

// In the thread of the event loop, which must outlive it.
class MetricsServer {
 public:
  MetricsServer(EventLoop* loop, std::function<std::string()> page)
      : loop_(loop), page_(std::move(page)) {}
  ~MetricsServer();
  MetricsServer(const MetricsServer&) = delete;
  MetricsServer& operator=(const MetricsServer&) = delete;

  // UNAVAILABLE if it cannot listen there.
  absl::Status Serve(const config::TcpAddress& address);
  // Ends connections that take too long, and listens again if there were no descriptors.
  void Sweep();

 private:
  struct Open {
    channel::UniqueFd fd;
    clock::SteadyTime since;
    std::string request;
    std::string answer;  // What is left of it; empty while it is read.
  };
  absl::Status Listen();
  void Accept();
  void Read(int fd);
  void Write(int fd);
  void End(int fd);

  EventLoop* const loop_;
  const std::function<std::string()> page_;
  channel::UniqueFd listener_;
  bool listening_ = false;
  absl::flat_hash_map<int, Open> open_;
};

}  // namespace loadlock::rpc

#endif  // LOADLOCK_SERVER_RPC_METRICS_SERVER_H_
