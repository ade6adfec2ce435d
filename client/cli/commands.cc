#include "client/cli/commands.h"

#include <ostream>

#include "client/cli/progress.h"
#include "client/cli/render.h"
#include "client/cli/runner.h"
#include "client/cli/tree.h"

namespace loadlock::cli {
namespace {

// Keeps a daemon on two cores busy without taking the places of other callers.
constexpr size_t kInFlight = 4;

}  // namespace

ExitCode RunAudit(const Options& options, const std::vector<Item>& items, const Auditor& auditor,
                  const Terminal& terminal) {
  Summary summary;
  Progress progress(items.size() > 1 ? terminal.bar : nullptr, items.size(), terminal.columns);
  if (!items.empty()) progress.Show(0, items[0].name);
  RunInOrder(
      items.size(), kInFlight, [&](size_t i) { return auditor.Audit(items[i]); },
      [&](size_t i, const Outcome& outcome) {
        summary.Add(outcome.Decision());
        if (options.json || !options.quiet || outcome.Decision() != ExitCode::kAccepted) {
          progress.Clear();
          *terminal.out << (options.json ? JsonOutcome(outcome)
                                         : RenderOutcome(outcome, terminal.style))
                        << std::flush;
        }
        if (i + 1 < items.size()) progress.Show(i + 1, items[i + 1].name);
      });
  progress.Clear();
  if (!options.json && !options.quiet && items.size() > 1) {
    *terminal.out << summary.Render(terminal.style);
  }
  return summary.Decision();
}

ExitCode RunInspect(const Options& options, const std::vector<Item>& items, const Auditor& auditor,
                    const Terminal& terminal) {
  Summary summary;
  for (const Item& item : items) {
    const Outcome outcome = auditor.Audit(item);
    summary.Add(outcome.Decision());
    if (options.json) {
      *terminal.out << JsonOutcome(outcome);
      continue;
    }
    *terminal.out << RenderOutcome(outcome, terminal.style);
    if (!outcome.answer.ok()) continue;
    if (outcome.answer->has_graph()) {
      const TreeLimits limits{.depth = static_cast<size_t>(options.depth),
                              .width = static_cast<size_t>(options.width)};
      *terminal.out << RenderTree(outcome.answer->graph(), limits, terminal.style);
    } else {
      *terminal.out << RenderGlobals(outcome.answer->report(), terminal.style);
    }
  }
  return summary.Decision();
}

ExitCode RunInfo(const Options& options, const client::Client& client, const Terminal& terminal,
                 std::ostream& err) {
  const auto info = client.Info();
  const auto policies = client.Policies();
  for (const absl::Status& status : {info.status(), policies.status()}) {
    if (status.ok()) continue;
    err << "loadlock: " << Printable(status.message()) << "\n";
    return ExitCode::kUndecided;
  }
  *terminal.out << (options.json ? JsonInfo(*info, *policies)
                                 : RenderInfo(*info, *policies, terminal.style));
  return ExitCode::kAccepted;
}

}  // namespace loadlock::cli
