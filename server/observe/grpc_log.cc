#include "server/observe/grpc_log.h"

#include <grpc/support/log.h>

#include <mutex>

namespace loadlock::observe {
namespace {

// Enough to see that something is wrong and what, too few to fill a disk.
constexpr uint32_t kLinesPerSecond = 5;

// An error of gRPC is mostly a caller that misbehaves, which is no error of the daemon.
Level LevelOf(gpr_log_severity severity) {
  switch (severity) {
    case GPR_LOG_SEVERITY_DEBUG:
      return Level::kDebug;
    case GPR_LOG_SEVERITY_INFO:
      return Level::kInfo;
    case GPR_LOG_SEVERITY_ERROR:
      break;
  }
  return Level::kWarn;
}

}  // namespace

class GrpcHandler {
 public:
  // gRPC keeps one plain function for the process, so what it writes to cannot be handed in. Its
  // own threads outlive a server for a moment, so this is never destroyed.
  struct Target {
    std::mutex mutex;
    GrpcLog* log = nullptr;
  };
  static Target& Current() {
    static auto* const current = new Target;
    return *current;
  }
  static void Set(GrpcLog* log) {
    const std::lock_guard lock(Current().mutex);
    Current().log = log;
  }

  static void Handle(gpr_log_func_args* args) {
    const std::lock_guard lock(Current().mutex);
    GrpcLog* const target = Current().log;
    if (target == nullptr) return;
    const Level level = LevelOf(args->severity);
    // A line that nobody would see must not take the place of one that somebody would.
    if (!target->log_.enabled(level)) return;
    const std::optional<uint64_t> dropped = target->limit_.Pass(clock::SteadyTime::Now());
    if (!dropped.has_value()) return;
    target->log_.Write(level, "grpc",
                       {{"message", args->message},
                        {"file", args->file},
                        {"line", args->line},
                        {"dropped", *dropped}});
  }
};

GrpcLog::GrpcLog(const Log& log) : log_(log), limit_(kLinesPerSecond) {
  GrpcHandler::Set(this);
  gpr_set_log_function(&GrpcHandler::Handle);
}

GrpcLog::~GrpcLog() { GrpcHandler::Set(nullptr); }

}  // namespace loadlock::observe
