#include "sandbox/worker/job.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/types/span.h"
#include "loadlock/v1/worker.pb.h"
#include "sandbox/bytes/budget.h"
#include "sandbox/faults/fault_point.h"
#include "sandbox/formats/format.h"
#include "sandbox/graph/builder.h"
#include "sandbox/graph/decoded_file.h"
#include "sandbox/jail/exit_codes.h"

namespace loadlock::worker {
namespace {

// Maps the artifact; returns the exit code for what went wrong, kExitOk if nothing did. It must be
// what the job says, and nobody may be able to change it: a file that shrinks under a map raises
// SIGBUS, one that changes makes two readings differ.
int MapArtifact(int fd, uint64_t size, absl::Span<const uint8_t>* artifact) {
  struct stat info;
  // The raw call: glibc's fstat is newfstatat, which can name any path and is not allowed.
  if (syscall(SYS_fstat, fd, &info) != 0) return jail::kExitBadJob;
  if (info.st_size < 0 || static_cast<uint64_t>(info.st_size) != size) return jail::kExitBadJob;
  if (size == 0) return jail::kExitOk;
  // A memory file is sealed. What has no seals is a file of the daemon's store, which is written
  // before it is 0400 and never after; a memory file that is not sealed has other modes.
  constexpr int kNeeded = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW;
  const int seals = fcntl(fd, F_GET_SEALS);
  const bool sealed = seals >= 0 && (seals & kNeeded) == kNeeded;
  const bool stored = S_ISREG(info.st_mode) && (info.st_mode & ALLPERMS) == S_IRUSR;
  if (!sealed && !stored) return jail::kExitBadJob;
  void* const address = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (address == MAP_FAILED) return errno == ENOMEM ? jail::kExitMemory : jail::kExitBadJob;
  *artifact = absl::MakeConstSpan(static_cast<const uint8_t*>(address), size);
  return jail::kExitOk;
}

bytes::BudgetLimits LimitsOf(const v1::Job& job) {
  bytes::BudgetLimits limits;
  limits.max_nodes = job.max_nodes();
  limits.max_heap_bytes = job.max_heap_bytes();
  limits.max_decoded_bytes = job.max_decoded_bytes();
  limits.max_depth = job.max_depth();
  return limits;
}

void AddFinding(v1::Severity severity, const graph::Refusal& refusal, v1::WorkerResult* result) {
  v1::Finding* const finding = result->add_findings();
  finding->set_severity(severity);
  finding->set_rule_id(refusal.rule_id);
  finding->set_message(refusal.message);
  finding->set_name(refusal.name);
  finding->set_member_path(refusal.member_path);
  finding->set_opcode(refusal.opcode);
  finding->set_object_path(refusal.object_path);
  finding->set_allow(refusal.allow);
  if (refusal.byte_offset.has_value()) finding->set_byte_offset(*refusal.byte_offset);
}

void AddRefusal(const graph::Refusal& refusal, v1::WorkerResult* result) {
  AddFinding(v1::SEVERITY_ERROR, refusal, result);
}

bool IsRefused(const v1::WorkerResult& result) {
  return std::any_of(
      result.findings().begin(), result.findings().end(),
      [](const v1::Finding& finding) { return finding.severity() == v1::SEVERITY_ERROR; });
}

// Fills the result, and the graph if there is no refusal.
void Describe(const formats::Output& output, graph::Encoded* encoded, v1::WorkerResult* result) {
  result->set_format(output.format);
  for (const graph::Refusal& refusal : output.refusals) AddRefusal(refusal, result);
  for (const formats::GlobalUse& global : output.globals) *result->add_globals() = global;
  if (output.refusals.empty()) {
    if (const auto refusal = output.graph->Encode(output.root, encoded)) {
      AddRefusal(*refusal, result);
    }
  }
  for (const graph::Refusal& note : output.notes) AddFinding(v1::SEVERITY_INFO, note, result);
  if (result->ByteSizeLong() > kMaxResultBytes) {
    // No library refers to that many names; the report could not list them.
    result->clear_findings();
    result->clear_globals();
    AddRefusal(
        graph::Refuse("BUDGET_NODES", "the artifact refers to more names than a report can list"),
        result);
  }
  if (IsRefused(*result)) *encoded = {};
  result->set_graph_bytes(encoded->graph.size());
  result->set_provenance_bytes(encoded->provenance.size());
}

// pickle.dumps({'a': numpy.zeros(2), 'b': [1.5, 2, 'x', None, True]}, protocol=4)
constexpr std::string_view kSmallModel(
    "\x80\x04\x95\xba\x00\x00\x00\x00\x00\x00\x00}\x94(\x8c\x01"
    "a\x94\x8c\x16numpy._core.multiarray"
    "\x94\x8c\x0c_reconstruct\x94\x93\x94\x8c\x05numpy\x94\x8c\x07ndarray\x94\x93\x94K\x00\x85\x94"
    "C\x01"
    "b\x94\x87\x94R\x94(K\x01K\x02\x85\x94h\x05\x8c\x05"
    "dtype\x94\x93\x94\x8c\x02"
    "f8\x94\x89"
    "\x88\x87\x94R\x94(K\x03\x8c\x01<\x94NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00t\x94"
    "b\x89"
    "C\x10\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x94t\x94"
    "b\x8c\x01"
    "b\x94"
    "]\x94(G?\xf8\x00\x00\x00\x00\x00\x00K\x02\x8c\x01x\x94N\x88"
    "eu.",
    197);

bool Send(const graph::Encoded& encoded, const v1::WorkerResult& result,
          channel::FrameWriter& writer) {
  return writer.Answer(encoded.graph, encoded.provenance, result.SerializeAsString()).ok();
}

}  // namespace

void WarmUp() {
  constexpr uint64_t kPlenty = uint64_t{1} << 20;
  bytes::BudgetLimits limits;
  limits.max_nodes = kPlenty;
  limits.max_heap_bytes = kPlenty;
  limits.max_decoded_bytes = 0;
  limits.max_depth = 100;
  bytes::Budget budget(limits);
  // Nothing is decoded, so no file is needed.
  graph::DecodedFile decoded(-1, &budget);
  graph::Builder builder(&budget);
  formats::Input input;
  input.artifact =
      absl::MakeConstSpan(reinterpret_cast<const uint8_t*>(kSmallModel.data()), kSmallModel.size());
  input.decoded = &decoded;
  input.budget = &budget;
  formats::Output output;
  output.graph = &builder;
  formats::Parse(input, &output);
  graph::Encoded encoded;
  v1::WorkerResult result;
  Describe(output, &encoded, &result);
  // A worker that refuses this would refuse everything; without a greeting the daemon does not
  // start.
  if (encoded.graph.empty()) abort();
}

int RunJob(channel::ReceivedJob& received, channel::FrameWriter& writer) {
  v1::Job job;
  formats::Input input;
  if (!job.ParseFromString(received.job)) return jail::kExitBadJob;
  const int mapped = MapArtifact(received.artifact.get(), job.artifact_size(), &input.artifact);
  if (mapped != jail::kExitOk) return mapped;
  bytes::Budget budget(LimitsOf(job));
  std::optional<graph::DecodedFile> decoded(std::in_place, received.decoded.get(), &budget);
  graph::Builder builder(&budget);
  input.decoded = &*decoded;
  input.budget = &budget;
  formats::Output output;
  output.graph = &builder;
  faults::FaultPoint(faults::Stage::kParsing);
  formats::Parse(input, &output);
  // By RLIMIT_FSIZE or by the file's own seal; the budget ends an honest one before.
  if (decoded->error() == EFBIG || decoded->error() == EPERM) return jail::kExitFileLimit;

  graph::Encoded encoded;
  v1::WorkerResult result;
  Describe(output, &encoded, &result);
  result.set_decoded_size(decoded->size());
  // Unmaps it: the daemon cannot seal a file that is still mapped here.
  decoded.reset();
  faults::FaultPoint(faults::Stage::kParsed);
  return Send(encoded, result, writer) ? jail::kExitOk : jail::kExitChannel;
}

}  // namespace loadlock::worker
