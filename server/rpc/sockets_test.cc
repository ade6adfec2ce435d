#include "server/rpc/sockets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/support/temp_folder.h"

namespace loadlock::rpc {
namespace {

using absl::StatusCode;
using ::testing::HasSubstr;

unsigned ModeOf(const std::string& path) {
  struct stat info {};
  return lstat(path.c_str(), &info) == 0 ? info.st_mode & 07777U : 0;
}

bool Connects(const std::string& path) {
  channel::UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  return connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
}

class SocketsTest : public ::testing::Test {
 protected:
  const support::TempFolder folder_;
  const std::string dir_ = folder_.path();
  const std::string path_ = dir_ + "/x.sock";
};

TEST_F(SocketsTest, MissingFolderIsMade0750) {
  const mode_t before = umask(077);
  EXPECT_TRUE(PrepareFolder(dir_ + "/new/x.sock").ok());
  umask(before);
  EXPECT_EQ(ModeOf(dir_ + "/new"), 0750U);
  EXPECT_FALSE(PrepareFolder(dir_ + "/a/b/x.sock").ok());
}

TEST_F(SocketsTest, OwnFolderIsNarrowedNeverWidened) {
  ASSERT_EQ(chmod(dir_.c_str(), 0777), 0);
  EXPECT_TRUE(PrepareFolder(path_).ok());
  EXPECT_EQ(ModeOf(dir_), 0750U);
  ASSERT_EQ(chmod(dir_.c_str(), 0700), 0);
  EXPECT_TRUE(PrepareFolder(path_).ok());
  EXPECT_EQ(ModeOf(dir_), 0700U);
}

TEST_F(SocketsTest, SharedFoldersAreLeftAlone) {
  ASSERT_EQ(chmod(dir_.c_str(), 01777), 0);
  EXPECT_TRUE(PrepareFolder(path_).ok());
  EXPECT_EQ(ModeOf(dir_), 01777U);
}

TEST_F(SocketsTest, AFileIsNoFolder) {
  std::ofstream(dir_ + "/file") << "";
  EXPECT_FALSE(PrepareFolder(dir_ + "/file/x.sock").ok());
}

TEST_F(SocketsTest, SecondLockIsRefusedWithAClearMessage) {
  absl::StatusOr<SocketLock> first = SocketLock::Take(path_);
  ASSERT_TRUE(first.ok()) << first.status();
  const absl::Status second = SocketLock::Take(path_).status();
  EXPECT_EQ(second.code(), StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(second.message()), HasSubstr("another loadlockd serves " + path_));
}

TEST_F(SocketsTest, LockEndsWithItsHolderAndLeavesNoFile) {
  { ASSERT_TRUE(SocketLock::Take(path_).ok()); }
  EXPECT_FALSE(std::filesystem::exists(path_ + ".lock"));
  std::ofstream(path_ + ".lock") << "";  // As after a crash.
  EXPECT_TRUE(SocketLock::Take(path_).ok());
}

TEST_F(SocketsTest, SocketIs0660AndUnlinkedAtTheEnd) {
  {
    absl::StatusOr<UnixListener> listener = UnixListener::Bind(path_, SOCK_STREAM);
    ASSERT_TRUE(listener.ok()) << listener.status();
    EXPECT_EQ(ModeOf(path_), 0660U);
    EXPECT_FALSE(Connects(path_));
    ASSERT_TRUE(listener->Listen().ok());
    EXPECT_TRUE(Connects(path_));
  }
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(SocketsTest, StaleSocketIsReplaced) {
  {
    channel::UniqueFd dead(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path_.data(), path_.size());
    ASSERT_EQ(bind(dead.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  }
  ASSERT_TRUE(std::filesystem::exists(path_));
  absl::StatusOr<UnixListener> listener = UnixListener::Bind(path_, SOCK_STREAM);
  ASSERT_TRUE(listener.ok()) << listener.status();
  ASSERT_TRUE(listener->Listen().ok());
  EXPECT_TRUE(Connects(path_));
}

TEST_F(SocketsTest, WhatIsNoSocketIsLeftAlone) {
  std::ofstream(path_) << "precious";
  EXPECT_THAT(std::string(UnixListener::Bind(path_, SOCK_STREAM).status().message()),
              HasSubstr("is not a socket"));
  EXPECT_EQ(std::filesystem::file_size(path_), 8U);
}

}  // namespace
}  // namespace loadlock::rpc
