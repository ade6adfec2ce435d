#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <variant>
#include <vector>

#include "server/config/config_file.h"
#include "server/config/flags.h"
#include "server/config/reload.h"
#include "server/config/resolve.h"
#include "tests/support/temp_folder.h"

namespace loadlock::config {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class ConfigTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(dir_ + "/bin");
    std::filesystem::create_directories(dir_ + "/share/loadlock/policies");
    std::filesystem::create_directories(dir_ + "/models");
    Write("bin/loadlock-worker", "");
    ASSERT_EQ(chmod((dir_ + "/bin/loadlock-worker").c_str(), 0755), 0);
  }

  std::string Write(const std::string& name, const std::string& text) {
    return folder_.Write(name, text);
  }

  absl::StatusOr<Settings> WithFile(const std::string& text) {
    Flags flags;
    flags.config_file = Write("loadlockd.textproto", text);
    return Resolve(flags, dir_ + "/bin");
  }

  // The error with the file's path cut to "FILE".
  std::string ErrorOf(const std::string& text) {
    const absl::StatusOr<Settings> settings = WithFile(text);
    if (settings.ok()) return "accepted";
    std::string message(settings.status().message());
    const std::string path = dir_ + "/loadlockd.textproto";
    const size_t at = message.find(path);
    if (at != std::string::npos) message.replace(at, path.size(), "FILE");
    return message;
  }

  absl::StatusOr<Settings> WithFlags(const std::vector<const char*>& args) {
    std::vector<const char*> argv = {"loadlockd"};
    argv.insert(argv.end(), args.begin(), args.end());
    auto parsed = ParseFlags(static_cast<int>(argv.size()), argv.data(), "1.2.3");
    if (!parsed.ok()) return parsed.status();
    return Resolve(std::get<Flags>(*parsed), dir_ + "/bin");
  }

  const support::TempFolder folder_;
  const std::string dir_ = folder_.path();
};

TEST_F(ConfigTest, DefaultsWithoutFile) {
  const absl::StatusOr<Settings> settings = Resolve(Flags{}, dir_ + "/bin");
  ASSERT_TRUE(settings.ok()) << settings.status();
  EXPECT_EQ(settings->unix_socket, "/run/loadlock/loadlock.sock");
  EXPECT_EQ(settings->fd_socket(), "/run/loadlock/loadlock.sock.fd");
  EXPECT_EQ(settings->policy_dir, dir_ + "/share/loadlock/policies");
  EXPECT_EQ(settings->worker_path, dir_ + "/bin/loadlock-worker");
  EXPECT_EQ(settings->limits.max_artifact_bytes, 4 * kGiB);
  EXPECT_GE(settings->limits.warm_workers, 2U);
  EXPECT_EQ(settings->min_tier, v1::TIER_C);
  EXPECT_EQ(settings->best_tier, v1::TIER_A);
  EXPECT_EQ(settings->store.state_dir, "");
}

TEST_F(ConfigTest, FileIsTaken) {
  const absl::StatusOr<Settings> settings = WithFile(
      "listen { unix_socket: '/tmp/x.sock' tcp: '[::1]:8500' }\n"
      "roots: '" +
      dir_ +
      "/models'\n"
      "limits { max_nodes: 5 max_wall_time { seconds: 7 } default_lease { nanos: 5000000 } }\n"
      "min_tier: TIER_B\n"
      "log { level: 'debug' format: LOG_FORMAT_JSON file: '/tmp/x.log' }\n"
      "store { state_dir: '/var/lib/x' max_bytes: 1048576 min_file_bytes: 300000 }\n"
      "drain_timeout { seconds: 3 }\n");
  ASSERT_TRUE(settings.ok()) << settings.status();
  EXPECT_EQ(settings->unix_socket, "/tmp/x.sock");
  EXPECT_EQ(settings->tcp, "[::1]:8500");
  EXPECT_THAT(settings->roots, ElementsAre(dir_ + "/models"));
  EXPECT_EQ(settings->limits.max_nodes, 5U);
  EXPECT_EQ(settings->limits.max_wall_time, absl::Seconds(7));
  EXPECT_EQ(settings->limits.default_lease, absl::Milliseconds(5));
  EXPECT_EQ(settings->min_tier, v1::TIER_B);
  EXPECT_TRUE(settings->log.json);
  EXPECT_EQ(settings->log.level, "debug");
  EXPECT_EQ(settings->store.state_dir, "/var/lib/x");
  EXPECT_EQ(settings->store.max_bytes, kMiB);
  EXPECT_EQ(settings->store.min_file_bytes, 300'000U);
  EXPECT_EQ(settings->store.max_memory_bytes, kMaxMemoryBytes);
  EXPECT_EQ(settings->drain_timeout, absl::Seconds(3));
}

TEST_F(ConfigTest, ErrorsNameFileLineAndField) {
  EXPECT_THAT(ErrorOf("\n\nwobble: 3\n"), StartsWith("FILE:3: wobble: "));
  EXPECT_THAT(ErrorOf("limits {\n  max_nodes: 'many'\n}\n"), StartsWith("FILE:2: max_nodes: "));
  EXPECT_THAT(ErrorOf("limits {\n"), StartsWith("FILE:2: "));
  EXPECT_EQ(ErrorOf("\nroots: 'models'\n"), "FILE:2: roots: must be an absolute path");
  EXPECT_EQ(ErrorOf("roots: '/'\nroots: '/nowhere/at/all'\n"),
            "FILE:2: roots: is not an existing folder");
  EXPECT_EQ(ErrorOf("roots: '" + dir_ + "/bin/loadlock-worker'\n"),
            "FILE:1: roots: is not an existing folder");
  EXPECT_EQ(ErrorOf("\nlisten {\n  unix_socket: 'x.sock'\n}\n"),
            "FILE:3: listen.unix_socket: must be an absolute path");
  EXPECT_EQ(ErrorOf("listen { unix_socket: '/" + std::string(120, 'x') + "' }"),
            "FILE:1: listen.unix_socket: is longer than 104 bytes");
  EXPECT_THAT(ErrorOf("listen {\n tcp: '0.0.0.0:80' }"), StartsWith("FILE:2: listen.tcp: must be"));
  EXPECT_THAT(ErrorOf("listen {\n tcp: 'localhost:80' }"), StartsWith("FILE:2: listen.tcp: must"));
  EXPECT_THAT(ErrorOf("listen {\n tcp: '127.0.0.1:0' }"), StartsWith("FILE:2: listen.tcp: port"));
  EXPECT_THAT(ErrorOf("listen {\n tcp: '127.0.0.1:80x' }"), StartsWith("FILE:2: listen.tcp: port"));
  EXPECT_EQ(ErrorOf("policy_dir: '/nowhere'"), "FILE:1: policy_dir: is not an existing folder");
  EXPECT_EQ(ErrorOf("log {\n level: 'loud' }"),
            "FILE:2: log.level: must be trace, debug, info, warn or error");
  EXPECT_EQ(ErrorOf("log { file: 'x' }"), "FILE:1: log.file: must be an absolute path");
  EXPECT_THAT(ErrorOf("min_tier: 9"), StartsWith("FILE:1: min_tier: "));
}

TEST_F(ConfigTest, LimitsHaveBounds) {
  EXPECT_EQ(ErrorOf("limits {\n max_nodes: 10000001 }"),
            "FILE:2: limits.max_nodes: must be 1 to 10000000");
  EXPECT_THAT(ErrorOf("limits {\n max_artifact_bytes: 10 }"), HasSubstr("FILE:2: limits.max_art"));
  EXPECT_THAT(ErrorOf("limits {\n max_decoded_bytes: 18446744073709551615 }"),
              HasSubstr("FILE:2: limits.max_decoded_bytes"));
  EXPECT_THAT(ErrorOf("limits {\n max_heap_bytes: 1 }"), HasSubstr("FILE:2: limits.max_heap"));
  EXPECT_THAT(ErrorOf("limits {\n max_running_requests: 5000 }"),
              HasSubstr("FILE:2: limits.max_r"));
  EXPECT_THAT(ErrorOf("limits {\n warm_workers: 5000 }"), HasSubstr("FILE:2: limits.warm_w"));
  EXPECT_THAT(ErrorOf("limits {\n max_cpu_time { seconds: -1 } }"),
              HasSubstr("FILE:2: limits.max_cpu_time: must be 1ms to 1h"));
  EXPECT_THAT(ErrorOf("limits {\n max_wall_time { } }"), HasSubstr("FILE:2: limits.max_wall_time"));
  EXPECT_EQ(ErrorOf("limits {\n max_lease { seconds: 1 }\n default_lease { seconds: 2 } }"),
            "FILE:3: limits.default_lease: must not exceed max_lease");
  EXPECT_THAT(ErrorOf("drain_timeout { seconds: 999999 }"), HasSubstr("FILE:1: drain_timeout"));
  EXPECT_EQ(ErrorOf("store {\n state_dir: 'x' }"),
            "FILE:2: store.state_dir: must be an absolute path");
  EXPECT_THAT(ErrorOf("store {\n max_bytes: 5 }"), HasSubstr("FILE:2: store.max_bytes: must be"));
  EXPECT_THAT(ErrorOf("store {\n min_file_bytes: 4096 }"),
              HasSubstr("FILE:2: store.min_file_bytes: must be"));
}

TEST_F(ConfigTest, ShortMaxLeaseShortensTheDefault) {
  const absl::StatusOr<Settings> settings = WithFile("limits { max_lease { seconds: 1 } }");
  ASSERT_TRUE(settings.ok()) << settings.status();
  EXPECT_EQ(settings->limits.default_lease, absl::Seconds(1));
}

TEST_F(ConfigTest, TheExampleIsValidAndSaysTheDefaults) {
  Flags flags;
  flags.config_file = EXAMPLE_CONFIG;
  const absl::StatusOr<Settings> settings = Resolve(flags, dir_ + "/bin");
  ASSERT_TRUE(settings.ok()) << settings.status();
  EXPECT_EQ(settings->limits.max_artifact_bytes, kMaxArtifactBytes);
  EXPECT_EQ(settings->limits.max_decoded_bytes, kMaxDecodedBytes);
  EXPECT_EQ(settings->limits.max_heap_bytes, kMaxHeapBytes);
  EXPECT_EQ(settings->limits.max_wall_time, kMaxWallTime);
  EXPECT_EQ(settings->limits.max_total_bytes, kMaxTotalBytes);
  EXPECT_EQ(settings->limits.max_lease, kMaxLease);
  EXPECT_EQ(settings->drain_timeout, kDrainTimeout);
}

TEST_F(ConfigTest, MissingFileIsOneLine) {
  Flags flags;
  flags.config_file = "/nowhere/x.textproto";
  EXPECT_EQ(Resolve(flags, dir_ + "/bin").status().message(),
            "/nowhere/x.textproto:0: file: cannot be opened");
}

TEST_F(ConfigTest, FlagsOverrideTheFile) {
  const std::string file = Write("c.textproto",
                                 "listen { unix_socket: '/tmp/a' } roots: '/' min_tier: TIER_C "
                                 "log { level: 'info' format: LOG_FORMAT_JSON }");
  const std::string root = dir_ + "/models";
  const absl::StatusOr<Settings> settings = WithFlags({"--config",      file.c_str(),
                                                       "--socket",      "/tmp/b",
                                                       "--root",        root.c_str(),
                                                       "--root",        "/tmp",
                                                       "--min-tier",    "B",
                                                       "--tier",        "B",
                                                       "--tcp",         "127.0.0.1:99",
                                                       "--log-level",   "error",
                                                       "--log-format",  "text",
                                                       "--lifeline-fd", "7",
                                                       "--ready-fd",    "8"});
  ASSERT_TRUE(settings.ok()) << settings.status();
  EXPECT_EQ(settings->unix_socket, "/tmp/b");
  EXPECT_THAT(settings->roots, ElementsAre(root, "/tmp"));
  EXPECT_EQ(settings->min_tier, v1::TIER_B);
  EXPECT_EQ(settings->best_tier, v1::TIER_B);
  EXPECT_EQ(settings->tcp, "127.0.0.1:99");
  EXPECT_EQ(settings->log.level, "error");
  EXPECT_FALSE(settings->log.json);
  EXPECT_EQ(settings->lifeline_fd, 7);
  EXPECT_EQ(settings->ready_fd, 8);
}

TEST_F(ConfigTest, PathsOfTheCommandLineAreMeantFromHere) {
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(dir_ + "/bin");
  const absl::StatusOr<Settings> settings = WithFlags(
      {"--root", "../models", "--root", ".", "--policy-dir", "./../share/loadlock/policies",
       "--worker", "loadlock-worker", "--socket", "s.sock", "--log-file", "log"});
  std::filesystem::current_path(before);
  ASSERT_TRUE(settings.ok()) << settings.status();
  EXPECT_THAT(settings->roots, ElementsAre(dir_ + "/models", dir_ + "/bin/"));
  EXPECT_EQ(settings->policy_dir, dir_ + "/share/loadlock/policies");
  EXPECT_EQ(settings->worker_path, dir_ + "/bin/loadlock-worker");
  EXPECT_EQ(settings->unix_socket, dir_ + "/bin/s.sock");
  EXPECT_EQ(settings->log.file, dir_ + "/bin/log");
}

TEST_F(ConfigTest, BadFlagsSayWhich) {
  EXPECT_EQ(WithFlags({"--root", "/nowhere/models"}).status().message(),
            "command line: --root: is not an existing folder");
  EXPECT_EQ(WithFlags({"--root", ""}).status().message(),
            "command line: --root: must be an absolute path");
  EXPECT_EQ(WithFlags({"--tier", "Z"}).status().message(),
            "command line: --tier: must be A, B or C");
  EXPECT_EQ(WithFlags({"--min-tier", "A", "--tier", "B"}).status().message(),
            "command line: --tier: is below the minimum tier");
  EXPECT_EQ(
      WithFlags({"--tcp", "1.2.3.4:5"}).status().message(),
      "command line: --tcp: must be 127.0.0.1:PORT or [::1]:PORT; other addresses are refused");
  EXPECT_EQ(WithFlags({"--worker", "/nowhere"}).status().message(),
            "command line: --worker: is not an executable file");
  EXPECT_EQ(WithFlags({"--lifeline-fd", "1"}).status().message(),
            "command line: --lifeline-fd: must be at least 3");
  EXPECT_THAT(std::string(WithFlags({"--wobble"}).status().message()),
              testing::AllOf(StartsWith("command line: "), EndsWith("--wobble")));
}

TEST_F(ConfigTest, WhatOperatorsSee) {
  const absl::StatusOr<Settings> settings = WithFile(
      "audit { file: '/a' on_failure: AUDIT_FAILURE_ANSWER sync: true } "
      "metrics { address: '0.0.0.0:9464' } listen { health: '[::1]:80' }");
  ASSERT_TRUE(settings.ok()) << settings.status();
  EXPECT_EQ(settings->audit, (AuditSettings{"/a", true, true}));
  EXPECT_EQ(settings->metrics, (TcpAddress{"0.0.0.0", 9464}));
  EXPECT_EQ(settings->health, (TcpAddress{"::1", 80}));
  const absl::StatusOr<Settings> defaults = WithFile("audit { file: '/a' }");
  ASSERT_TRUE(defaults.ok());
  EXPECT_FALSE(defaults->audit.answer_anyway);
  EXPECT_EQ(defaults->metrics.host, "");
  const auto flags = WithFlags({"--audit-log", "/b", "--metrics", "9464", "--health", "1"});
  ASSERT_TRUE(flags.ok()) << flags.status();
  EXPECT_EQ(flags->audit.file, "/b");
  EXPECT_EQ(flags->metrics, (TcpAddress{"127.0.0.1", 9464}));
  EXPECT_EQ(flags->health, (TcpAddress{"127.0.0.1", 1}));
  EXPECT_EQ(ErrorOf("\naudit { sync: true }"), "FILE:2: audit: has no file");
  EXPECT_EQ(ErrorOf("log { file: '/a' } audit { file: '/a' }"),
            "FILE:1: audit.file: is the log's own file");
  EXPECT_EQ(ErrorOf("metrics { address: 'localhost:1' }"),
            "FILE:1: metrics.address: must be PORT, ADDRESS:PORT or [ADDRESS]:PORT, with numbers "
            "alone");
  EXPECT_EQ(ErrorOf("listen { health: '127.0.0.1:0' }"),
            "FILE:1: listen.health: port must be 1 to 65535");
}

TEST_F(ConfigTest, MissingWorkerIsSaid) {
  ASSERT_EQ(unlink((dir_ + "/bin/loadlock-worker").c_str()), 0);
  EXPECT_THAT(std::string(Resolve(Flags{}, dir_ + "/bin").status().message()),
              StartsWith("command line: --worker: loadlock-worker is neither"));
}

TEST_F(ConfigTest, VersionAndHelp) {
  const std::vector<const char*> argv = {"loadlockd", "--version"};
  auto parsed = ParseFlags(2, argv.data(), "1.2.3");
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(std::get<PrintAndExit>(*parsed).text, "loadlockd 1.2.3\n");
}

TEST_F(ConfigTest, OnlyRootsAndPoliciesAreReloaded) {
  const std::string models = "roots: '" + dir_ + "/models' ";
  const absl::StatusOr<Settings> running = WithFile(models);
  ASSERT_TRUE(running.ok()) << running.status();
  std::filesystem::create_directories(dir_ + "/more");
  const absl::StatusOr<Settings> next =
      WithFile(models + "roots: '" + dir_ + "/more' policy_dir: '" + dir_ + "/more'");
  ASSERT_TRUE(next.ok()) << next.status();
  EXPECT_TRUE(CheckReload(*running, *next).ok());
  Settings storing = *running;
  storing.store.state_dir = dir_ + "/state";
  Settings elsewhere = *next;
  elsewhere.store = storing.store;
  EXPECT_THAT(std::string(CheckReload(storing, elsewhere).message()), StartsWith("roots "));
  for (const auto& [text, field] : std::vector<std::pair<std::string, std::string>>{
           {"listen { unix_socket: '/other' }", "listen.unix_socket "},
           {"listen { tcp: '127.0.0.1:1' }", "listen.tcp "},
           {"limits { max_nodes: 5 }", "limits "},
           {"min_tier: TIER_A", "min_tier "},
           {"store { max_bytes: 5000000 }", "store "},
           {"log { level: 'warn' }", "log "},
           {"log { file: '/other' }", "log "},
           {"audit { file: '/other' }", "audit "},
           {"metrics { address: '1' }", "metrics "},
           {"listen { health: '1' }", "listen.health "},
           {"drain_timeout { seconds: 1 }", "drain_timeout "}}) {
    const absl::StatusOr<Settings> other = WithFile(models + text);
    ASSERT_TRUE(other.ok()) << other.status();
    EXPECT_THAT(std::string(CheckReload(*running, *other).message()), StartsWith(field)) << text;
  }
  Settings worker = *running;
  worker.worker_path = "/other";
  EXPECT_FALSE(CheckReload(*running, worker).ok());
}

}  // namespace
}  // namespace loadlock::config
