#include "client/cli/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <map>
#include <ostream>

#include "client/cli/text.h"

#ifndef LOADLOCK_VERSION
#error "LOADLOCK_VERSION is set by the build"
#endif

namespace loadlock::cli {
namespace {

constexpr char kAbout[] =
    "loadlock says whether a machine-learning model is safe to load, without running anything in "
    "it.";

constexpr char kFooter[] =
    "Exit status:\n"
    "  0  every file was accepted\n"
    "  1  every file was decided, and at least one was refused\n"
    "  2  at least one file could not be decided, or the command failed\n"
    "\n"
    "Environment:\n"
    "  LOADLOCK_ADDRESS  daemon to use, as --address\n"
    "  LOADLOCKD         loadlockd to start when a private one is needed\n"
    "  NO_COLOR          no colours if set and not empty\n"
    "\n"
    "Without --address and LOADLOCK_ADDRESS the daemon at /run/loadlock/loadlock.sock is used;\n"
    "if none listens there, a private one is started and stopped with this command.";

constexpr char kHex[] = "0123456789abcdef";

void AddCommon(CLI::App* command, Options* options) {
  command->add_flag("--json", options->json, "One JSON object a line instead of text");
  command->add_flag("-q,--quiet", options->quiet, "Say nothing about accepted files");
  command->add_flag("--no-color", options->no_color, "No colours");
  CLI::Option* address =
      command
          ->add_option("--address", options->address,
                       "Daemon: unix:/path, /path, host:port of this host, or private")
          ->type_name("ADDRESS");
  command
      ->add_flag("--private", options->private_daemon,
                 "Start a private daemon even if one is running")
      ->excludes(address);
  command->footer(kFooter);
}

void AddVetting(CLI::App* command, Options* options) {
  command
      ->add_option("--policy", options->policy, "Policy to vet by (the daemon's default: default)")
      ->type_name("NAME");
  command
      ->add_option("--sha256", options->sha256,
                   "Refuse a file with another SHA-256 (64 hexadecimal digits)")
      ->type_name("HEX")
      ->transform(
          [](std::string text) {
            for (char& c : text) c = CLI::detail::to_lower(std::string(1, c))[0];
            return text;
          },
          "", "lower case")
      ->check(
          [](const std::string& text) {
            const bool good =
                text.size() == 64 && text.find_first_not_of(kHex) == std::string::npos;
            return good ? std::string() : std::string("not 64 hexadecimal digits");
          },
          "", "sha256");
}

// The commands; tells which one was chosen.
struct Commands {
  CLI::App* audit;
  CLI::App* inspect;
  CLI::App* info;
  CLI::App* gate;
  CLI::App* suggest;
  CLI::App* explain;
  CLI::App* diff;
};

std::string CheckPolicyName(const std::string& text) {
  const bool good =
      !text.empty() && text.size() <= 64 &&
      text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string::npos;
  return good ? "" : "not lower-case letters, digits and dashes";
}

std::string CheckPackage(const std::string& text) {
  const bool good = !text.empty() && text.size() <= 64 &&
                    std::all_of(text.begin(), text.end(),
                                [](char c) { return std::isalnum(c) != 0 || c == '_'; });
  return good ? "" : "not the first part of a module's name";
}

void AddPolicyCommands(CLI::App* app, Options* options, Commands* commands) {
  CLI::App* policy = app->add_subcommand("policy", "Explain, compare and suggest policies");
  policy->require_subcommand(1);
  commands->suggest = policy->add_subcommand(
      "suggest", "Print the smallest policy that accepts files, if nothing in them can run code");
  commands->suggest->add_option("FILE", options->paths, "Files and folders")->required();
  commands->suggest
      ->add_option("--own", options->own,
                   "A package whose classes are yours and harmless whatever their attributes "
                   "hold; no other class is suggested")
      ->type_name("PACKAGE")
      ->allow_extra_args(false)
      ->check(CheckPackage, "", "package");
  commands->suggest->add_option("--name", options->policy_name, "Name of the new policy")
      ->capture_default_str()
      ->type_name("NAME")
      ->check(CheckPolicyName, "", "policy name");
  commands->suggest->add_flag("--exact", options->exact,
                              "Extend no policy: list what the files use and nothing else");
  commands->suggest
      ->add_option("--policy", options->policy,
                   "Policy to extend (the smallest of the daemon's that suffices)")
      ->type_name("NAME");
  commands->explain = policy->add_subcommand(
      "explain", "Show what a policy says of a name, by which line, and why");
  commands->explain->add_option("NAME", options->names, "package.module.attribute")
      ->required()
      ->expected(1);
  commands->explain->add_option("--policy", options->policy, "Policy (default: default)")
      ->type_name("NAME");
  commands->diff =
      policy->add_subcommand("diff", "Show what two policies say differently; exit 1 if anything");
  commands->diff->add_option("POLICY", options->names, "Two policies of the daemon")
      ->required()
      ->expected(2);
  for (CLI::App* command : {commands->suggest, commands->explain, commands->diff}) {
    AddCommon(command, options);
  }
}

void AddGate(CLI::App* app, Options* options, Commands* commands) {
  CLI::App* gate = app->add_subcommand(
      "gate", "Vet files and copy them for a server to load, all of them or none");
  commands->gate = gate;
  gate->add_option("SOURCE TARGET", options->paths,
                   "A file or folder (or file:///path), and the folder for what was vetted, which "
                   "may hold nothing else; more pairs may follow")
      ->required();
  gate->callback([options] {
    if (options->paths.size() % 2 != 0) {
      throw CLI::ValidationError("SOURCE TARGET", "each source needs a target");
    }
  });
  gate->add_option(
          "--leave-out", options->leave_out,
          "Neither vet nor copy files whose path below SOURCE fits this pattern of a shell")
      ->type_name("PATTERN")
      ->allow_extra_args(false);
  gate->add_flag("--keep-n-jobs", options->keep_n_jobs,
                 "Hand on models whose n_jobs loadlock itself would set to None");
  gate->add_option("--termination-message", options->termination_message,
                   "Write the outcome there in one line, as for /dev/termination-log")
      ->type_name("FILE");
  gate->add_option("--policy", options->policy, "Policy to vet by (the daemon's default: default)")
      ->type_name("NAME");
  AddCommon(gate, options);
}

Commands AddCommands(CLI::App* app, Options* options) {
  Commands commands{};
  commands.audit = app->add_subcommand("audit", "Vet files; folders are walked");
  commands.audit
      ->add_option("PATH", options->paths,
                   "Files and folders; symbolic links in folders are not followed, and nothing is "
                   "left out silently: what cannot be read counts as not decided")
      ->required();
  commands.audit->add_flag("--untrusted", options->untrusted,
                           "Print only the names that the policy does not trust, sorted");
  AddVetting(commands.audit, options);
  AddCommon(commands.audit, options);

  commands.inspect = app->add_subcommand("inspect", "Show what a file is made of");
  commands.inspect->add_option("FILE", options->paths, "The file")->required()->expected(1);
  commands.inspect->add_option("--depth", options->depth, "Levels to show")
      ->capture_default_str()
      ->check(CLI::Range(1, 64));
  commands.inspect->add_option("--width", options->width, "Entries to show of one container")
      ->capture_default_str()
      ->check(CLI::Range(1, 10000));
  const std::map<std::string, Show> shows = {
      {"all", Show::kAll}, {"untrusted", Show::kUntrusted}, {"trusted", Show::kTrusted}};
  commands.inspect->add_option("--show", options->show, "all, untrusted or trusted")
      ->transform(CLI::CheckedTransformer(shows).description("WHAT"));
  commands.inspect->add_option("--html", options->html, "Write a page: one file without scripts")
      ->type_name("OUT");
  AddVetting(commands.inspect, options);
  AddCommon(commands.inspect, options);

  commands.info =
      app->add_subcommand("info", "Show the daemon: version, isolation, limits, policies");
  AddCommon(commands.info, options);
  AddGate(app, options, &commands);
  AddPolicyCommands(app, options, &commands);
  return commands;
}

}  // namespace

std::variant<Options, ExitCode> ParseOptions(int argc, const char* const* argv, std::ostream& out,
                                             std::ostream& err) {
  Options options;
  CLI::App app(kAbout, "loadlock");
  app.set_version_flag("-V,--version", std::string("loadlock ") + LOADLOCK_VERSION);
  app.footer(kFooter);
  const Commands commands = AddCommands(&app, &options);
  app.require_subcommand(1);
  // A shell makes an option of a file whose name begins with "-", so that arguments are hostile
  // too.
  app.failure_message([](const CLI::App* /*app*/, const CLI::Error& error) {
    return Printable(error.what()) + "\nRun with --help for more information.\n";
  });
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // Anything but a printed help or version leaves files undecided.
    return app.exit(error, out, err) == 0 ? ExitCode::kAccepted : ExitCode::kUndecided;
  }
  if (commands.inspect->parsed()) options.command = Command::kInspect;
  if (commands.info->parsed()) options.command = Command::kInfo;
  if (commands.gate->parsed()) options.command = Command::kGate;
  if (commands.suggest->parsed()) options.command = Command::kPolicySuggest;
  if (commands.explain->parsed()) options.command = Command::kPolicyExplain;
  if (commands.diff->parsed()) options.command = Command::kPolicyDiff;
  return options;
}

}  // namespace loadlock::cli
