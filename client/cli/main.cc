// The loadlock command.
#include <pthread.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <variant>
#include <vector>

#include "client/cli/auditor.h"
#include "client/cli/commands.h"
#include "client/cli/gate.h"
#include "client/cli/options.h"
#include "client/cli/policy_commands.h"
#include "client/cli/policy_trial.h"
#include "client/cli/session.h"
#include "client/cli/text.h"
#include "client/cli/walk.h"

namespace loadlock::cli {
namespace {

constexpr int kEndingSignals[] = {SIGINT, SIGTERM, SIGHUP};

// The signals that end this process, but for those that whoever started it wants ignored.
sigset_t EndingSignals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : kEndingSignals) {
    struct sigaction current {};
    if (sigaction(signal, nullptr, &current) == 0 && current.sa_handler != SIG_IGN) {
      sigaddset(&set, signal);
    }
  }
  return set;
}

// Removes the directories of private daemons when a signal ends this process, then lets it end. The
// daemons themselves see their lifelines end. `set` must be blocked in every thread.
void CleanUpOnSignal(const sigset_t& set, const std::vector<std::string>& directories) {
  std::thread([set, directories] {
    int signal = 0;
    if (sigwait(&set, &signal) != 0) return;
    std::error_code ignored;
    for (const std::string& directory : directories) {
      std::filesystem::remove_all(directory, ignored);
    }
    static_cast<void>(::signal(signal, SIG_DFL));
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, signal);
    pthread_sigmask(SIG_UNBLOCK, &one, nullptr);
    static_cast<void>(raise(signal));
  }).detach();
}

bool IsSet(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && value[0] != '\0';
}

Terminal MakeTerminal(const Options& options) {
  const bool colored =
      !options.no_color && !options.json && !IsSet("NO_COLOR") && isatty(STDOUT_FILENO) == 1;
  winsize size{};
  const bool bar = isatty(STDERR_FILENO) == 1 && !options.quiet &&
                   ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return {&std::cout, bar ? &std::cerr : nullptr, size.ws_col, Style(colored)};
}

ExitCode Fail(const Options& options, const absl::Status& status) {
  const absl::Status written = WriteTermination(options.termination_message, status.message());
  if (!written.ok()) std::cerr << "loadlock: " << Printable(written.message()) << "\n";
  std::cerr << "loadlock: " << Printable(status.message()) << "\n";
  return ExitCode::kUndecided;
}

ExitCode Run(const Options& options, const sigset_t& signals) {
  absl::StatusOr<Session> session = Session::Open(options);
  if (!session.ok()) return Fail(options, session.status());
  std::vector<std::string> directories;
  if (!session->private_directory().empty()) directories.push_back(session->private_directory());
  std::optional<ScratchFolder> scratch;
  if (options.command == Command::kPolicySuggest) {
    absl::StatusOr<ScratchFolder> made = ScratchFolder::Make();
    if (!made.ok()) return Fail(options, made.status());
    directories.push_back(scratch.emplace(*std::move(made)).path());
  }
  if (!directories.empty()) {
    CleanUpOnSignal(signals, directories);
  } else {
    pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  }
  const bool walks = options.command != Command::kGate;  // It does so itself.
  const std::vector<Item> items = Walk(walks ? options.paths : std::vector<std::string>());
  if (absl::Status connected = session->Connect(); !connected.ok()) {
    return Fail(options, connected);
  }
  const client::Client& client = session->client();
  const Terminal terminal = MakeTerminal(options);
  const Auditor auditor([&client](const auto& request) { return client.Audit(request); },
                        client.remote(), options);
  switch (options.command) {
    case Command::kAudit:
      return options.untrusted ? RunUntrusted(options, items, auditor, terminal, std::cerr)
                               : RunAudit(options, items, auditor, terminal);
    case Command::kInspect:
      return RunInspect(options, items, auditor, client, terminal, std::cerr);
    case Command::kInfo:
      return RunInfo(options, client, terminal, std::cerr);
    case Command::kGate:
      return RunGate(options, client, terminal, std::cerr);
    case Command::kPolicySuggest:
      return RunSuggest(options, items, client, *scratch, terminal, std::cerr);
    case Command::kPolicyExplain:
      return RunExplain(options, client, terminal, std::cerr);
    case Command::kPolicyDiff:
      return RunDiff(options, client, terminal, std::cerr);
  }
  return ExitCode::kUndecided;
}

int Main(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  static_cast<void>(signal(SIGPIPE, SIG_IGN));  // A closed pipe is a failed write, below.
  const sigset_t signals = EndingSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  const auto parsed = ParseOptions(argc, argv, std::cout, std::cerr);
  const auto* options = std::get_if<Options>(&parsed);
  ExitCode code = options != nullptr ? Run(*options, signals) : *std::get_if<ExitCode>(&parsed);
  std::cout.flush();
  // A verdict that nobody could read is none.
  if (!std::cout) code = Fail(Options(), absl::UnavailableError("cannot write to standard output"));
  std::cerr.flush();
  return static_cast<int>(code);
}

}  // namespace
}  // namespace loadlock::cli

int main(int argc, char** argv) {
  const int code = loadlock::cli::Main(argc, argv);
#ifndef LOADLOCK_SANITIZED
  // All is written and stopped; taking gRPC apart would cost another 3 ms.
  _exit(code);
#else
  return code;
#endif
}
