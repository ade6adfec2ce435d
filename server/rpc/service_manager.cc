#include "server/rpc/service_manager.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace loadlock::rpc {
namespace {

// The service socket and that of the descriptors; more cannot be meant for us.
constexpr int kMostSockets = 16;

// A positive number in the environment; -1 if it is absent or anything else.
int NumberIn(const char* variable) {
  const char* text = std::getenv(variable);
  int number = -1;
  return text != nullptr && absl::SimpleAtoi(text, &number) && number >= 0 ? number : -1;
}

// Where a unix socket is bound; empty for any other descriptor.
std::string PathOf(int fd) {
  sockaddr_un address = {};
  socklen_t size = sizeof(address);
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return "";
  if (address.sun_family != AF_UNIX || size <= offsetof(sockaddr_un, sun_path)) return "";
  // An abstract name begins with a NUL and so is empty, too.
  return std::string(address.sun_path, strnlen(address.sun_path, sizeof(address.sun_path)));
}

}  // namespace

absl::StatusOr<PassedSockets> PassedSockets::Take(int first) {
  PassedSockets passed;
  const bool ours = NumberIn("LISTEN_PID") == getpid();
  const int count = NumberIn("LISTEN_FDS");
  for (const char* variable : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) unsetenv(variable);
  if (!ours) return passed;
  if (count < 0 || count > kMostSockets) {
    return absl::FailedPreconditionError("LISTEN_FDS is not a number of sockets");
  }
  for (int fd = first; fd < first + count; ++fd) {
    passed.sockets_.emplace_back(fd);
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) return absl::ErrnoToStatus(errno, "LISTEN_FDS");
  }
  return passed;
}

absl::StatusOr<UnixListener> PassedSockets::ListenerAt(const std::string& path, int type) {
  const auto found = std::find_if(sockets_.begin(), sockets_.end(),
                                  [&](const auto& fd) { return PathOf(fd.get()) == path; });
  if (found == sockets_.end()) return UnixListener::Bind(path, type);
  channel::UniqueFd fd = std::move(*found);
  sockets_.erase(found);
  return UnixListener::Adopt(path, type, std::move(fd));
}

absl::Status PassedSockets::CheckAllTaken() const {
  if (sockets_.empty()) return absl::OkStatus();
  const std::string path = PathOf(sockets_.front().get());
  return absl::FailedPreconditionError(
      absl::StrCat("was started with a socket ", path.empty() ? "without a path" : path,
                   ", at which the configuration does not listen"));
}

absl::Status NotifyManager(absl::string_view state) {
  const char* where = std::getenv("NOTIFY_SOCKET");
  if (where == nullptr || *where == '\0') return absl::OkStatus();
  const absl::string_view path = where;
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if ((path[0] != '/' && path[0] != '@') || path.size() >= sizeof(address.sun_path)) {
    return absl::FailedPreconditionError("NOTIFY_SOCKET is not the address of a socket");
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  if (path[0] == '@') address.sun_path[0] = '\0';
  const channel::UniqueFd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  const ssize_t sent = sendto(fd.get(), state.data(), state.size(), MSG_NOSIGNAL,
                              reinterpret_cast<const sockaddr*>(&address), size);
  return sent == static_cast<ssize_t>(state.size()) ? absl::OkStatus()
                                                    : absl::ErrnoToStatus(errno, "NOTIFY_SOCKET");
}

}  // namespace loadlock::rpc
