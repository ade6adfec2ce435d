// What the command shows of a daemon's answers, whatever they say: the tree of a graph, verdicts,
// names, JSON. An input is one byte that chooses the message and the message.
#include <algorithm>
#include <string>
#include <string_view>

#include "client/cli/inspection.h"
#include "client/cli/page.h"
#include "client/cli/render.h"
#include "client/cli/tree.h"
#include "client/cpp/errors.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/stubs/logging.h"
#include "google/protobuf/util/json_util.h"
#include "loadlock/v1/service.pb.h"
#include "sandbox/bytes/utf8.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/target.h"

namespace loadlock::fuzz {
namespace {

constexpr cli::TreeLimits kTree = {.depth = 6, .width = 24, .lines = 500};
// Indentation, label and description of a line of the tree, and what is added to it.
constexpr size_t kMaxTreeLine = 4096;

// Lines of plain text and nothing else. Gives the longest.
size_t CheckLines(std::string_view text) {
  Require(text.empty() || text.back() == '\n', "a text ends with its line");
  Require(bytes::ValidUtf8({reinterpret_cast<const uint8_t*>(text.data()), text.size()}),
          "what is shown is UTF-8");
  size_t longest = 0;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    Require(IsPrintable(line), "nothing that is shown steers the terminal");
    longest = std::max(longest, line.size());
    text.remove_prefix(line.size() + 1);
  }
  return longest;
}

template <typename Message>
bool Read(std::string_view bytes, Message* message) {
  return message->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

// As text and as a page; `graph` is null of a file without one.
void CheckInspection(const cli::Outcome& outcome, const v1::Graph* graph) {
  const cli::PolicyBook book("default", v1::ExplainPolicyResponse());
  const cli::Inspection inspection = cli::Inspect(outcome.answer->report(), graph, book, kTree);
  CheckLines(cli::RenderInspection(inspection, cli::Style(false)));
  const std::string page = cli::RenderPage(outcome, inspection);
  Require(page.size() < size_t{8} << 20, "a page is of some megabytes");
  Require(page.find("<script") == std::string::npos, "there are no scripts in it");
}

void CheckGraph(std::string_view bytes) {
  v1::Graph graph;
  if (!Read(bytes, &graph)) return;
  const std::string tree = cli::RenderTree(graph, kTree, cli::Style(false));
  Require(CheckLines(tree) <= kMaxTreeLine, "no line is without bound");
  size_t lines = 0;
  for (const char c : tree) lines += c == '\n' ? 1 : 0;
  Require(lines >= 1 && lines <= kTree.lines + 1, "no more lines than wanted");
  v1::AuditModelResponse answer;
  answer.mutable_report()->set_verdict(v1::VERDICT_ACCEPTED);
  CheckInspection({"model.joblib", answer}, &graph);
}

// One line of ASCII that is JSON, and the same message.
template <typename Message>
void CheckJson(std::string_view json, const Message& message) {
  Require(!json.empty() && json.back() == '\n' && IsPrintableAscii(json.substr(0, json.size() - 1)),
          "JSON is one line of ASCII");
  Message again;
  Require(google::protobuf::util::JsonStringToMessage(std::string(json), &again).ok(),
          "and is JSON of the message");
  // What cannot be printed (a time beyond all bounds) is told as undecided.
  if (again.verdict() == v1::VERDICT_UNSPECIFIED) return;
  Require(again.verdict() == message.verdict(), "no other verdict than the daemon's");
  Require(again.findings_size() == message.findings_size() && again.sha256() == message.sha256(),
          "with all that it says");
}

void CheckReport(std::string_view bytes) {
  cli::Outcome outcome{"model.joblib", v1::AuditModelResponse()};
  if (!Read(bytes, outcome.answer->mutable_report())) return;
  const v1::Report& report = outcome.answer->report();
  const std::string text = cli::RenderOutcome(outcome, cli::Style(false));
  CheckLines(text);
  Require(text.size() < 65536, "a verdict fits a screen");
  const bool says_accepted = text.find(": accepted  ") != std::string::npos;
  Require(!says_accepted || report.verdict() == v1::VERDICT_ACCEPTED ||
              text.find(": accepted  ") > std::string_view("model.joblib: refused").size(),
          "only the daemon accepts");
  CheckJson(cli::JsonOutcome(outcome), report);
  CheckInspection(outcome, nullptr);
}

// A failed call, as gRPC gives it.
void CheckStatus(std::string_view bytes) {
  Input input(bytes);
  const int code = input.Byte() % 20;
  const std::string_view message = input.Text();
  const std::string_view details = input.rest();
  const absl::Status status = client::StatusFromRpc(code, {message.data(), message.size()},
                                                    {details.data(), details.size()});
  Require(status.ok() == (code == 0), "a failed call stays one");
  if (status.ok()) return;
  const auto report = client::RefusedReport(status);
  Require(
      !report || (absl::IsFailedPrecondition(status) && report->verdict() == v1::VERDICT_REFUSED),
      "a refusal is one");
  (void)client::ErrorMetadata(status, "limit");
  const cli::Outcome outcome{"model.joblib", status};
  Require(outcome.Decision() == cli::ExitCode::kUndecided, "what failed is undecided");
  CheckLines(cli::RenderOutcome(outcome, cli::Style(false)));
  const std::string json = cli::JsonOutcome(outcome);
  Require(IsPrintableAscii(std::string_view(json).substr(0, json.size() - 1)), "JSON is ASCII");
  google::protobuf::Struct any;
  Require(google::protobuf::util::JsonStringToMessage(json, &any).ok(), "and JSON");
}

void CheckInfo(std::string_view bytes) {
  Input input(bytes);
  v1::GetServerInfoResponse info;
  v1::ListPoliciesResponse policies;
  if (!Read(input.Text(), &info) || !Read(input.rest(), &policies)) return;
  CheckLines(cli::RenderInfo(info, policies, cli::Style(false)));
  const std::string json = cli::JsonInfo(info, policies);
  Require(IsPrintableAscii(std::string_view(json).substr(0, json.size() - 1)), "JSON is ASCII");
}

}  // namespace
}  // namespace loadlock::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  google::protobuf::SetLogHandler(nullptr);
  using namespace loadlock;  // NOLINT(google-build-using-namespace): the entry is in C's
  fuzz::Input input(fuzz::AsText(data, size));
  switch (input.Byte()) {
    case 'g':
      fuzz::CheckGraph(input.rest());
      break;
    case 's':
      fuzz::CheckStatus(input.rest());
      break;
    case 'i':
      fuzz::CheckInfo(input.rest());
      break;
    default:
      fuzz::CheckReport(input.rest());
  }
  return 0;
}
