#include "server/config/resolve_observing.h"

#include <arpa/inet.h>

#include <algorithm>
#include <optional>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "server/config/complain.h"

namespace loadlock::config {
namespace {

absl::Status CheckLogLevel(const std::string& level, const Complain& complain) {
  for (const absl::string_view known : {"trace", "debug", "info", "warn", "error"}) {
    if (level == known) return absl::OkStatus();
  }
  return complain("must be trace, debug, info, warn or error");
}

absl::Status TakeLog(const ConfigFile& file, const Flags& flags, LogSettings* out) {
  const v1::LogConfig& in = file.config().log();
  Complain complain = OfField(file, "log.level");
  if (!in.level().empty()) out->level = in.level();
  if (flags.log_level) {
    out->level = *flags.log_level;
    complain = OfFlag("--log-level");
  }
  if (absl::Status status = CheckLogLevel(out->level, complain); !status.ok()) return status;
  if (!v1::LogFormat_IsValid(in.format())) {
    return file.Error("log.format", "must be LOG_FORMAT_TEXT or LOG_FORMAT_JSON");
  }
  out->json = in.format() == v1::LOG_FORMAT_JSON;
  if (flags.log_format) {
    if (*flags.log_format != "text" && *flags.log_format != "json") {
      return OfFlag("--log-format")("must be text or json");
    }
    out->json = *flags.log_format == "json";
  }
  complain = OfField(file, "log.file");
  out->file = in.file();
  if (flags.log_file) {
    out->file = *flags.log_file;
    complain = OfFlag("--log-file");
  }
  return out->file.empty() ? absl::OkStatus() : CheckAbsolute(out->file, complain);
}

absl::Status TakeAudit(const ConfigFile& file, const Flags& flags, const LogSettings& log,
                       AuditSettings* out) {
  const v1::AuditConfig& in = file.config().audit();
  if (!v1::AuditFailure_IsValid(in.on_failure())) {
    return file.Error("audit.on_failure", "must be AUDIT_FAILURE_REFUSE or AUDIT_FAILURE_ANSWER");
  }
  out->answer_anyway = in.on_failure() == v1::AUDIT_FAILURE_ANSWER;
  out->sync = in.sync();
  Complain complain = OfField(file, "audit.file");
  out->file = in.file();
  if (flags.audit_log) {
    out->file = *flags.audit_log;
    complain = OfFlag("--audit-log");
    if (out->file.empty()) return complain("must be an absolute path");
  }
  if (out->file.empty()) {
    // Whoever says how it is to be written believes that it is.
    if (!file.config().has_audit()) return absl::OkStatus();
    return file.Error("audit", "has no file");
  }
  if (absl::Status status = CheckAbsolute(out->file, complain); !status.ok()) return status;
  return out->file == log.file ? complain("is the log's own file") : absl::OkStatus();
}

bool IsAddress(const std::string& host) {
  in6_addr ignored = {};
  return inet_pton(AF_INET, host.c_str(), &ignored) == 1 ||
         inet_pton(AF_INET6, host.c_str(), &ignored) == 1;
}

// "PORT", "1.2.3.4:PORT", "[::1]:PORT". By number: a name could resolve to anything.
absl::Status TakeAddress(absl::string_view text, const Complain& complain, TcpAddress* out) {
  const size_t colon = text.rfind(':');
  absl::string_view port = text;
  out->host = "127.0.0.1";
  if (colon != absl::string_view::npos) {
    port = text.substr(colon + 1);
    absl::string_view host = text.substr(0, colon);
    const bool bracketed = absl::ConsumePrefix(&host, "[");
    if (bracketed != absl::ConsumeSuffix(&host, "]") ||
        bracketed != (host.find(':') != absl::string_view::npos) || !IsAddress(std::string(host))) {
      return complain("must be PORT, ADDRESS:PORT or [ADDRESS]:PORT, with numbers alone");
    }
    out->host = std::string(host);
  }
  uint32_t number = 0;
  const bool digits = !port.empty() && std::all_of(port.begin(), port.end(), absl::ascii_isdigit);
  if (!digits || !absl::SimpleAtoi(port, &number) || number == 0 || number > 65535) {
    return complain("port must be 1 to 65535");
  }
  out->port = static_cast<uint16_t>(number);
  return absl::OkStatus();
}

// A flag, or else a field; neither: no address.
absl::Status TakeAddressOf(const ConfigFile& file, const std::string& field,
                           const std::string& given, const std::string& flag,
                           const std::optional<std::string>& from_flag, TcpAddress* out) {
  if (from_flag) return TakeAddress(*from_flag, OfFlag(flag), out);
  if (given.empty()) return absl::OkStatus();
  return TakeAddress(given, OfField(file, field), out);
}

}  // namespace

absl::Status TakeObserving(const ConfigFile& file, const Flags& flags, Settings* out) {
  if (absl::Status status = TakeLog(file, flags, &out->log); !status.ok()) return status;
  absl::Status status = TakeAudit(file, flags, out->log, &out->audit);
  if (!status.ok()) return status;
  status = TakeAddressOf(file, "metrics.address", file.config().metrics().address(), "--metrics",
                         flags.metrics, &out->metrics);
  if (!status.ok()) return status;
  return TakeAddressOf(file, "listen.health", file.config().listen().health(), "--health",
                       flags.health, &out->health);
}

}  // namespace loadlock::config
