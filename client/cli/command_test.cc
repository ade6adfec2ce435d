// The loadlock command and the client library against the real daemon.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "absl/strings/str_split.h"
#include "client/cpp/client.h"
#include "client/cpp/private_daemon.h"
#include "tests/support/temp_folder.h"

namespace loadlock::cli {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr absl::Duration kPatience = absl::Seconds(60);

std::string Good() { return std::string("\x80\x04K\x01.", 5); }
// os.system("true") as protocol 0 spells it.
std::string Bad() { return "cposix\nsystem\n(S'true'\ntR."; }

// A .npy file of `count` bytes 1, 2, 3, ...
std::string Npy(size_t count) {
  std::string header =
      "{'descr': '|u1', 'fortran_order': False, 'shape': (" + std::to_string(count) + ",), }";
  constexpr size_t kPreamble = 10;
  header.append((64 - (kPreamble + header.size() + 1) % 64) % 64, ' ');
  header.push_back('\n');
  std::string file("\x93NUMPY\x01\x00", 8);
  file.push_back(static_cast<char>(header.size() & 0xFF));
  file.push_back(static_cast<char>(header.size() >> 8));
  file += header;
  for (size_t i = 1; i <= count; ++i) file.push_back(static_cast<char>(i));
  return file;
}

struct Result {
  int exit_code = -1;
  int signal = 0;
  std::string out;
  std::string err;
};

class CommandTest : public ::testing::Test {
 protected:
  void SetUp() override {
    fs::create_directory(folder_ / "tmp");
    fs::create_directory(folder_ / "d");
    // Private daemons make their directories here, so that what they leave is seen.
    ASSERT_EQ(setenv("TMPDIR", (folder_ / "tmp").c_str(), 1), 0);
    unsetenv("LOADLOCK_ADDRESS");
    unsetenv("LOADLOCKD");
  }
  void TearDown() override {
    EXPECT_TRUE(fs::is_empty(folder_ / "tmp"));
    unsetenv("TMPDIR");
    unsetenv("LOADLOCK_ADDRESS");
    unsetenv("LOADLOCKD");
  }

  static std::string Binary(const std::string& name) {
    return (fs::read_symlink("/proc/self/exe").parent_path() / name).string();
  }
  std::string Write(const std::string& name, const std::string& content) {
    return temp_.Write("d/" + name, content);
  }

  pid_t Spawn(std::vector<std::string> arguments, const std::string& out) {
    arguments.insert(arguments.begin(), Binary("loadlock"));
    std::vector<char*> argv;
    argv.reserve(arguments.size() + 1);
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, out.c_str(), O_WRONLY | O_CREAT,
                                     0600);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, (folder_ / "err").c_str(),
                                     O_WRONLY | O_CREAT | O_TRUNC, 0600);
    pid_t pid = -1;
    EXPECT_EQ(posix_spawn(&pid, argv[0], &actions, nullptr, argv.data(), environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    return pid;
  }
  Result Await(pid_t pid) {
    int status = 0;
    EXPECT_EQ(waitpid(pid, &status, 0), pid);
    Result result;
    if (WIFEXITED(status)) result.exit_code = WEXITSTATUS(status);
    if (WIFSIGNALED(status)) result.signal = WTERMSIG(status);
    result.out = Read("out");
    result.err = Read("err");
    return result;
  }
  Result Run(std::vector<std::string> arguments) {
    fs::remove(folder_ / "out");
    return Await(Spawn(std::move(arguments), folder_ / "out"));
  }
  std::string Read(const std::string& name) {
    std::ifstream in(folder_ / name);
    std::stringstream content;
    content << in.rdbuf();
    return content.str();
  }

  client::PrivateDaemon StartDaemon(const std::vector<std::string>& roots) {
    client::PrivateDaemonOptions options;
    options.binary = Binary("loadlockd");
    options.roots = roots;
    absl::StatusOr<client::PrivateDaemon> daemon = client::PrivateDaemon::Start(options);
    EXPECT_TRUE(daemon.ok()) << daemon.status();
    EXPECT_TRUE(daemon->AwaitReady(kPatience).ok());
    return *std::move(daemon);
  }

  const support::TempFolder temp_;
  const fs::path folder_ = temp_.path();
};

TEST_F(CommandTest, AcceptsAndLeavesNothingBehind) {
  const Result result = Run({"audit", "--private", Write("good.pkl", Good())});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("good.pkl: accepted  pickle, 5 B"));
  EXPECT_EQ(result.err, "");
}

TEST_F(CommandTest, RefusesWithReasonAndPlace) {
  const Result result = Run({"audit", "--private", Write("bad.pkl", Bad())});
  EXPECT_EQ(result.exit_code, 1) << result.err;
  EXPECT_THAT(result.out, HasSubstr("bad.pkl: refused"));
  EXPECT_THAT(result.out, HasSubstr("posix.system"));
  EXPECT_THAT(result.out, HasSubstr("byte 24, REDUCE"));
}

TEST_F(CommandTest, TheHighestOfAFolderDecidesAndNothingIsLeftOut) {
  Write("1.pkl", Good());
  Write("2.pkl", Bad());
  Write("3.txt", "no model at all");
  const client::PrivateDaemon daemon = StartDaemon({"/"});
  const std::string address = "unix:" + daemon.socket_path();
  const Result refused = Run({"audit", "--address", address, (folder_ / "d").string()});
  EXPECT_EQ(refused.exit_code, 1) << refused.err;
  EXPECT_THAT(refused.out, HasSubstr("1 accepted, 2 refused, 0 could not be decided"));
  fs::create_symlink("1.pkl", folder_ / "d/link");
  const Result undecided = Run({"audit", "-q", "--address", address, (folder_ / "d").string()});
  EXPECT_EQ(undecided.exit_code, 2);
  EXPECT_THAT(undecided.out, Not(HasSubstr("1.pkl")));
  EXPECT_THAT(undecided.out, HasSubstr("link: could not be decided"));
  EXPECT_THAT(undecided.err, Not(HasSubstr("#")));  // No bar where there is no terminal.
}

TEST_F(CommandTest, ManyFilesComeOutInOrder) {
  const client::PrivateDaemon daemon = StartDaemon({"/"});
  for (int i = 100; i < 160; ++i) Write(std::to_string(i), i % 3 == 0 ? Bad() : Good());
  const Result result =
      Run({"audit", "--json", "--address", daemon.socket_path(), (folder_ / "d").string()});
  EXPECT_EQ(result.exit_code, 1) << result.err;
  const std::vector<std::string> lines = absl::StrSplit(result.out, '\n', absl::SkipEmpty());
  ASSERT_EQ(lines.size(), 60u);
  for (int i = 0; i < 60; ++i) {
    google::protobuf::Struct report;
    ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(lines[i], &report).ok()) << lines[i];
    EXPECT_EQ(report.fields().at("path").string_value(), folder_ / "d" / std::to_string(100 + i));
    const bool bad = (100 + i) % 3 == 0;
    EXPECT_EQ(report.fields().at("verdict").string_value(),
              bad ? "VERDICT_REFUSED" : "VERDICT_ACCEPTED");
    EXPECT_EQ(report.fields().at("findings").list_value().values_size() > 0, bad);
  }
}

TEST_F(CommandTest, ADaemonThatMayNotReadThePathGetsTheContent) {
  const client::PrivateDaemon daemon = StartDaemon({(folder_ / "tmp").string()});
  const std::string& address = daemon.socket_path();
  EXPECT_EQ(Run({"audit", "--address", address, Write("good.pkl", Good())}).exit_code, 0);
  EXPECT_EQ(Run({"audit", "--address", address, Write("bad.pkl", Bad())}).exit_code, 1);
  const Result large = Run({"audit", "--address", address, Write("large.npy", Npy(4 << 20))});
  EXPECT_EQ(large.exit_code, 2);
  EXPECT_THAT(large.out, HasSubstr("3 MiB"));
}

TEST_F(CommandTest, InspectShowsTheTreeOrTheNames) {
  const Result tree = Run({"inspect", "--private", Write("a.npy", Npy(7))});
  EXPECT_EQ(tree.exit_code, 0) << tree.err;
  EXPECT_THAT(tree.out, HasSubstr("array (7,) |u1, 7 B"));
  const Result names = Run({"inspect", "--private", Write("bad.pkl", Bad())});
  EXPECT_EQ(names.exit_code, 1);
  EXPECT_THAT(names.out, HasSubstr("posix.system  not listed"));
}

TEST_F(CommandTest, InfoDescribesTheDaemon) {
  const Result result = Run({"info", "--private"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("isolation: tier "));
  EXPECT_THAT(result.out, HasSubstr("default"));
}

TEST_F(CommandTest, AnotherDigestIsRefused) {
  const Result result =
      Run({"audit", "--private", "--sha256", std::string(64, '0'), Write("good.pkl", Good())});
  EXPECT_EQ(result.exit_code, 1) << result.err;
  EXPECT_THAT(result.out, HasSubstr("DIGEST_MISMATCH"));
}

TEST_F(CommandTest, ANamedDaemonMustAnswer) {
  const std::string nobody = (folder_ / "nobody.sock").string();
  const std::string file = Write("good.pkl", Good());
  const Result option = Run({"audit", "--address", nobody, file});
  EXPECT_EQ(option.exit_code, 2);
  EXPECT_EQ(option.out, "");
  EXPECT_THAT(option.err, HasSubstr("nobody.sock"));
  setenv("LOADLOCK_ADDRESS", nobody.c_str(), 1);
  EXPECT_EQ(Run({"audit", file}).exit_code, 2);
}

TEST_F(CommandTest, AVerdictThatCannotBeWrittenIsNone) {
  const Result result =
      Await(Spawn({"audit", "--private", Write("good.pkl", Good())}, "/dev/full"));
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("standard output"));
}

TEST_F(CommandTest, AMissingOrBrokenDaemonIsAnErrorNotAVerdict) {
  const std::string file = Write("good.pkl", Good());
  setenv("LOADLOCKD", (folder_ / "nothing").c_str(), 1);
  EXPECT_EQ(Run({"audit", "--private", file}).exit_code, 2);
  setenv("LOADLOCKD", "/bin/false", 1);
  const Result result = Run({"audit", "--private", file});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("did not start"));
}

TEST_F(CommandTest, ASignalLeavesNothingBehind) {
  const fs::path script = folder_ / "slow";
  std::ofstream(script) << "#!/bin/sh\nread line <&3\n";  // Never ready, ends with its lifeline.
  fs::permissions(script, fs::perms::owner_all);
  setenv("LOADLOCKD", script.c_str(), 1);
  const pid_t pid = Spawn({"audit", "--private", Write("good.pkl", Good())}, folder_ / "out");
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (fs::is_empty(folder_ / "tmp") && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  ASSERT_FALSE(fs::is_empty(folder_ / "tmp"));
  kill(pid, SIGTERM);
  EXPECT_EQ(Await(pid).signal, SIGTERM);
}

// The library.

std::string Text(absl::Span<const uint8_t> bytes) {
  return std::string(bytes.begin(), bytes.end());
}

TEST_F(CommandTest, LoadsInlineByDescriptorAndByStream) {
  const client::PrivateDaemon daemon = StartDaemon({"/"});
  absl::StatusOr<client::Client> client = client::Client::Connect(daemon.socket_path());
  ASSERT_TRUE(client.ok()) << client.status();
  for (const size_t count : {size_t{0}, size_t{7}, size_t{300} << 10, size_t{5} << 20}) {
    const std::string npy = Npy(count);
    client::LoadOptions options;
    options.access = client::Access::kPrivate;
    absl::StatusOr<client::LoadResult> result = client->Load(Write("a.npy", npy), options);
    ASSERT_TRUE(result.ok()) << result.status();
    auto* model = std::get_if<client::Model>(&*result);
    ASSERT_NE(model, nullptr);
    EXPECT_EQ(model->report().size(), npy.size());
    ASSERT_EQ(model->buffer_count(), 1u);
    ASSERT_EQ(model->buffer(0).size(), count);
    EXPECT_TRUE(Text(model->buffer(0)) == npy.substr(npy.size() - count));
    if (count > 0) model->mutable_buffer(0)[0] = 9;  // Its own copy.
    EXPECT_EQ(client->Info()->leases(), 0u);
  }
}

TEST_F(CommandTest, ARefusedLoadIsAResultWithItsReport) {
  const client::PrivateDaemon daemon = StartDaemon({"/"});
  absl::StatusOr<client::Client> client = client::Client::Connect(daemon.socket_path());
  ASSERT_TRUE(client.ok()) << client.status();
  absl::StatusOr<client::LoadResult> result = client->Load(Write("bad.pkl", Bad()));
  ASSERT_TRUE(result.ok()) << result.status();
  const auto* refused = std::get_if<client::Refused>(&*result);
  ASSERT_NE(refused, nullptr);
  EXPECT_EQ(refused->report.verdict(), v1::VERDICT_REFUSED);
  EXPECT_GT(refused->report.findings_size(), 0);

  const absl::Status missing = client->Load("/nonexistent/model").status();
  EXPECT_TRUE(absl::IsNotFound(missing));
  EXPECT_EQ(client::ErrorReason(missing), "NO_SUCH_FILE");
}

TEST_F(CommandTest, AKeptLeaseEndsWhenItIsUnloaded) {
  const client::PrivateDaemon daemon = StartDaemon({"/"});
  absl::StatusOr<client::Client> client = client::Client::Connect(daemon.socket_path());
  ASSERT_TRUE(client.ok()) << client.status();
  client::LoadOptions options;
  options.keep_lease = true;
  absl::StatusOr<client::LoadResult> result = client->Load(Write("a.npy", Npy(1 << 20)), options);
  ASSERT_TRUE(result.ok()) << result.status();
  auto& model = std::get<client::Model>(*result);
  EXPECT_EQ(model.lease().token().size(), 32u);
  EXPECT_EQ(client->Info()->leases(), 1u);
  EXPECT_TRUE(client->Unload(&model).ok());
  EXPECT_EQ(client->Info()->leases(), 0u);
  EXPECT_TRUE(absl::IsNotFound(client->Unload(&model)) ||
              absl::IsInvalidArgument(client->Unload(&model)));
  EXPECT_EQ(model.buffer(0).size(), size_t{1} << 20);  // Outlives its lease.
}

TEST_F(CommandTest, CallsFailWhenTheDaemonHasGone) {
  client::PrivateDaemon daemon = StartDaemon({"/"});
  absl::StatusOr<client::Client> client = client::Client::Connect(daemon.socket_path());
  ASSERT_TRUE(client.ok()) << client.status();
  daemon.Stop();
  EXPECT_TRUE(absl::IsUnavailable(client->Info().status())) << client->Info().status();
}

}  // namespace
}  // namespace loadlock::cli
