#include "tests/escape/outside_world.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace loadlock::escape {
namespace {

constexpr int kBacklog = 64;

channel::UniqueFd ListenUnix(const std::string& path, bool abstract) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  const size_t skip = abstract ? 1 : 0;
  EXPECT_LT(path.size() + skip, sizeof(address.sun_path));
  memcpy(address.sun_path + skip, path.data(), path.size());
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + skip + path.size());
  channel::UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(listen(fd.get(), kBacklog), 0);
  return fd;
}

channel::UniqueFd ListenTcp(int* port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  channel::UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(listen(fd.get(), kBacklog), 0);
  EXPECT_EQ(getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  *port = ntohs(address.sin_port);
  return fd;
}

}  // namespace

OutsideWorld::OutsideWorld() {
  std::array<char, 32> name = {"/tmp/loadlock-outside-XXXXXX"};
  EXPECT_NE(mkdtemp(name.data()), nullptr);
  folder_ = name.data();
  EXPECT_EQ(chmod(folder_.c_str(), 0777), 0);
  outside_.daemon = getpid();
  outside_.file = folder_ + "/file";
  outside_.unix_socket = folder_ + "/socket";
  outside_.abstract_socket = folder_;
  tcp_ = ListenTcp(&outside_.tcp_port);
  unix_ = ListenUnix(outside_.unix_socket, false);
  EXPECT_EQ(chmod(outside_.unix_socket.c_str(), 0777), 0);
  abstract_ = ListenUnix(outside_.abstract_socket, true);
  Restore();
}

OutsideWorld::~OutsideWorld() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void OutsideWorld::Restore() const {
  std::ofstream(outside_.file) << "nobody's business\n";
  EXPECT_EQ(chmod(outside_.file.c_str(), 0666), 0);
  for (const char* made : {"/tmp/loadlock-escape", "/tmp/loadlock-escape.d",
                           "/tmp/loadlock-escape.n", "/tmp/loadlock-escape.l", "/link"}) {
    std::error_code ignored;
    std::filesystem::remove(made, ignored);
  }
  std::error_code ignored;
  std::filesystem::remove(outside_.file + ".new", ignored);
}

}  // namespace loadlock::escape
