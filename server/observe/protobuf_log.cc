#include "server/observe/protobuf_log.h"

#include <google/protobuf/stubs/logging.h>

#include <atomic>

#include "sandbox/clock/steady_time.h"

namespace loadlock::observe {
namespace {

// Enough to see that something is wrong and what, too few to fill a disk.
constexpr uint32_t kLinesPerSecond = 5;

}  // namespace

class ProtobufHandler {
 public:
  // protobuf keeps one plain function for the process, so what it writes to cannot be handed in.
  static std::atomic<ProtobufLog*>& Current() {
    static std::atomic<ProtobufLog*> current{nullptr};
    return current;
  }

  static void Handle(google::protobuf::LogLevel level, const char* file, int line,
                     const std::string& message) {
    ProtobufLog* const target = Current().load();
    if (target == nullptr) return;
    const std::optional<uint64_t> dropped = target->limit_.Pass(clock::SteadyTime::Now());
    if (!dropped.has_value()) return;
    // Errors of protobuf are mostly bad input, which is no error of the daemon.
    const Level ours = level == google::protobuf::LOGLEVEL_FATAL ? Level::kError : Level::kWarn;
    target->log_.Write(
        ours, "protobuf",
        {{"message", message}, {"file", file}, {"line", line}, {"dropped", *dropped}});
  }
};

ProtobufLog::ProtobufLog(const Log& log) : log_(log), limit_(kLinesPerSecond) {
  ProtobufHandler::Current().store(this);
  google::protobuf::SetLogHandler(&ProtobufHandler::Handle);
}

ProtobufLog::~ProtobufLog() {
  // From here on nothing is written: what is said while the process ends is no event.
  ProtobufHandler::Current().store(nullptr);
}

}  // namespace loadlock::observe
