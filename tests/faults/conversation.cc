#include "tests/faults/conversation.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "tests/faults/stage_names.h"

namespace loadlock::faults {

int Connect(const char* path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (strlen(path) >= sizeof(address.sun_path)) return -1;
  memcpy(address.sun_path, path, strlen(path));
  const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) return fd;
  close(fd);
  return -1;
}

void Converse(int fd, Stage stage) {
  const std::string message = std::string("ask ") + NameOf(stage);
  if (send(fd, message.data(), message.size(), MSG_NOSIGNAL) < 0) return;
  char word;
  while (recv(fd, &word, 1, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace loadlock::faults
