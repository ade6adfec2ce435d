// `loadlock policy ...`
#ifndef LOADLOCK_CLIENT_CLI_POLICY_COMMANDS_H_
#define LOADLOCK_CLIENT_CLI_POLICY_COMMANDS_H_

#include <iosfwd>
#include <vector>

#include "client/cli/commands.h"
#include "client/cli/options.h"
#include "client/cli/policy_trial.h"
#include "client/cli/walk.h"
#include "client/cpp/client.h"

namespace loadlock::cli {

// kAccepted: a policy was printed, by which a daemon of one's own accepts all items. kRefused: none
// was, and why. kUndecided: a file could not be vetted.
ExitCode RunSuggest(const Options& options, const std::vector<Item>& items,
                    const client::Client& client, const ScratchFolder& scratch,
                    const Terminal& terminal, std::ostream& err);
// kRefused: the policy does not list the name.
ExitCode RunExplain(const Options& options, const client::Client& client, const Terminal& terminal,
                    std::ostream& err);
// kRefused: the two differ.
ExitCode RunDiff(const Options& options, const client::Client& client, const Terminal& terminal,
                 std::ostream& err);

}  // namespace loadlock::cli

#endif  // LOADLOCK_CLIENT_CLI_POLICY_COMMANDS_H_
