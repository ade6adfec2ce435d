#include "client/cli/options.h"

#include <CLI/CLI.hpp>
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
};

Commands AddCommands(CLI::App* app, Options* options) {
  Commands commands{};
  commands.audit = app->add_subcommand("audit", "Vet files; folders are walked");
  commands.audit
      ->add_option("PATH", options->paths,
                   "Files and folders; symbolic links in folders are not followed, and nothing is "
                   "left out silently: what cannot be read counts as not decided")
      ->required();
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
  AddVetting(commands.inspect, options);
  AddCommon(commands.inspect, options);

  commands.info =
      app->add_subcommand("info", "Show the daemon: version, isolation, limits, policies");
  AddCommon(commands.info, options);
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
  return options;
}

}  // namespace loadlock::cli
