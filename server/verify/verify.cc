#include "server/verify/verify.h"

#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/verify/checks.h"
#include "server/verify/columns.h"
#include "server/verify/edits.h"
#include "server/verify/findings.h"
#include "server/verify/names.h"
#include "server/verify/scope.h"
#include "server/verify/structure.h"
#include "server/verify/view.h"

namespace loadlock::verify {

// The one place that turns a graph into a verified one.
class GraphIssuer {
 public:
  static VerifiedGraph Issue(v1::Graph graph) { return VerifiedGraph(std::move(graph)); }
};

namespace {

// Arrays may share bytes, as views do, but a list of a million views of one large array would
// have to be handed over a million times.
constexpr uint64_t kMaxSharing = 4;

bool HasError(const v1::WorkerResult& result) {
  for (const v1::Finding& finding : result.findings()) {
    if (finding.severity() == v1::SEVERITY_ERROR) return true;
  }
  return false;
}

void Conclude(Verdict* verdict) {
  bool refused = false;
  for (const v1::Finding& finding : verdict->report.findings()) {
    refused = refused || finding.severity() == v1::SEVERITY_ERROR;
  }
  // A verdict of acceptance needs a graph: there is no other way to it than all checks.
  refused = refused || !verdict->graph.has_value();
  if (refused) verdict->graph.reset();
  verdict->report.set_verdict(refused ? v1::VERDICT_REFUSED : v1::VERDICT_ACCEPTED);
}

void Append(std::vector<v1::Finding> findings, v1::Report* report) {
  for (v1::Finding& finding : findings) *report->add_findings() = std::move(finding);
}

// The worker refused: its reasons, and the names it saw.
absl::Status ReportRefusal(const Input& input, Verdict* verdict) {
  if (!input.graph.empty() || !input.provenance.empty()) {
    return absl::InvalidArgumentError("result: a graph beside a finding of severity ERROR");
  }
  std::vector<v1::Finding> findings;
  ReportNames(input.result, *input.policy, nullptr, &verdict->report, &findings);
  Append(std::move(findings), &verdict->report);
  return absl::OkStatus();
}

// No sum of that many lengths overflows: each lies within an artifact.
uint64_t BytesOfBuffers(const v1::Graph& graph) {
  uint64_t bytes = 0;
  for (const uint64_t length : graph.buffer_lengths()) bytes += length;
  return bytes;
}

v1::Finding TooMuchSharing(uint64_t bytes) {
  v1::Finding finding;
  finding.set_rule_id("ARRAY_BOUNDS");
  finding.set_severity(v1::SEVERITY_ERROR);
  finding.set_message(
      absl::StrCat("the arrays share their bytes so often that handing them over "
                   "would take ",
                   bytes, " bytes"));
  finding.set_object_path("$");
  return finding;
}

absl::Status VerifyGraph(const Input& input, Verdict* verdict) {
  absl::StatusOr<v1::Graph> graph = DecodeGraph(input.graph, input.buffers, input.caps);
  if (!graph.ok()) return graph.status();
  const uint64_t bytes = BytesOfBuffers(*graph);
  if (bytes / kMaxSharing > input.buffers.artifact.size() + input.buffers.decoded.size()) {
    *verdict->report.add_findings() = TooMuchSharing(bytes);
    return absl::OkStatus();
  }
  const absl::StatusOr<v1::Provenance> provenance =
      DecodeProvenance(input.provenance, graph->kinds_size());
  if (!provenance.ok()) return provenance.status();
  const View view(&*graph);
  if (absl::Status status = CheckStructure(view); !status.ok()) return status;
  Topology topology;
  const StateEdges edges(view, *input.policy);
  if (absl::Status status = ComputeTopology(view, edges, &topology); !status.ok()) return status;

  const Scope scope(&view, &topology, &input.buffers, input.policy);
  Findings findings(&view, &*provenance);
  std::vector<Edit> edits;
  CheckGraph(scope, input.caps, edges, &findings, &edits);
  if (view.exhausted()) {
    // What was found until then may be wrong: checks that were cut short miss what is there.
    findings = Findings(&view, &*provenance);
    findings.Error(view.root(), {"BUDGET_CHECKS",
                                 "the graph's parts are shared so often that checking it would "
                                 "take too long",
                                 "", "", ""});
  }

  v1::Report& report = verdict->report;
  report.set_node_count(view.size());
  report.set_buffer_count(static_cast<uint64_t>(graph->buffer_lengths_size()));
  report.set_buffer_bytes(bytes);
  std::vector<v1::Finding> more;
  ReportNames(input.result, *input.policy, &*graph, &report, &more);
  const bool refused = findings.refused();
  Append(findings.Take(), &report);
  Append(std::move(more), &report);
  if (refused) return absl::OkStatus();
  verdict->graph = GraphIssuer::Issue(edits.empty() ? *std::move(graph) : ApplyEdits(view, edits));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Verdict> Verify(const Input& input) {
  if (input.result.graph_bytes() != input.graph.size() ||
      input.result.provenance_bytes() != input.provenance.size() ||
      input.result.decoded_size() != input.buffers.decoded.size()) {
    return absl::InvalidArgumentError("result: its sizes are not those of what was sent");
  }
  Verdict verdict;
  v1::Report& report = verdict.report;
  report.set_format(input.result.format());
  report.set_decoded_size(input.result.decoded_size());
  report.set_policy(input.policy->name());
  report.set_policy_digest(input.policy->digest());
  *report.mutable_findings() = input.result.findings();
  absl::Status status =
      HasError(input.result) ? ReportRefusal(input, &verdict) : VerifyGraph(input, &verdict);
  if (!status.ok()) return status;
  Conclude(&verdict);
  return verdict;
}

}  // namespace loadlock::verify
