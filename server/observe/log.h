// The daemon's log: one line an event, as text or JSON, every value escaped.
//
// A line is an event name and fields; there is no free text, so nobody can smuggle a line break or
// a quote of an artifact into it. Content of artifacts is never logged.
#ifndef LOADLOCK_SERVER_OBSERVE_LOG_H_
#define LOADLOCK_SERVER_OBSERVE_LOG_H_

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace spdlog {
class logger;
}

namespace loadlock::observe {

// A key and its value. Durations are logged in milliseconds.
class Field {
 public:
  Field(absl::string_view key, absl::string_view value);
  Field(absl::string_view key, const std::string& value) : Field(key, absl::string_view(value)) {}
  Field(absl::string_view key, const char* value) : Field(key, absl::string_view(value)) {}
  Field(absl::string_view key, absl::Duration value);
  Field(absl::string_view key, bool value) : key_(key), value_(value ? "true" : "false") {}
  template <typename Int>
  requires std::is_integral_v<Int> Field(absl::string_view key, Int value)
      : key_(key), value_(std::to_string(value)) {}

  absl::string_view key() const { return key_; }
  const std::string& value() const { return value_; }
  // Numbers and booleans stand unquoted in JSON.
  bool is_text() const { return is_text_; }

 private:
  absl::string_view key_;  // A literal.
  std::string value_;
  bool is_text_ = false;
};

enum class Level { kTrace, kDebug, kInfo, kWarn, kError };

struct LogOptions {
  // trace, debug, info, warn, error.
  std::string level = "info";
  bool json = false;
  // Created 0600, appended to; empty: standard error.
  std::string file;
};

// Thread safe.
class Log {
 public:
  // INVALID_ARGUMENT: an unknown level; PERMISSION_DENIED: the file cannot be opened.
  static absl::StatusOr<std::unique_ptr<Log>> Open(const LogOptions& options);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  // `event` and the keys are literals, lower_snake.
  void Write(Level level, absl::string_view event, std::initializer_list<Field> fields) const;
  bool enabled(Level level) const;

  // Opens the file anew, for who has renamed it; lines are written meanwhile. PERMISSION_DENIED: it
  // cannot be opened, and the old one is kept.
  absl::Status Reopen() const;

 private:
  class FdSink;
  Log(std::shared_ptr<spdlog::logger> logger, std::shared_ptr<FdSink> sink,
      const LogOptions& options);

  const std::shared_ptr<spdlog::logger> logger_;
  const std::shared_ptr<FdSink> sink_;
  const bool json_;
  const std::string file_;
};

}  // namespace loadlock::observe

#endif  // LOADLOCK_SERVER_OBSERVE_LOG_H_
