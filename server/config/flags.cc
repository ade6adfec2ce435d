#include "server/config/flags.h"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace loadlock::config {
namespace {

// A path on a command line is meant from where the command was typed; the daemon only knows
// absolute ones. What cannot be made absolute stays as it is, and is refused with its option.
std::string FromHere(std::string path) {
  if (path.empty() || path[0] == '/') return path;
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(path, error);
  return error ? path : absolute.lexically_normal().string();
}

void AddOptions(CLI::App& app, Flags& flags) {
  app.add_option("--config", flags.config_file, "Configuration file (textproto)");
  app.add_option("--socket", flags.socket, "Path of the unix socket")->transform(FromHere);
  app.add_option("--root", flags.roots, "Folder under which artifacts may be opened (repeatable)")
      ->allow_extra_args(false)
      ->transform(FromHere);
  app.add_option("--policy-dir", flags.policy_dir, "Folder of policy files")->transform(FromHere);
  app.add_option("--min-tier", flags.min_tier, "Refuse to serve below this tier: A, B or C");
  app.add_option("--tier", flags.tier, "Use at most this tier: A, B or C (for tests)");
  app.add_option("--tcp", flags.tcp, "Also listen on this loopback address, 127.0.0.1:PORT");
  app.add_option("--log-level", flags.log_level, "trace, debug, info, warn or error");
  app.add_option("--log-format", flags.log_format, "text or json");
  app.add_option("--log-file", flags.log_file, "Log file, created 0600 (default: standard error)")
      ->transform(FromHere);
  app.add_option("--audit-log", flags.audit_log,
                 "File with a JSON line for each verdict, created 0600")
      ->transform(FromHere);
  app.add_option("--metrics", flags.metrics,
                 "Metrics for Prometheus over HTTP: PORT of 127.0.0.1, or ADDRESS:PORT");
  app.add_option("--health", flags.health,
                 "grpc.health.v1 over TCP, for probes: PORT of 127.0.0.1, or ADDRESS:PORT");
  app.add_option("--state-dir", flags.state_dir,
                 "Folder for copies of large artifacts and what was found out about them")
      ->transform(FromHere);
  app.add_option("--worker", flags.worker, "Path of loadlock-worker")->transform(FromHere);
  app.add_option("--lifeline-fd", flags.lifeline_fd, "Exit when this descriptor reads end of file");
  app.add_option("--ready-fd", flags.ready_fd, "Write \"ready\" to this descriptor when serving");
}

}  // namespace

absl::StatusOr<std::variant<Flags, PrintAndExit>> ParseFlags(int argc, const char* const* argv,
                                                             const std::string& version) {
  Flags flags;
  CLI::App app("Vets machine-learning models in a sandbox and hands over inert graphs.",
               "loadlockd");
  app.set_version_flag("--version", absl::StrCat("loadlockd ", version));
  AddOptions(app, flags);
  // CLI11 reports by exceptions; they end here.
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return PrintAndExit{app.help()};
  } catch (const CLI::CallForVersion&) {
    return PrintAndExit{absl::StrCat("loadlockd ", version, "\n")};
  } catch (const CLI::ParseError& error) {
    const std::string text = absl::StrReplaceAll(error.what(), {{"\n", " "}});
    return absl::InvalidArgumentError(
        absl::StrCat("command line: ", absl::StripAsciiWhitespace(text)));
  }
  return flags;
}

}  // namespace loadlock::config
