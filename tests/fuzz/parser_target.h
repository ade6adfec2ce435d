// The body of a target that feeds one decoder: everything a parse needs, and what must hold
// after it.
#ifndef LOADLOCK_TESTS_FUZZ_PARSER_TARGET_H_
#define LOADLOCK_TESTS_FUZZ_PARSER_TARGET_H_

#include <sys/mman.h>
#include <unistd.h>

#include <string_view>

#include "loadlock/v1/graph.pb.h"
#include "loadlock/v1/worker.pb.h"
#include "sandbox/decoders/pickle/parse.h"
#include "sandbox/formats/testing.h"
#include "tests/fuzz/recheck_nodes.h"
#include "tests/fuzz/refusals.h"
#include "tests/fuzz/target.h"

namespace loadlock::fuzz {

// The file for decoded data, empty again for each input; making one costs more than most parses.
inline int EmptyDecodedFile() {
  static const int fd = memfd_create("decoded", MFD_CLOEXEC);
  Require(fd >= 0 && ftruncate(fd, 0) == 0, "memfd_create");
  return fd;
}

// What an accepted graph must be before the daemon looks at it: it fits its own columns and the
// bytes that it points into, and every node has its origin.
inline void CheckEncoded(const graph::Encoded& encoded, absl::Span<const uint8_t> artifact,
                         absl::Span<const uint8_t> decoded) {
  v1::Graph graph;
  v1::Provenance provenance;
  Require(graph.ParseFromString(encoded.graph), "the graph is the message that it should be");
  Require(provenance.ParseFromString(encoded.provenance), "and so is its provenance");
  Require(encoded.nodes > 0 && static_cast<uint32_t>(graph.kinds_size()) == encoded.nodes,
          "an accepted graph has nodes");
  Require(provenance.node_offsets_size() == graph.kinds_size() &&
              provenance.node_opcodes_size() == graph.kinds_size(),
          "every node has its origin");
  const auto text = [](absl::Span<const uint8_t> bytes) {
    return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  };
  const std::string why = Nodes(graph, text(artifact), text(decoded)).WhyUnfit();
  Require(why.empty(), why.c_str());
}

// Where a refusal says that it is: every opcode has an offset; a value of a document, which is
// looked at when the bytes are behind, has the key that the message names.
enum class Places { kOffsets, kKeys };

// `parse(stream, decoded, budget, builder)` gives a pickle::ParseResult.
template <typename ParseFunction>
int RunParser(const uint8_t* data, size_t size, ParseFunction parse,
              Places places = Places::kOffsets) {
  bytes::Budget budget(formats::SmallBudget());
  graph::Builder builder(&budget);
  graph::DecodedFile decoded(EmptyDecodedFile(), &budget);
  const pickle::Stream stream{{data, size}, v1::BUFFER_SOURCE_ARTIFACT, 0};
  const pickle::ParseResult result = parse(stream, decoded, budget, builder);
  Require(result.refusal.has_value() == (result.root == graph::kNoNode),
          "a parse has a root or a refusal");
  Require(decoded.size() <= budget.limits().max_decoded_bytes, "output is within the budget");
  if (result.refusal) {
    Require(places == Places::kKeys || result.refusal->byte_offset.has_value(),
            "a refusal says where");
    CheckRefusal(*result.refusal, size);
    return 0;
  }
  graph::Encoded encoded;
  if (const auto refusal = builder.Encode(result.root, &encoded)) {
    CheckRefusal(*refusal, size);
    return 0;
  }
  CheckEncoded(encoded, {data, size},
               decoded.size() > 0 ? decoded.Map() : absl::Span<const uint8_t>());
  return 0;
}

}  // namespace loadlock::fuzz

#endif  // LOADLOCK_TESTS_FUZZ_PARSER_TARGET_H_
