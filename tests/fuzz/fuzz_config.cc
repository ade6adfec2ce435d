// The daemon's configuration file: its text, and the settings that come of it. An input is the
// file.
#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/stubs/logging.h"
#include "google/protobuf/text_format.h"
#include "server/config/config_file.h"
#include "server/config/resolve.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/target.h"

namespace loadlock::fuzz {
namespace {

using config::ConfigFile;
using config::Settings;

void CheckError(const absl::Status& status, std::string_view name) {
  const std::string_view message(status.message().data(), status.message().size());
  Require(status.code() == absl::StatusCode::kInvalidArgument, "a wrong file is the operator's");
  Require(message.substr(0, name.size()) == name || message.substr(0, 13) == "command line:",
          "an error says where");
  Require(message.size() < 4096 && IsPrintable(message), "in one line that can be shown");
}

void CheckLimits(const config::LimitSettings& limits) {
  for (const uint64_t bytes : {limits.max_artifact_bytes, limits.max_decoded_bytes,
                               limits.max_heap_bytes, limits.max_total_bytes}) {
    Require(bytes >= 1024 && bytes <= uint64_t{1} << 44, "sums of sizes cannot overflow");
  }
  Require(limits.max_nodes >= 1 && limits.max_nodes <= config::kMaxNodes,
          "no more nodes than a graph may have");
  for (const absl::Duration time :
       {limits.max_cpu_time, limits.max_wall_time, limits.default_lease, limits.max_lease}) {
    Require(time >= absl::Milliseconds(1) && time <= absl::Hours(24), "times are times");
  }
  Require(limits.default_lease <= limits.max_lease, "nobody gets more than he may ask for");
  for (const uint32_t count : {limits.max_running_requests, limits.max_queued_requests,
                               limits.warm_workers, limits.max_leases, limits.max_depth}) {
    Require(count >= 1 && count <= 100'000, "counts are neither none nor without bound");
  }
}

void CheckSettings(const Settings& settings) {
  CheckLimits(settings.limits);
  Require(settings.unix_socket.front() == '/' && settings.fd_socket().size() < 108,
          "the sockets have paths that the kernel takes");
  Require(settings.tcp.empty() || absl::StartsWith(settings.tcp, "127.0.0.1:") ||
              absl::StartsWith(settings.tcp, "[::1]:"),
          "TCP is for loopback");
  for (const std::string& root : settings.roots) {
    Require(root.front() == '/' && root.find('\0') == std::string::npos, "roots are absolute");
  }
  Require(settings.min_tier >= v1::TIER_A && settings.min_tier <= v1::TIER_C, "a tier is meant");
  Require(settings.log.file.empty() || settings.log.file.front() == '/', "the log is absolute");
}

// The file as text again means the same.
void CheckAgain(const v1::Config& config) {
  std::string text;
  Require(google::protobuf::TextFormat::PrintToString(config, &text), "a file can be printed");
  const absl::StatusOr<ConfigFile> again = ConfigFile::Parse("again", text);
  Require(again.ok() && again->config().SerializeAsString() == config.SerializeAsString(),
          "and means the same");
}

// By a path, as the daemon reads it.
std::string PathOf(std::string_view text) {
  static const int fd = memfd_create("config", MFD_CLOEXEC);
  Require(fd >= 0 && ftruncate(fd, 0) == 0 &&
              pwrite(fd, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()),
          "memfd_create");
  return absl::StrCat("/proc/self/fd/", fd);
}

}  // namespace
}  // namespace loadlock::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  google::protobuf::SetLogHandler(nullptr);
  using namespace loadlock;  // NOLINT(google-build-using-namespace): the entry is in C's
  const std::string text(fuzz::AsText(data, size));
  const absl::StatusOr<config::ConfigFile> file = config::ConfigFile::Parse("file", text);
  if (!file.ok()) {
    fuzz::CheckError(file.status(), "file:");
    return 0;
  }
  fuzz::CheckAgain(file->config());
  config::Flags flags;
  flags.config_file = fuzz::PathOf(text);
  // What does not come from the file and must exist.
  flags.policy_dir.emplace("/");
  flags.worker.emplace("/proc/self/exe");
  const absl::StatusOr<config::Settings> settings = config::Resolve(flags, "/");
  if (settings.ok()) {
    fuzz::CheckSettings(*settings);
  } else {
    fuzz::CheckError(settings.status(), flags.config_file);
  }
  return 0;
}
