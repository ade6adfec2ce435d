#include "client/cpp/private_daemon.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/support/temp_folder.h"

namespace loadlock::client {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

// Scripts in the daemon's place.
class PrivateDaemonTest : public ::testing::Test {
 protected:
  void TearDown() override { unsetenv("LOADLOCKD"); }

  std::string Script(const std::string& body) {
    std::string path = temp_.Write("loadlockd", "#!/bin/sh\n" + body + "\n");
    fs::permissions(path, fs::perms::owner_all);
    return path;
  }
  std::string Read(const std::string& name) { return temp_.Read(name); }
  PrivateDaemonOptions Options(const std::string& body) {
    PrivateDaemonOptions options;
    options.binary = Script(body);
    return options;
  }

  const support::TempFolder temp_;
  const fs::path folder_ = temp_.path();
};

// Serves until its lifeline ends.
constexpr char kServe[] = "echo ready >&4; exec 4>&-; read line <&3; ";

TEST_F(PrivateDaemonTest, StartsServesAndLeavesNothing) {
  const std::string log = folder_ / "log";
  auto daemon = PrivateDaemon::Start(Options("echo \"$@\" > " + log + "; ls /proc/self/fd > " +
                                             log + ".fds; " + kServe + "echo ended >> " + log));
  ASSERT_TRUE(daemon.ok()) << daemon.status();
  ASSERT_TRUE(daemon->AwaitReady(absl::Seconds(10)).ok());
  EXPECT_EQ(Read("log"), "--socket " + daemon->socket_path() +
                             " --root / --lifeline-fd 3 --ready-fd 4 --log-level error\n");
  struct stat status {};
  ASSERT_EQ(stat(daemon->directory().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
  std::ofstream(daemon->socket_path()) << "left over";
  const std::string directory = daemon->directory();
  const pid_t pid = daemon->pid();
  daemon->Stop();
  EXPECT_THAT(Read("log"), HasSubstr("ended"));
  EXPECT_FALSE(fs::exists(directory));
  EXPECT_EQ(kill(pid, 0), -1);
}

TEST_F(PrivateDaemonTest, HandsOverNothingElse) {
  const std::string secret_path = folder_ / "secret";
  std::ofstream(secret_path) << "x";
  const int secret = open(secret_path.c_str(), O_RDONLY);  // Without close-on-exec.
  ASSERT_GT(secret, 2);
  auto daemon = PrivateDaemon::Start(
      Options("readlink /proc/$$/fd/* > " + (folder_ / "fds").string() + "; " + kServe));
  ASSERT_TRUE(daemon.ok()) << daemon.status();
  ASSERT_TRUE(daemon->AwaitReady(absl::Seconds(10)).ok());
  close(secret);
  EXPECT_THAT(Read("fds"), HasSubstr("pipe:"));
  EXPECT_THAT(Read("fds"), testing::Not(HasSubstr("secret")));
}

TEST_F(PrivateDaemonTest, ADaemonThatEndsIsAnError) {
  auto daemon = PrivateDaemon::Start(Options("exit 2"));
  ASSERT_TRUE(daemon.ok()) << daemon.status();
  const absl::Status status = daemon->AwaitReady(absl::Seconds(10));
  EXPECT_TRUE(absl::IsUnavailable(status));
  EXPECT_THAT(status.message(), HasSubstr("ended with status 2"));
}

TEST_F(PrivateDaemonTest, ADaemonThatHangsIsKilled) {
  auto daemon = PrivateDaemon::Start(Options("trap '' TERM; while :; do sleep 1; done"));
  ASSERT_TRUE(daemon.ok()) << daemon.status();
  EXPECT_TRUE(absl::IsUnavailable(daemon->AwaitReady(absl::Milliseconds(50))));
  const pid_t pid = daemon->pid();
  const std::string directory = daemon->directory();
  daemon->Stop(absl::Milliseconds(50));
  EXPECT_EQ(kill(pid, 0), -1);
  EXPECT_FALSE(fs::exists(directory));
}

TEST_F(PrivateDaemonTest, WrongGreetingIsAnError) {
  auto daemon = PrivateDaemon::Start(Options("echo steady >&4"));
  ASSERT_TRUE(daemon.ok()) << daemon.status();
  EXPECT_TRUE(absl::IsUnavailable(daemon->AwaitReady(absl::Seconds(10))));
}

TEST_F(PrivateDaemonTest, MissingBinaryLeavesNoDirectory) {
  ASSERT_EQ(setenv("TMPDIR", folder_.c_str(), 1), 0);
  PrivateDaemonOptions options;
  options.binary = folder_ / "nothing";
  EXPECT_FALSE(PrivateDaemon::Start(options).ok());
  unsetenv("TMPDIR");
  EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(PrivateDaemonTest, FindsTheChosenBinaryOrSaysSo) {
  const std::string script = Script(kServe);
  setenv("LOADLOCKD", script.c_str(), 1);
  EXPECT_EQ(*FindDaemon(), script);
  setenv("LOADLOCKD", (script + "x").c_str(), 1);
  EXPECT_TRUE(absl::IsNotFound(FindDaemon().status()));
  setenv("LOADLOCKD", folder_.c_str(), 1);
  EXPECT_TRUE(absl::IsNotFound(FindDaemon().status()));
}

}  // namespace
}  // namespace loadlock::client
