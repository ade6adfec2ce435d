// What the command line asks for, done.
#ifndef LOADLOCK_CLIENT_CLI_COMMANDS_H_
#define LOADLOCK_CLIENT_CLI_COMMANDS_H_

#include <cstddef>
#include <iosfwd>
#include <vector>

#include "client/cli/auditor.h"
#include "client/cli/options.h"
#include "client/cli/text.h"
#include "client/cli/walk.h"
#include "client/cpp/client.h"

namespace loadlock::cli {

struct Terminal {
  std::ostream* out;
  // Where the progress bar is drawn; null: nowhere.
  std::ostream* bar;
  size_t columns;
  Style style;
};

ExitCode RunAudit(const Options& options, const std::vector<Item>& items, const Auditor& auditor,
                  const Terminal& terminal);
// The names that are not trusted in any of the items, sorted; to `err` what they do not tell.
ExitCode RunUntrusted(const Options& options, const std::vector<Item>& items,
                      const Auditor& auditor, const Terminal& terminal, std::ostream& err);
ExitCode RunInspect(const Options& options, const std::vector<Item>& items, const Auditor& auditor,
                    const client::Client& client, const Terminal& terminal, std::ostream& err);
ExitCode RunInfo(const Options& options, const client::Client& client, const Terminal& terminal,
                 std::ostream& err);

}  // namespace loadlock::cli

#endif  // LOADLOCK_CLIENT_CLI_COMMANDS_H_
