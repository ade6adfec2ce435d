#include "server/rpc/metrics_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace loadlock::rpc {
namespace {

using clock::SteadyTime;

// A few Prometheus servers and a person.
constexpr size_t kMaxOpen = 32;
constexpr size_t kMaxRequest = 8192;
constexpr absl::Duration kPatience = absl::Seconds(10);
constexpr int kBacklog = 16;

absl::string_view ReasonOf(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    default:
      return "Bad Request";
  }
}

absl::Status CannotListen(const config::TcpAddress& address) {
  return absl::UnavailableError(absl::StrCat("metrics: cannot listen on ", address.host, " port ",
                                             address.port, ": ", std::strerror(errno)));
}

// A listening socket of the address, which is written in numbers.
channel::UniqueFd Bind(const config::TcpAddress& address) {
  sockaddr_in6 six = {};
  sockaddr_in four = {};
  const bool is_six = inet_pton(AF_INET6, address.host.c_str(), &six.sin6_addr) == 1;
  six.sin6_family = AF_INET6;
  six.sin6_port = htons(address.port);
  four.sin_family = AF_INET;
  four.sin_port = htons(address.port);
  if (!is_six && inet_pton(AF_INET, address.host.c_str(), &four.sin_addr) != 1) {
    errno = EINVAL;
    return {};
  }
  channel::UniqueFd fd(
      socket(is_six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  // So that a new start need not wait for the connections of the last one.
  if (!fd.valid() || setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0) {
    return {};
  }
  const int bound = is_six ? bind(fd.get(), reinterpret_cast<sockaddr*>(&six), sizeof(six))
                           : bind(fd.get(), reinterpret_cast<sockaddr*>(&four), sizeof(four));
  if (bound != 0 || listen(fd.get(), kBacklog) != 0) return {};
  return fd;
}

std::string Format(const HttpAnswer& answer, const std::string& page) {
  const absl::string_view reason = ReasonOf(answer.status);
  const std::string body = answer.page ? page : absl::StrCat(reason, "\n");
  return absl::StrCat("HTTP/1.1 ", answer.status, " ", reason,
                      "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8",
                      answer.status == 405 ? "\r\nAllow: GET" : "",
                      "\r\nContent-Length: ", body.size(), "\r\nConnection: close\r\n\r\n", body);
}

}  // namespace

HttpAnswer AnswerTo(absl::string_view first_line) {
  const std::vector<absl::string_view> words = absl::StrSplit(first_line, ' ');
  if (words.size() != 3 || (words[2] != "HTTP/1.1" && words[2] != "HTTP/1.0")) return {400, false};
  if (words[0] != "GET") return {405, false};
  if (words[1] != "/metrics" && !absl::StartsWith(words[1], "/metrics?")) return {404, false};
  return {200, true};
}

MetricsServer::~MetricsServer() {
  if (listener_.valid()) loop_->Unwatch(listener_.get());
  while (!open_.empty()) End(open_.begin()->first);
}

absl::Status MetricsServer::Serve(const config::TcpAddress& address) {
  listener_ = Bind(address);
  return listener_.valid() ? Listen() : CannotListen(address);
}

absl::Status MetricsServer::Listen() {
  absl::Status status = loop_->Watch(listener_.get(), EPOLLIN, [this](uint32_t) { Accept(); });
  listening_ = status.ok();
  return status;
}

void MetricsServer::Accept() {
  channel::UniqueFd connection(
      accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!connection.valid()) {
    // Without descriptors the listener stays readable, and callers wait for this loop.
    if (errno == EMFILE || errno == ENFILE || errno == ENOMEM) {
      loop_->Unwatch(listener_.get());
      listening_ = false;
    }
    return;
  }
  if (open_.size() >= kMaxOpen) return;
  const int fd = connection.get();
  if (!loop_->Watch(fd, EPOLLIN | EPOLLRDHUP, [this, fd](uint32_t) { Read(fd); }).ok()) return;
  open_[fd] = Open{std::move(connection), SteadyTime::Now(), "", ""};
}

void MetricsServer::Read(int fd) {
  const auto found = open_.find(fd);
  if (found == open_.end()) return;
  std::string& request = found->second.request;
  std::array<char, 2048> piece{};
  const ssize_t got = recv(fd, piece.data(), piece.size(), MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return End(fd);
  request.append(piece.data(), static_cast<size_t>(got));
  if (request.size() > kMaxRequest) return End(fd);
  if (!absl::StrContains(request, "\r\n\r\n")) return;
  const absl::string_view first = absl::string_view(request).substr(0, request.find("\r\n"));
  const HttpAnswer answer = AnswerTo(first);
  found->second.answer = Format(answer, answer.page ? page_() : "");
  loop_->Unwatch(fd);
  // Level-triggered: what the socket does not take at once goes when it has room.
  if (!loop_->Watch(fd, EPOLLOUT, [this, fd](uint32_t) { Write(fd); }).ok()) End(fd);
}

void MetricsServer::Write(int fd) {
  const auto found = open_.find(fd);
  if (found == open_.end()) return;
  std::string& left = found->second.answer;
  const ssize_t sent = send(fd, left.data(), left.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (sent < 0) return End(fd);
  left.erase(0, static_cast<size_t>(sent));
  if (!left.empty()) return;
  shutdown(fd, SHUT_WR);
  End(fd);
}

void MetricsServer::End(int fd) {
  loop_->Unwatch(fd);
  open_.erase(fd);
}

void MetricsServer::Sweep() {
  if (!listening_) Listen().IgnoreError();  // Tried again by the next one.
  const SteadyTime oldest = SteadyTime::Now() - kPatience;
  std::vector<int> late;
  for (const auto& [fd, open] : open_) {
    if (open.since < oldest) late.push_back(fd);
  }
  for (const int fd : late) End(fd);
}

}  // namespace loadlock::rpc
