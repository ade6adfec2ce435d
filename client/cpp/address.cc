#include "client/cpp/address.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace loadlock::client {
namespace {

absl::Status BadAddress(absl::string_view text, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("address \"", text, "\": ", why));
}

// Digits only: no sign, no spaces.
bool ParseNumber(absl::string_view text, uint32_t max, uint32_t* value) {
  return !text.empty() && text.size() <= 5 &&
         text.find_first_not_of("0123456789") == absl::string_view::npos &&
         absl::SimpleAtoi(text, value) && *value <= max;
}

bool IsLoopbackV4(absl::string_view host) {
  int parts = 0;
  while (true) {
    const size_t dot = host.find('.');
    const absl::string_view part = host.substr(0, dot);
    uint32_t value = 0;
    if (!ParseNumber(part, 255, &value)) return false;
    if (parts == 0 && value != 127) return false;
    ++parts;
    if (dot == absl::string_view::npos) return parts == 4;
    host.remove_prefix(dot + 1);
  }
}

absl::StatusOr<Address> ParseTcp(absl::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == absl::string_view::npos) {
    return BadAddress(text, "neither an absolute path nor host:port");
  }
  const absl::string_view host = text.substr(0, colon);
  const absl::string_view port = text.substr(colon + 1);
  uint32_t number = 0;
  if (!ParseNumber(port, 65535, &number) || number == 0) {
    return BadAddress(text, "the port is not a number from 1 to 65535");
  }
  if (host != "localhost" && host != "[::1]" && !IsLoopbackV4(host)) {
    return BadAddress(text,
                      "not a loopback host; an answer from elsewhere would be neither encrypted "
                      "nor authenticated");
  }
  return Address{Address::Kind::kTcp, absl::StrCat(host, ":", number)};
}

}  // namespace

std::string Address::Target() const {
  return absl::StrCat(kind == Kind::kUnix ? "unix:" : "dns:///", location);
}

std::string Address::ToString() const {
  return kind == Kind::kUnix ? absl::StrCat("unix:", location) : location;
}

absl::StatusOr<Address> ParseAddress(absl::string_view text) {
  if (absl::StartsWith(text, "unix-abstract:") || absl::StartsWith(text, "@")) {
    return BadAddress(text, "abstract sockets have no permissions and are not supported");
  }
  absl::string_view path = text;
  const bool is_unix = absl::ConsumePrefix(&path, "unix:");
  if (is_unix && absl::StartsWith(path, "//")) path.remove_prefix(2);
  if (!is_unix && !absl::StartsWith(path, "/")) return ParseTcp(text);
  if (!absl::StartsWith(path, "/")) return BadAddress(text, "the socket's path is not absolute");
  if (path.find('\0') != absl::string_view::npos) return BadAddress(text, "the path holds a NUL");
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    return BadAddress(text, "the path is longer than a socket's may be (107 bytes)");
  }
  return Address{Address::Kind::kUnix, std::string(path)};
}

absl::StatusOr<Fd> ConnectUnix(const std::string& path, int type) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  if (path.size() >= sizeof(name.sun_path)) {
    return BadAddress(path, "the path is longer than a socket's may be (107 bytes)");
  }
  std::memcpy(name.sun_path, path.data(), path.size());
  Fd fd(socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return absl::ErrnoToStatus(errno, "socket");
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof(name)) == 0) return fd;
  const std::string what = absl::StrCat("cannot connect to ", path, ": ", std::strerror(errno));
  switch (errno) {
    case ENOENT:
    case ENOTDIR:
    case ECONNREFUSED:
      return absl::NotFoundError(what);
    case EACCES:
    case EPERM:
      return absl::PermissionDeniedError(what);
    default:
      return absl::UnavailableError(what);
  }
}

}  // namespace loadlock::client
