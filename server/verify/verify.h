// The daemon's own check of everything that a worker sent.
//
// The worker is taken to be hostile: it can send any bytes. Verify decodes them with caps,
// proves that every index, size and range is sound, applies the policy to every name and the
// invariants to every buffer, and only then hands out a VerifiedGraph, which nobody else can
// make. Pure function of its input; thread safe.
#ifndef LOADLOCK_SERVER_VERIFY_VERIFY_H_
#define LOADLOCK_SERVER_VERIFY_VERIFY_H_

#include <cstdint>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "loadlock/v1/graph.pb.h"
#include "loadlock/v1/report.pb.h"
#include "loadlock/v1/worker.pb.h"
#include "server/policy/policy.h"

namespace loadlock::verify {

// What a worker may send; the reasons stand in caps.cc and in server/config/defaults.h.
struct Caps {
  uint64_t max_nodes = 10'000'000;
  // Nesting of nodes; an honest worker stops at Job.max_depth containers.
  uint32_t max_depth = 1000;
  // Bytes of memory that the decoded graph may take here. An honest worker holds it on its own
  // heap as well, so that Job.max_heap_bytes refuses no honest one.
  uint64_t max_memory_bytes = uint64_t{1} << 30;
};

// The bytes that buffers are ranges of: sealed, mapped read-only by the daemon.
struct Buffers {
  absl::Span<const uint8_t> artifact;
  absl::Span<const uint8_t> decoded;
};

struct Input {
  // Serialized Graph and Provenance, as they came. Read only during Verify.
  absl::string_view graph;
  absl::string_view provenance;
  // From DecodeWorkerResult.
  v1::WorkerResult result;
  Buffers buffers;
  // Must outlive the call.
  const policy::CompiledPolicy* policy = nullptr;
  Caps caps;
};

// A graph that passed every check. Forced values are written into it, and names of
// copyreg._reconstructor are turned into objects.
class VerifiedGraph {
 public:
  VerifiedGraph(VerifiedGraph&&) = default;
  VerifiedGraph& operator=(VerifiedGraph&&) = default;

  const v1::Graph& graph() const { return graph_; }
  v1::Graph Release() && { return std::move(graph_); }

 private:
  friend class GraphIssuer;  // verify.cc
  explicit VerifiedGraph(v1::Graph graph) : graph_(std::move(graph)) {}

  v1::Graph graph_;
};

struct Verdict {
  // Filled: verdict, findings, format, globals (with trust), node_count, buffer_count,
  // buffer_bytes, decoded_size, policy, policy_digest.
  v1::Report report;
  // Present exactly if report.verdict is ACCEPTED.
  std::optional<VerifiedGraph> graph;
};

// Decodes a worker's result and checks what it claims: limits, known severities, rule ids and
// format names of the right shape. Texts are escaped and cut. INVALID_ARGUMENT: malformed.
absl::StatusOr<v1::WorkerResult> DecodeWorkerResult(absl::string_view bytes);

// INVALID_ARGUMENT: the output is malformed, which no honest worker's is; the caller refuses
// the artifact with the rule WORKER_PROTOCOL.
absl::StatusOr<Verdict> Verify(const Input& input);

}  // namespace loadlock::verify

#endif  // LOADLOCK_SERVER_VERIFY_VERIFY_H_
