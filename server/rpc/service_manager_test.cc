#include "server/rpc/service_manager.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "tests/support/temp_folder.h"

namespace loadlock::rpc {
namespace {

using absl::StatusCode;
using ::testing::HasSubstr;

// Where the passed descriptors begin here; the test program itself may hold those from 3 on.
constexpr int kFirst = 200;

class ServiceManagerTest : public ::testing::Test {
 protected:
  ServiceManagerTest() {
    for (const char* name : {"LISTEN_PID", "LISTEN_FDS", "NOTIFY_SOCKET"}) unsetenv(name);
  }

  // A socket of somebody else's at `path`, as descriptor kFirst + `place`.
  static void Pass(int place, const std::string& path, int type) {
    const channel::UniqueFd made(socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
    const sockaddr_un address = AddressOf(path);
    ASSERT_EQ(bind(made.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    ASSERT_EQ(listen(made.get(), 1), 0);
    ASSERT_EQ(dup2(made.get(), kFirst + place), kFirst + place);
  }

  static sockaddr_un AddressOf(const std::string& path) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    return address;
  }

  static void SayPassed(pid_t pid, const std::string& count) {
    setenv("LISTEN_PID", std::to_string(pid).c_str(), 1);
    setenv("LISTEN_FDS", count.c_str(), 1);
  }

  const support::TempFolder folder_;
  const std::string path_ = std::string(folder_.path()) + "/x.sock";
};

TEST_F(ServiceManagerTest, TakesWhatWasPassedByItsPathAndLeavesItsFile) {
  Pass(0, path_ + ".fd", SOCK_SEQPACKET);
  Pass(1, path_, SOCK_STREAM);
  SayPassed(getpid(), "2");
  {
    auto passed = PassedSockets::Take(kFirst);
    ASSERT_TRUE(passed.ok()) << passed.status();
    EXPECT_EQ(std::getenv("LISTEN_FDS"), nullptr);
    EXPECT_EQ(fcntl(kFirst, F_GETFD), FD_CLOEXEC);
    EXPECT_THAT(passed->CheckAllTaken().message(), HasSubstr(path_ + ".fd"));
    const auto service = passed->ListenerAt(path_, SOCK_STREAM);
    const auto descriptors = passed->ListenerAt(path_ + ".fd", SOCK_SEQPACKET);
    ASSERT_TRUE(service.ok() && descriptors.ok());
    EXPECT_EQ(service->fd(), kFirst + 1);
    EXPECT_EQ(descriptors->fd(), kFirst);
    EXPECT_NE(fcntl(service->fd(), F_GETFL) & O_NONBLOCK, 0);
    EXPECT_TRUE(passed->CheckAllTaken().ok());
  }
  EXPECT_TRUE(std::filesystem::exists(path_));
  EXPECT_EQ(fcntl(kFirst, F_GETFD), -1) << "it was not closed";
}

TEST_F(ServiceManagerTest, BindsWhatWasNotPassed) {
  for (const pid_t pid : {pid_t{1}, getppid()}) {
    SayPassed(pid, "1");  // For another process: its child inherits the variables.
    auto passed = PassedSockets::Take(kFirst);
    ASSERT_TRUE(passed.ok());
    const auto listener = passed->ListenerAt(path_, SOCK_STREAM);
    ASSERT_TRUE(listener.ok()) << listener.status();
    EXPECT_TRUE(passed->CheckAllTaken().ok());
    EXPECT_EQ(std::getenv("LISTEN_PID"), nullptr);
  }
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(ServiceManagerTest, RefusesWhatMakesNoSense) {
  for (const char* count : {"", "x", "-1", "17", "99999999999"}) {
    SayPassed(getpid(), count);
    EXPECT_EQ(PassedSockets::Take(kFirst).status().code(), StatusCode::kFailedPrecondition)
        << count;
  }
  SayPassed(getpid(), "1");
  EXPECT_FALSE(PassedSockets::Take(kFirst).ok()) << "nothing is open there";
}

TEST_F(ServiceManagerTest, RefusesASocketOfAnotherType) {
  Pass(0, path_, SOCK_SEQPACKET);
  SayPassed(getpid(), "1");
  auto passed = PassedSockets::Take(kFirst);
  ASSERT_TRUE(passed.ok());
  EXPECT_THAT(passed->ListenerAt(path_, SOCK_STREAM).status().message(), HasSubstr("another type"));
}

TEST_F(ServiceManagerTest, RefusesWhatIsNoUnixSocket) {
  ASSERT_EQ(dup2(STDERR_FILENO, kFirst), kFirst);
  SayPassed(getpid(), "1");
  auto passed = PassedSockets::Take(kFirst);
  ASSERT_TRUE(passed.ok());
  EXPECT_THAT(passed->CheckAllTaken().message(), HasSubstr("without a path"));
}

TEST_F(ServiceManagerTest, TellsTheManager) {
  EXPECT_TRUE(NotifyManager("READY=1").ok()) << "there is none";
  const channel::UniqueFd manager(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const sockaddr_un address = AddressOf(path_);
  ASSERT_EQ(bind(manager.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  setenv("NOTIFY_SOCKET", path_.c_str(), 1);
  EXPECT_TRUE(NotifyManager("READY=1").ok());
  char text[32] = {};
  EXPECT_EQ(recv(manager.get(), text, sizeof(text), 0), 7);
  EXPECT_STREQ(text, "READY=1");
  for (const char* wrong : {"relative", "/no/such/socket"}) {
    setenv("NOTIFY_SOCKET", wrong, 1);
    EXPECT_FALSE(NotifyManager("READY=1").ok()) << wrong;
  }
  unsetenv("NOTIFY_SOCKET");
}

}  // namespace
}  // namespace loadlock::rpc
