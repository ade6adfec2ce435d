#include "sandbox/jail/control.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <type_traits>

namespace loadlock::jail {
namespace {

static_assert(std::is_trivially_copyable_v<Message>);

// The text is the end of the struct and is sent only as far as it is used.
size_t SizeOf(const Message& message) { return offsetof(Message, text) + message.text_size; }

constexpr size_t kControlBytes = CMSG_SPACE(2 * sizeof(int));

// Bytes that are none of the values of a bool or an enum must not be read as one.
template <typename T>
bool AtMost(const T& field, std::underlying_type_t<T> last) {
  std::underlying_type_t<T> value;
  memcpy(&value, &field, sizeof(value));
  return value <= last;
}

bool IsBool(const bool& field) {
  uint8_t value;
  memcpy(&value, &field, sizeof(value));
  return value <= 1;
}

bool HasValues(const Message& message) {
  return AtMost(message.kind, static_cast<uint32_t>(MessageKind::kExited)) &&
         static_cast<uint32_t>(message.kind) >= static_cast<uint32_t>(MessageKind::kConfigure) &&
         AtMost(message.tier, static_cast<uint8_t>(Tier::kC)) &&
         AtMost(message.minimum, static_cast<uint8_t>(Tier::kC)) && IsBool(message.usable) &&
         IsBool(message.urgent);
}

}  // namespace

RawLimits ToRaw(const WorkerLimits& limits) {
  RawLimits raw;
  raw.heap_bytes = limits.heap_bytes;
  raw.address_space_bytes = limits.address_space_bytes;
  raw.file_bytes = limits.file_bytes;
  raw.cpu_seconds = static_cast<uint64_t>(
      std::max<int64_t>(1, absl::ToInt64Seconds(absl::Ceil(limits.cpu, absl::Seconds(1)))));
  return raw;
}

void Message::SetText(std::string_view value) {
  text_size = static_cast<uint32_t>(std::min(value.size(), kMaxText));
  std::copy_n(value.begin(), text_size, text.begin());
}

std::string Message::Text() const { return std::string(text.data(), text_size); }

bool SendMessage(int fd, const Message& message, const std::vector<int>& fds, int flags) {
  iovec part = {const_cast<Message*>(&message), SizeOf(message)};
  alignas(cmsghdr) std::array<char, kControlBytes> control = {};
  msghdr header = {};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (!fds.empty()) {
    header.msg_control = control.data();
    header.msg_controllen = CMSG_SPACE(fds.size() * sizeof(int));
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
    memcpy(CMSG_DATA(rights), fds.data(), fds.size() * sizeof(int));
  }
  ssize_t sent;
  do {
    sent = sendmsg(fd, &header, flags | MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent >= 0;
}

Received ReceiveMessage(int fd, Message* message, std::array<channel::UniqueFd, 2>* fds,
                        int flags) {
  iovec part = {message, sizeof(*message)};
  alignas(cmsghdr) std::array<char, kControlBytes> control = {};
  msghdr header = {};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  ssize_t size;
  do {
    size = recvmsg(fd, &header, flags | MSG_CMSG_CLOEXEC);
  } while (size < 0 && errno == EINTR);
  if (size < 0) return errno == EAGAIN ? Received::kNothing : Received::kClosed;
  for (cmsghdr* rights = CMSG_FIRSTHDR(&header); rights != nullptr;
       rights = CMSG_NXTHDR(&header, rights)) {
    if (rights->cmsg_level != SOL_SOCKET || rights->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (rights->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < std::min(count, fds->size()); ++i) {
      int received = -1;
      memcpy(&received, CMSG_DATA(rights) + i * sizeof(int), sizeof(int));
      (*fds)[i].Reset(received);
    }
  }
  const bool whole = static_cast<size_t>(size) >= offsetof(Message, text) &&
                     message->version == kControlVersion &&
                     message->text_size <= Message::kMaxText &&
                     static_cast<size_t>(size) == SizeOf(*message) && HasValues(*message);
  return whole ? Received::kMessage : Received::kClosed;
}

}  // namespace loadlock::jail
