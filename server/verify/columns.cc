#include "server/verify/columns.h"

#include <cstdint>
#include <limits>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/verify/wire.h"

namespace loadlock::verify {
namespace {

// An element of a column of strings costs two bytes on the wire and forty in memory, so that
// they are counted before protobuf makes any. The largest vocabularies hold a few million
// words; this many empty strings take 640 MB.
constexpr uint64_t kMaxStrings = 16'000'000;
constexpr uint64_t kMaxBlobs = 4'000'000;
// A name is an import at the client; real models have at most a few hundred.
constexpr uint64_t kMaxGlobals = 100'000;
// Longer than any real name; a name is printed in reports.
constexpr size_t kMaxNameBytes = 512;
// As the proto says: longer bytes are buffers.
constexpr size_t kMaxBlobBytes = 4096;
// Operands a node on average, as in the proto's limits.
constexpr uint64_t kOperandsPerNode = 4;

absl::Status Malformed(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("graph: ", what));
}

// What the columns of a graph may hold.
std::vector<FieldLimit> GraphLimits(const Caps& caps) {
  using G = v1::Graph;
  const uint64_t operands = kOperandsPerNode * caps.max_nodes;
  return {{G::kKindsFieldNumber, caps.max_nodes, "too many nodes"},
          {G::kOperandCountsFieldNumber, caps.max_nodes, "too many nodes"},
          {G::kOperandsFieldNumber, operands, "too many operands"},
          {G::kStringsFieldNumber, kMaxStrings, "too many strings"},
          {G::kBlobsFieldNumber, kMaxBlobs, "too many blobs"},
          {G::kGlobalsFieldNumber, kMaxGlobals, "too many names"}};
}

// `what` is "graph" or "provenance".
template <typename Message>
absl::StatusOr<Message> Parse(absl::string_view what, absl::string_view bytes,
                              const std::vector<FieldLimit>& limits, uint64_t max_memory) {
  if (absl::Status status = ScanWire(bytes, *Message::descriptor(), limits, max_memory);
      !status.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(what, ": ", status.message()));
  }
  Message message;
  // Also refuses strings that are not UTF-8.
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::InvalidArgumentError(absl::StrCat(what, ": does not parse"));
  }
  return message;
}

absl::Status CheckNames(const v1::Graph& graph) {
  for (const v1::Global& global : graph.globals()) {
    if (global.module().empty() || global.module().size() > kMaxNameBytes ||
        global.name().empty() || global.name().size() > kMaxNameBytes) {
      return Malformed("a name is empty or longer than 512 bytes");
    }
  }
  for (const std::string& blob : graph.blobs()) {
    if (blob.size() > kMaxBlobBytes) return Malformed("a blob is longer than 4 KiB");
  }
  return absl::OkStatus();
}

absl::Status CheckBuffers(const v1::Graph& graph, const Buffers& buffers) {
  const int count = graph.buffer_sources_size();
  if (graph.buffer_offsets_size() != count || graph.buffer_lengths_size() != count) {
    return Malformed("buffer columns differ in length");
  }
  for (int i = 0; i < count; ++i) {
    uint64_t size = 0;
    switch (graph.buffer_sources(i)) {
      case v1::BUFFER_SOURCE_ARTIFACT:
        size = buffers.artifact.size();
        break;
      case v1::BUFFER_SOURCE_DECODED:
        size = buffers.decoded.size();
        break;
      default:
        return Malformed("a buffer has no known source");
    }
    const uint64_t offset = graph.buffer_offsets(i);
    if (offset > size || graph.buffer_lengths(i) > size - offset) {
      return Malformed("a buffer lies outside of its bytes");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckNodes(const v1::Graph& graph) {
  const auto nodes = static_cast<uint64_t>(graph.kinds_size());
  if (nodes == 0) return Malformed("no nodes");
  if (static_cast<uint64_t>(graph.operand_counts_size()) != nodes) {
    return Malformed("node columns differ in length");
  }
  uint64_t operands = 0;
  for (const uint32_t count : graph.operand_counts()) operands += count;
  if (operands != static_cast<uint64_t>(graph.operands_size())) {
    return Malformed("operand counts do not sum up to the operands");
  }
  if (graph.root() >= nodes) return Malformed("the root is no node");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<v1::Graph> DecodeGraph(absl::string_view bytes, const Buffers& buffers,
                                      const Caps& caps) {
  absl::StatusOr<v1::Graph> graph =
      Parse<v1::Graph>("graph", bytes, GraphLimits(caps), caps.max_memory_bytes);
  if (!graph.ok()) return graph;
  if (absl::Status status = CheckNodes(*graph); !status.ok()) return status;
  if (absl::Status status = CheckNames(*graph); !status.ok()) return status;
  if (absl::Status status = CheckBuffers(*graph, buffers); !status.ok()) return status;
  return graph;
}

absl::StatusOr<v1::Provenance> DecodeProvenance(absl::string_view bytes, int nodes) {
  constexpr absl::string_view kNotOneEach = "does not have one element a node";
  const auto count = static_cast<uint64_t>(nodes);
  // Bounded by the number of nodes, and so is the memory.
  absl::StatusOr<v1::Provenance> provenance =
      Parse<v1::Provenance>("provenance", bytes,
                            {{v1::Provenance::kNodeOffsetsFieldNumber, count, kNotOneEach},
                             {v1::Provenance::kNodeOpcodesFieldNumber, count, kNotOneEach}},
                            std::numeric_limits<uint64_t>::max());
  if (!provenance.ok()) return provenance;
  if (provenance->node_offsets_size() != nodes || provenance->node_opcodes_size() != nodes) {
    return absl::InvalidArgumentError(absl::StrCat("provenance: ", kNotOneEach));
  }
  return provenance;
}

}  // namespace loadlock::verify
