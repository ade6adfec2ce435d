#include "client/cli/commands.h"

#include <fstream>
#include <ostream>
#include <set>
#include <variant>

#include "absl/strings/str_cat.h"
#include "client/cli/inspection.h"
#include "client/cli/page.h"
#include "client/cli/policy_book.h"
#include "client/cli/progress.h"
#include "client/cli/render.h"
#include "client/cli/runner.h"
#include "client/cli/untrusted.h"
#include "client/cpp/errors.h"

namespace loadlock::cli {
namespace {

// Keeps a daemon on two cores busy without taking the places of other callers.
constexpr size_t kInFlight = 4;

struct Inspected {
  Outcome outcome;
  Inspection inspection;
};

// A graph that is too large for an answer to an audit: taken over as a model is.
absl::StatusOr<v1::Graph> LargeGraph(const Item& item, const v1::Report& report,
                                     const client::Client& client) {
  if (client.remote()) return absl::UnavailableError("it is larger than the daemon sends");
  auto loaded =
      client.Load(item.path, {.policy = report.policy(), .expected_sha256 = report.sha256()});
  if (!loaded.ok()) return loaded.status();
  const auto* model = std::get_if<client::Model>(&*loaded);
  if (model == nullptr) return absl::AbortedError("it was refused when it was taken over");
  return model->graph();
}

Inspected InspectItem(const Options& options, const Item& item, const Auditor& auditor,
                      const client::Client& client, const PolicyBook& book) {
  Inspected inspected{auditor.Audit(item), {}};
  Outcome& outcome = inspected.outcome;
  absl::StatusOr<v1::Graph> large = absl::NotFoundError("");
  if (client::ErrorMetadata(outcome.answer.status(), "limit") == "include_graph") {
    Options without = options;
    without.command = Command::kAudit;
    outcome = Auditor([&client](const auto& request) { return client.Audit(request); },
                      client.remote(), without)
                  .Audit(item);
    if (outcome.answer.ok()) large = LargeGraph(item, outcome.answer->report(), client);
  }
  if (!outcome.answer.ok()) return inspected;
  const TreeLimits limits{.depth = static_cast<size_t>(options.depth),
                          .width = static_cast<size_t>(options.width)};
  const v1::Graph* graph = outcome.answer->has_graph() ? &outcome.answer->graph()
                           : large.ok()                ? &*large
                                                       : nullptr;
  inspected.inspection =
      Narrowed(Inspect(outcome.answer->report(), graph, book, limits), options.show);
  if (graph == nullptr && outcome.Decision() == ExitCode::kAccepted) {
    inspected.inspection.left_out = absl::StrCat("the tree: ", Printable(large.status().message()));
  }
  return inspected;
}

absl::Status WritePage(const std::string& path, const std::string& page) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << page;
  out.close();
  if (out) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("cannot write ", path));
}

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

ExitCode RunUntrusted(const Options& options, const std::vector<Item>& items,
                      const Auditor& auditor, const Terminal& terminal, std::ostream& err) {
  Summary summary;
  std::set<std::string> names;
  RunInOrder(
      items.size(), kInFlight, [&](size_t i) { return auditor.Audit(items[i]); },
      [&](size_t /*i*/, const Outcome& outcome) {
        summary.Add(outcome.Decision());
        if (options.json) {
          *terminal.out << JsonUntrusted(outcome) << std::flush;
          return;
        }
        if (outcome.answer.ok()) names.merge(UntrustedNames(outcome.answer->report()));
        const std::string beside = BesideNames(outcome);
        if (!beside.empty()) err << "loadlock: " << beside << "\n";
      });
  for (const std::string& name : names) *terminal.out << name << "\n";
  return summary.Decision();
}

ExitCode RunInspect(const Options& options, const std::vector<Item>& items, const Auditor& auditor,
                    const client::Client& client, const Terminal& terminal, std::ostream& err) {
  const auto book = PolicyBook::Fetch(client, options.policy);
  if (!book.ok()) {
    err << "loadlock: " << ErrorText(book.status()) << "\n";
    return ExitCode::kUndecided;
  }
  Summary summary;
  for (const Item& item : items) {
    Inspected inspected = InspectItem(options, item, auditor, client, *book);
    const Outcome& outcome = inspected.outcome;
    summary.Add(outcome.Decision());
    if (!outcome.answer.ok()) {
      *terminal.out << (options.json ? JsonOutcome(outcome)
                                     : RenderOutcome(outcome, terminal.style));
      continue;
    }
    if (!options.html.empty()) {
      const absl::Status written =
          WritePage(options.html, RenderPage(outcome, inspected.inspection));
      if (!written.ok()) {
        err << "loadlock: " << Printable(written.message()) << "\n";
        return ExitCode::kUndecided;
      }
    }
    if (options.json) {
      *terminal.out << JsonInspection(outcome, inspected.inspection);
      continue;
    }
    *terminal.out << RenderOutcome(outcome, terminal.style);
    if (options.html.empty()) {
      *terminal.out << RenderInspection(inspected.inspection, terminal.style);
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
