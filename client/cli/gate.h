// loadlock gate: from folders that nobody trusts to folders that a model server loads from.
//
// What it copies is read from what the daemon vetted and owns, never from the source again. What
// the server then loads it with is not loadlock: a library's own reader gets the artifact's own
// bytes. So here, unlike where loadlock rebuilds, the verdict rests on the worker having read them
// as that library will, and whatever loadlock would change at loading must be refused.
#ifndef LOADLOCK_CLIENT_CLI_GATE_H_
#define LOADLOCK_CLIENT_CLI_GATE_H_

#include <iosfwd>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "client/cli/commands.h"
#include "client/cli/options.h"
#include "client/cpp/client.h"
#include "loadlock/v1/report.pb.h"

namespace loadlock::cli {

// Why the bytes of an accepted artifact must not be handed on as they are; nullopt if they may.
std::optional<v1::Finding> WhyNotAsIs(const v1::Report& report, bool keep_n_jobs);

// Vets all files of options.paths (SOURCE TARGET ...) and puts them in place if all are accepted.
ExitCode RunGate(const Options& options, const client::Client& client, const Terminal& terminal,
                 std::ostream& err);

// Writes what a kubelet shows of an ended container: one line, cut to 4 KiB. "" as path: nothing.
absl::Status WriteTermination(const std::string& path, absl::string_view line);

}  // namespace loadlock::cli

#endif  // LOADLOCK_CLIENT_CLI_GATE_H_
