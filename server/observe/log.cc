#include "server/observe/log.h"

#include <fcntl.h>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "sandbox/channel/unique_fd.h"
#include "server/observe/text.h"

namespace loadlock::observe {
namespace {

// Long enough for a path and short enough that a line stays one write.
constexpr size_t kMaxValue = 4096;

absl::StatusOr<channel::UniqueFd> OpenFile(const std::string& path) {
  channel::UniqueFd fd(
      open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600));
  struct stat info = {};
  // An older file may have wider permissions; the log names paths and digests of models. A device
  // is not ours to close to others, and holds nothing.
  if (!fd.valid() || fstat(fd.get(), &info) != 0 ||
      (S_ISREG(info.st_mode) && fchmod(fd.get(), 0600) != 0)) {
    return absl::PermissionDeniedError(
        absl::StrCat("log file ", Printable(path, kMaxMessage), ": ", std::strerror(errno)));
  }
  return fd;
}

absl::StatusOr<spdlog::level::level_enum> LevelOf(const std::string& name) {
  if (name == "trace") return spdlog::level::trace;
  if (name == "debug") return spdlog::level::debug;
  if (name == "info") return spdlog::level::info;
  if (name == "warn") return spdlog::level::warn;
  if (name == "error") return spdlog::level::err;
  return absl::InvalidArgumentError(absl::StrCat("log level ", Printable(name, 64)));
}

spdlog::level::level_enum ToSpdlog(Level level) {
  switch (level) {
    case Level::kTrace:
      return spdlog::level::trace;
    case Level::kDebug:
      return spdlog::level::debug;
    case Level::kInfo:
      return spdlog::level::info;
    case Level::kWarn:
      return spdlog::level::warn;
    case Level::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

void AppendJson(absl::string_view event, std::initializer_list<Field> fields, std::string* out) {
  absl::StrAppend(out, "\"event\":");
  AppendJsonString(event, out);
  for (const Field& field : fields) {
    absl::StrAppend(out, ",");
    AppendJsonString(field.key(), out);
    absl::StrAppend(out, ":");
    if (field.is_text()) {
      AppendJsonString(field.value(), out);
    } else {
      absl::StrAppend(out, field.value());
    }
  }
}

void AppendText(absl::string_view event, std::initializer_list<Field> fields, std::string* out) {
  absl::StrAppend(out, event);
  for (const Field& field : fields) {
    absl::StrAppend(out, " ", field.key(), "=");
    if (field.is_text()) {
      AppendJsonString(field.value(), out);
    } else {
      absl::StrAppend(out, field.value());
    }
  }
}

}  // namespace

// Writes each line with one write(2), so that lines of several processes do not mix.
class Log::FdSink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit FdSink(channel::UniqueFd fd) : fd_(std::move(fd)) {}

  void Replace(channel::UniqueFd fd) {
    const std::lock_guard<std::mutex> lock(mutex_);
    fd_ = std::move(fd);
  }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    const char* data = line.data();
    size_t left = line.size();
    while (left > 0) {
      const ssize_t written = write(fd_.get(), data, left);
      if (written < 0 && errno == EINTR) continue;
      // A full disk or a closed pipe must not stop the daemon, and there is nowhere to say it.
      if (written <= 0) return;
      data += written;
      left -= static_cast<size_t>(written);
    }
  }
  void flush_() override {}

 private:
  channel::UniqueFd fd_;
};

Field::Field(absl::string_view key, absl::string_view value)
    : key_(key), value_(Printable(value, kMaxValue)), is_text_(true) {}

Field::Field(absl::string_view key, absl::Duration value)
    : key_(key), value_(absl::StrFormat("%.3f", absl::ToDoubleMilliseconds(value))) {}

absl::StatusOr<std::unique_ptr<Log>> Log::Open(const LogOptions& options) {
  absl::StatusOr<spdlog::level::level_enum> level = LevelOf(options.level);
  if (!level.ok()) return level.status();
  channel::UniqueFd fd;
  if (options.file.empty()) {
    fd.Reset(fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3));
  } else {
    absl::StatusOr<channel::UniqueFd> opened = OpenFile(options.file);
    if (!opened.ok()) return opened.status();
    fd = *std::move(opened);
  }
  auto sink = std::make_shared<FdSink>(std::move(fd));
  auto logger = std::make_shared<spdlog::logger>("loadlock", sink);
  logger->set_level(*level);
  // The values in a line are escaped before they come here, so the pattern only frames them.
  logger->set_pattern(options.json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%fZ","level":"%l",%v})"
                                   : "%Y-%m-%dT%H:%M:%S.%fZ %l %v",
                      spdlog::pattern_time_type::utc);
  return std::unique_ptr<Log>(new Log(std::move(logger), std::move(sink), options));
}

Log::Log(std::shared_ptr<spdlog::logger> logger, std::shared_ptr<FdSink> sink,
         const LogOptions& options)
    : logger_(std::move(logger)),
      sink_(std::move(sink)),
      json_(options.json),
      file_(options.file) {}

Log::~Log() = default;

absl::Status Log::Reopen() const {
  if (file_.empty()) return absl::OkStatus();
  absl::StatusOr<channel::UniqueFd> opened = OpenFile(file_);
  if (!opened.ok()) return opened.status();
  sink_->Replace(*std::move(opened));
  return absl::OkStatus();
}

bool Log::enabled(Level level) const { return logger_->should_log(ToSpdlog(level)); }

void Log::Write(Level level, absl::string_view event, std::initializer_list<Field> fields) const {
  if (!enabled(level)) return;
  std::string line;
  line.reserve(256);
  if (json_) {
    AppendJson(event, fields, &line);
  } else {
    AppendText(event, fields, &line);
  }
  logger_->log(ToSpdlog(level), spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace loadlock::observe
