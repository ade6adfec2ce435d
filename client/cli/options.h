// The command line.
#ifndef LOADLOCK_CLIENT_CLI_OPTIONS_H_
#define LOADLOCK_CLIENT_CLI_OPTIONS_H_

#include <iosfwd>
#include <string>
#include <variant>
#include <vector>

namespace loadlock::cli {

// What the process ends with; documented in --help. The highest one that applies wins, so
// that each says something about every file: 0 all were accepted; 1 all were decided and
// at least one was refused; 2 the answer is not complete.
enum class ExitCode { kAccepted = 0, kRefused = 1, kUndecided = 2 };

enum class Command { kAudit, kInspect, kInfo, kGate, kPolicySuggest, kPolicyExplain, kPolicyDiff };

// What inspect shows.
enum class Show { kAll, kUntrusted, kTrusted };

struct Options {
  Command command = Command::kAudit;
  // audit, policy suggest: files and folders; inspect: one file.
  std::vector<std::string> paths;
  bool json = false;
  bool quiet = false;
  bool no_color = false;
  // Empty: the daemon's default.
  std::string policy;
  // Empty: LOADLOCK_ADDRESS, else the default socket, else a private daemon.
  std::string address;
  bool private_daemon = false;
  // Lower-case hex; empty: not checked.
  std::string sha256;
  // inspect: levels, and entries of one container, that are shown.
  int depth = 6;
  int width = 24;
  Show show = Show::kAll;
  // inspect: where a page is written; empty: nowhere.
  std::string html;
  // gate: sources and targets in turn stand in paths. Patterns of files that are neither vetted nor
  // copied; hand on n_jobs as it is; where a line for the kubelet is written (empty: nowhere).
  std::vector<std::string> leave_out;
  bool keep_n_jobs = false;
  std::string termination_message;
  // audit: the untrusted names alone.
  bool untrusted = false;
  // policy explain: one name; policy diff: two policies.
  std::vector<std::string> names;
  // policy suggest: packages that the user answers for; name of the policy; extend nothing.
  std::vector<std::string> own;
  std::string policy_name = "suggested";
  bool exact = false;
};

// The options, or the exit code of a run that ends here: --help and --version print to
// `out`, a wrong command line to `err` (and is kUndecided: nothing was audited).
std::variant<Options, ExitCode> ParseOptions(int argc, const char* const* argv, std::ostream& out,
                                             std::ostream& err);

}  // namespace loadlock::cli

#endif  // LOADLOCK_CLIENT_CLI_OPTIONS_H_
