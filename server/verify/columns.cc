#include "server/verify/columns.h"

#include <array>
#include <cstdint>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/wire_format_lite.h"

namespace loadlock::verify {
namespace {

using google::protobuf::internal::WireFormatLite;

// An element of a column of strings costs two bytes on the wire and forty in memory, so that
// they are counted before protobuf makes any. The largest vocabularies hold a few million
// words; this many empty strings take 640 MB.
constexpr uint32_t kMaxStrings = 16'000'000;
constexpr uint32_t kMaxBlobs = 4'000'000;
// A name is an import at the client; real models have at most a few hundred.
constexpr uint32_t kMaxGlobals = 100'000;
// Longer than any real name; a name is printed in reports.
constexpr size_t kMaxNameBytes = 512;
// As the proto says: longer bytes are buffers.
constexpr size_t kMaxBlobBytes = 4096;
// Above every field number of the messages that are scanned.
constexpr size_t kFieldNumbers = 32;
// Operands a node on average, as in the proto's limits.
constexpr uint64_t kOperandsPerNode = 4;

absl::Status Malformed(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("graph: ", what));
}

// Walks the top level of a serialized message: every field must be known (so that nothing is
// kept as an unknown field), and repeated strings stay within their limits.
absl::Status ScanWire(absl::string_view bytes, const google::protobuf::Descriptor& type) {
  // A table, because a vocabulary has tens of thousands of fields to look up.
  std::array<bool, kFieldNumbers> known{};
  for (int i = 0; i < type.field_count(); ++i) {
    known.at(static_cast<size_t>(type.field(i)->number())) = true;
  }
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const uint8_t*>(bytes.data()),
                                            static_cast<int>(bytes.size()));
  uint32_t strings = 0;
  uint32_t blobs = 0;
  uint32_t globals = 0;
  while (const uint32_t tag = in.ReadTag()) {
    const int number = WireFormatLite::GetTagFieldNumber(tag);
    if (static_cast<size_t>(number) >= kFieldNumbers || !known[static_cast<size_t>(number)]) {
      return Malformed("unknown field");
    }
    if (!WireFormatLite::SkipField(&in, tag)) return Malformed("does not parse");
    if (&type != v1::Graph::descriptor()) continue;
    if (number == v1::Graph::kStringsFieldNumber && ++strings > kMaxStrings) {
      return Malformed("too many strings");
    }
    if (number == v1::Graph::kBlobsFieldNumber && ++blobs > kMaxBlobs) {
      return Malformed("too many blobs");
    }
    if (number == v1::Graph::kGlobalsFieldNumber && ++globals > kMaxGlobals) {
      return Malformed("too many names");
    }
  }
  if (!in.ConsumedEntireMessage()) return Malformed("does not parse");
  return absl::OkStatus();
}

template <typename Message>
absl::StatusOr<Message> Parse(absl::string_view bytes) {
  // protobuf counts bytes in an int.
  if (bytes.size() > std::numeric_limits<int>::max()) return Malformed("larger than 2 GiB");
  if (absl::Status status = ScanWire(bytes, *Message::descriptor()); !status.ok()) return status;
  Message message;
  // Also refuses strings that are not UTF-8.
  if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return Malformed("does not parse");
  }
  return message;
}

absl::Status CheckNames(v1::Graph* graph) {
  for (v1::Global& global : *graph->mutable_globals()) {
    // Nothing but the two fields is handed on.
    global.DiscardUnknownFields();
    if (global.module().empty() || global.module().size() > kMaxNameBytes ||
        global.name().empty() || global.name().size() > kMaxNameBytes) {
      return Malformed("a name is empty or longer than 512 bytes");
    }
  }
  for (const std::string& blob : graph->blobs()) {
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

absl::Status CheckNodes(const v1::Graph& graph, const Caps& caps) {
  const auto nodes = static_cast<uint64_t>(graph.kinds_size());
  if (nodes == 0) return Malformed("no nodes");
  if (nodes > caps.max_nodes) return Malformed("too many nodes");
  if (static_cast<uint64_t>(graph.operands_size()) > kOperandsPerNode * caps.max_nodes) {
    return Malformed("too many operands");
  }
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
  absl::StatusOr<v1::Graph> graph = Parse<v1::Graph>(bytes);
  if (!graph.ok()) return graph;
  if (absl::Status status = CheckNodes(*graph, caps); !status.ok()) return status;
  if (absl::Status status = CheckNames(&*graph); !status.ok()) return status;
  if (absl::Status status = CheckBuffers(*graph, buffers); !status.ok()) return status;
  return graph;
}

absl::StatusOr<v1::Provenance> DecodeProvenance(absl::string_view bytes, int nodes) {
  absl::StatusOr<v1::Provenance> provenance = Parse<v1::Provenance>(bytes);
  if (!provenance.ok()) return provenance;
  if (provenance->node_offsets_size() != nodes || provenance->node_opcodes_size() != nodes) {
    return Malformed("provenance does not have one element a node");
  }
  return provenance;
}

}  // namespace loadlock::verify
