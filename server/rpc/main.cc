// loadlockd: vets models in a sandbox and hands over inert graphs.
//
// Exit: 0 after a clean end, 1 if it cannot serve, 2 if the configuration is wrong.
#include <malloc.h>

#include <filesystem>
#include <iostream>
#include <string>
#include <variant>

#include "server/config/flags.h"
#include "server/config/resolve.h"
#include "server/observe/grpc_log.h"
#include "server/observe/log.h"
#include "server/observe/protobuf_log.h"
#include "server/rpc/daemon.h"

namespace {

constexpr int kCannotServe = 1;
constexpr int kBadConfig = 2;
// Blocks from here on go back to the system when they are freed. By itself malloc learns from each
// large block to keep the next one, up to 32 MiB in every thread's arena: a few large artifacts
// would leave hundreds of megabytes in an idle daemon.
constexpr int kMmapThreshold = 4 << 20;

int Complain(const absl::Status& status, int code) {
  std::cerr << "loadlockd: " << status.message() << "\n";
  return code;
}

// One line "FILE:LINE: FIELD: what", without a prefix, so that editors find the place.
int ComplainOfConfig(const absl::Status& status) {
  std::cerr << status.message() << "\n";
  return kBadConfig;
}

std::string ExecutableDir() {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
}

}  // namespace

int main(int argc, char** argv) {
  mallopt(M_MMAP_THRESHOLD, kMmapThreshold);
  auto parsed = loadlock::config::ParseFlags(argc, argv, LOADLOCK_VERSION);
  if (!parsed.ok()) return ComplainOfConfig(parsed.status());
  if (const auto* print = std::get_if<loadlock::config::PrintAndExit>(&*parsed)) {
    std::cout << print->text;
    return 0;
  }
  const auto read_settings = [&] {
    return loadlock::config::Resolve(std::get<loadlock::config::Flags>(*parsed), ExecutableDir());
  };
  const auto settings = read_settings();
  if (!settings.ok()) return ComplainOfConfig(settings.status());
  const auto log = loadlock::observe::Log::Open(
      {.level = settings->log.level, .json = settings->log.json, .file = settings->log.file});
  if (!log.ok()) return Complain(log.status(), kCannotServe);
  const loadlock::observe::ProtobufLog protobuf_log(**log);
  const loadlock::observe::GrpcLog grpc_log(**log);
  const absl::Status status =
      loadlock::rpc::RunDaemon(*settings, read_settings, LOADLOCK_VERSION, **log);
  if (status.ok()) return 0;
  // Standard error gets it once, and in plain words.
  if (!settings->log.file.empty()) {
    (*log)->Write(loadlock::observe::Level::kError, "cannot_serve",
                  {{"message", std::string(status.message())}});
  }
  // Of what RunDaemon reads, only a policy or a root can be wrong in itself.
  return Complain(status, absl::IsInvalidArgument(status) ? kBadConfig : kCannotServe);
}
