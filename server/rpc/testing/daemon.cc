#include "server/rpc/testing/daemon.h"

#include <fcntl.h>
#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/support/temp_folder.h"

namespace loadlock::rpc {
namespace {

struct Pipe {
  channel::UniqueFd read;
  channel::UniqueFd write;
};

Pipe MakePipe() {
  std::array<int, 2> ends{};
  EXPECT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  return {channel::UniqueFd(ends[0]), channel::UniqueFd(ends[1])};
}

constexpr int kLifelineFd = 20;
constexpr int kReadyFd = 21;

}  // namespace

TestFolder::TestFolder() {
  std::filesystem::create_directories(path("models"));
  Write("policies/default.textproto", "name: 'default'\n");
}

TestDaemon::TestDaemon(const TestFolder& folder, const std::string& config)
    : socket_(folder.path("run/loadlock.sock")) {
  const std::string file = folder.Write(
      "loadlockd.textproto",
      absl::StrCat("listen { unix_socket: '", socket_, "' }\nroots: '", folder.path("models"),
                   "'\npolicy_dir: '", folder.path("policies"), "'\n", config));
  Pipe ready = MakePipe();
  Pipe lifeline = MakePipe();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, folder.path("log").c_str(),
                                   O_WRONLY | O_CREAT | O_APPEND, 0600);
  posix_spawn_file_actions_adddup2(&actions, lifeline.read.get(), kLifelineFd);
  posix_spawn_file_actions_adddup2(&actions, ready.write.get(), kReadyFd);
  std::vector<std::string> args = {LOADLOCKD,
                                   "--config",
                                   file,
                                   "--lifeline-fd",
                                   absl::StrCat(kLifelineFd),
                                   "--ready-fd",
                                   absl::StrCat(kReadyFd)};
  std::vector<char*> argv;
  argv.reserve(args.size() + 1);
  for (std::string& arg : args) argv.push_back(arg.data());
  argv.push_back(nullptr);
  EXPECT_EQ(posix_spawn(&pid_, LOADLOCKD, &actions, nullptr, argv.data(), environ), 0);
  posix_spawn_file_actions_destroy(&actions);
  ready_ = std::move(ready.read);
  lifeline_ = std::move(lifeline.write);
}

TestDaemon::~TestDaemon() {
  if (pid_ < 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

bool TestDaemon::AwaitReady() {
  std::array<char, 6> word{};
  pollfd waiting = {ready_.get(), POLLIN, 0};
  if (poll(&waiting, 1, 30'000) != 1) return false;
  return read(ready_.get(), word.data(), word.size()) == 6 &&
         std::string(word.data(), 6) == "ready\n";
}

void TestDaemon::Signal(int number) const { kill(pid_, number); }

int TestDaemon::AwaitExit(absl::Duration timeout) {
  const absl::Time end = absl::Now() + timeout;
  while (absl::Now() < end) {
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) == pid_) {
      pid_ = -1;
      return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    }
    absl::SleepFor(absl::Milliseconds(5));
  }
  return -1000;
}

std::shared_ptr<grpc::Channel> TestDaemon::Connect() const {
  grpc::ChannelArguments arguments;
  // Channels with equal arguments would share one connection.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetMaxReceiveMessageSize(64 << 20);
  return grpc::CreateCustomChannel("unix:" + socket_, grpc::InsecureChannelCredentials(),
                                   arguments);
}

}  // namespace loadlock::rpc
