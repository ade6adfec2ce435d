// What a hostile worker can send: packets through a real socket into the daemon's reader, and what
// it makes of them through the real verifier under the default policy. An input is a recorded
// output (recorded.h). Whatever is accepted has to pass a second, independent check.
#include <sys/socket.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "google/protobuf/stubs/logging.h"
#include "sandbox/channel/daemon_end.h"
#include "sandbox/channel/unique_fd.h"
#include "sandbox/clock/steady_time.h"
#include "server/verify/testing/make.h"
#include "server/verify/verify.h"
#include "tests/fuzz/recheck.h"
#include "tests/fuzz/recorded.h"
#include "tests/fuzz/target.h"

namespace loadlock::fuzz {
namespace {

using channel::ReadOutcome;

constexpr channel::Limits kLimits = {
    .max_graph_bytes = 1 << 20, .max_provenance_bytes = 1 << 20, .max_result_bytes = 1 << 18};
constexpr verify::Caps kCaps = {
    .max_nodes = 100'000, .max_depth = 100, .max_memory_bytes = uint64_t{16} << 20};
// Larger than all that the seeds send together, so that one thread can first send and then read.
constexpr int kSocketBuffer = 1 << 20;

const policy::CompiledPolicy& Policy() {
  static const policy::CompiledPolicy* const policy = verify::testing::Policies().Find("default");
  return *policy;
}

const Entries& PolicyEntries() {
  static const Entries* const entries = new Entries(EntriesOf(Policy().composed()));
  return *entries;
}

// Sends the packets as a worker does, as far as the socket takes them, and closes.
channel::UniqueFd Spoken(const std::vector<std::string>& packets) {
  std::array<int, 2> fds = {-1, -1};
  Require(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds.data()) == 0, "socketpair");
  channel::UniqueFd daemon(fds[0]);
  const channel::UniqueFd worker(fds[1]);
  Require(setsockopt(worker.get(), SOL_SOCKET, SO_SNDBUF, &kSocketBuffer, sizeof(int)) == 0,
          "setsockopt");
  for (const std::string& packet : packets) {
    if (send(worker.get(), packet.data(), packet.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0) break;
  }
  return daemon;
}

void CheckOutcome(const ReadOutcome& outcome, const channel::WorkerOutput& output) {
  const bool says_why =
      outcome.kind != ReadOutcome::Kind::kProtocol && outcome.kind != ReadOutcome::Kind::kTooMuch;
  Require(says_why || !outcome.message.empty(), "a broken protocol is named");
  Require(outcome.kind != ReadOutcome::Kind::kDeadline && outcome.kind != ReadOutcome::Kind::kError,
          "a closed channel ends the reading");
  Require(output.graph.size() <= kLimits.max_graph_bytes &&
              output.provenance.size() <= kLimits.max_provenance_bytes &&
              output.result.size() <= kLimits.max_result_bytes,
          "no more is kept than the limits allow");
}

bool IsPrintable(const std::string& text) {
  for (const char c : text) {
    if (static_cast<uint8_t>(c) < 0x20 || c == 0x7f) return false;
  }
  return true;
}

void CheckReport(const verify::Verdict& verdict) {
  bool refused = false;
  for (const v1::Finding& finding : verdict.report.findings()) {
    refused = refused || finding.severity() == v1::SEVERITY_ERROR;
    Require(!finding.rule_id().empty() && finding.rule_id().size() <= 63, "a finding has a rule");
    for (const std::string* text : {&finding.message(), &finding.name(), &finding.member_path(),
                                    &finding.opcode(), &finding.object_path(), &finding.allow()}) {
      Require(text->size() <= 8192 && IsPrintable(*text), "texts are safe to print");
    }
  }
  Require(verdict.report.findings_size() <= 202, "the number of findings is bounded");
  Require(refused == (verdict.report.verdict() == v1::VERDICT_REFUSED), "a refusal has a reason");
  Require(refused != verdict.graph.has_value(), "there is a graph exactly if nothing refuses it");
}

std::string HonestProvenance(int nodes) {
  v1::Provenance provenance;
  for (int i = 0; i < nodes; ++i) {
    provenance.add_node_offsets(0);
    provenance.add_node_opcodes(0);
  }
  return provenance.SerializeAsString();
}

bool HasUnknownFields(const google::protobuf::Message& message) {
  return !message.GetReflection()->GetUnknownFields(message).empty();
}

// What is handed over is sound in a second opinion, and in the first one again.
void CheckAccepted(const verify::Input& input, const v1::Graph& graph) {
  const auto text = [](absl::Span<const uint8_t> bytes) {
    return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  };
  const std::string why =
      WhyUnsound(graph, text(input.buffers.artifact), text(input.buffers.decoded), PolicyEntries());
  Require(why.empty(), why.c_str());
  Require(!HasUnknownFields(graph), "an accepted graph has no unknown fields");
  for (const v1::Global& global : graph.globals()) {
    Require(!HasUnknownFields(global), "an accepted name has no unknown fields");
  }
  const std::string bytes = graph.SerializeAsString();
  const std::string provenance = HonestProvenance(graph.kinds_size());
  verify::Input again = input;
  again.graph = bytes;
  again.provenance = provenance;
  again.result.set_graph_bytes(bytes.size());
  again.result.set_provenance_bytes(provenance.size());
  const absl::StatusOr<verify::Verdict> verdict = verify::Verify(again);
  Require(verdict.ok() && verdict->graph.has_value(), "an accepted graph is accepted again");
  Require(verdict->graph->graph().SerializeAsString() == bytes, "and not changed again");
}

// Exactly as large as its bytes, so that a sanitizer sees a read beyond.
std::unique_ptr<uint8_t[]> Exactly(const std::string& bytes) {
  auto copy = std::make_unique<uint8_t[]>(bytes.size());
  std::copy(bytes.begin(), bytes.end(), copy.get());
  return copy;
}

void Judge(const Recorded& recorded, const channel::WorkerOutput& output) {
  absl::StatusOr<v1::WorkerResult> result = verify::DecodeWorkerResult(output.result);
  if (!result.ok()) {
    Require(!result.status().message().empty(), "a malformed result is named");
    return;
  }
  const std::unique_ptr<uint8_t[]> artifact = Exactly(recorded.artifact);
  const std::unique_ptr<uint8_t[]> decoded = Exactly(recorded.decoded);
  verify::Input input;
  input.graph = output.graph;
  input.provenance = output.provenance;
  input.result = *std::move(result);
  input.buffers = {.artifact = {artifact.get(), recorded.artifact.size()},
                   .decoded = {decoded.get(), recorded.decoded.size()}};
  input.policy = &Policy();
  input.caps = kCaps;
  const absl::StatusOr<verify::Verdict> verdict = verify::Verify(input);
  if (!verdict.ok()) {
    Require(!verdict.status().message().empty(), "a malformed output is named");
    return;
  }
  CheckReport(*verdict);
  if (verdict->graph) CheckAccepted(input, verdict->graph->graph());
}

}  // namespace
}  // namespace loadlock::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // It would say of every second input that a text is no UTF-8.
  google::protobuf::SetLogHandler(nullptr);
  using namespace loadlock;  // NOLINT(google-build-using-namespace): the entry is in C's
  const fuzz::Recorded recorded =
      fuzz::FromFile(std::string_view(reinterpret_cast<const char*>(data), size));
  const channel::UniqueFd channel = fuzz::Spoken(recorded.packets);
  channel::WorkerOutput output;
  const channel::ReadOutcome outcome = channel::ReadWorkerOutput(
      channel.get(), fuzz::kLimits, clock::SteadyTime::Now() + absl::Seconds(60), {}, &output);
  fuzz::CheckOutcome(outcome, output);
  if (outcome.kind == channel::ReadOutcome::Kind::kComplete) fuzz::Judge(recorded, output);
  return 0;
}
