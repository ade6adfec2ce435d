// The one entry to every file format: artifact bytes in, inert graph or refusals out.
//
// A format is one folder beside this file with a parser and a test, and one line in
// registry.cc. What a file is, its content decides; a name or a suffix is never seen here.
#ifndef LOADLOCK_SANDBOX_FORMATS_FORMAT_H_
#define LOADLOCK_SANDBOX_FORMATS_FORMAT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "loadlock/v1/finding.pb.h"
#include "sandbox/bytes/budget.h"
#include "sandbox/graph/builder.h"
#include "sandbox/graph/decoded_file.h"
#include "sandbox/graph/node.h"
#include "sandbox/graph/refusal.h"
#include "sandbox/graph/values.h"

namespace loadlock::formats {

using GlobalUse = loadlock::v1::GlobalUse;

// Everything is owned by the caller and outlives the call and the graph.
struct Input {
  // The whole artifact. Hostile. May be empty.
  absl::Span<const uint8_t> artifact;
  // Empty at the start. Receives what had to be decompressed or decoded.
  graph::DecodedFile* decoded = nullptr;
  // Charged for every node, byte of heap and byte decoded. The same that `decoded` and the
  // builder were made with.
  bytes::Budget* budget = nullptr;
  // What `artifact` is a view of, for buffers, and the offset of its first byte in that: the file,
  // or what was decoded of it, or a member of either.
  v1::BufferSource source = v1::BUFFER_SOURCE_ARTIFACT;
  uint64_t offset = 0;

  // Part of `artifact`, within its bounds.
  graph::Buffer Range(uint64_t begin, uint64_t length) const {
    return {source, offset + begin, artifact.subspan(begin, length), length};
  }
  graph::Buffer Whole() const { return Range(0, artifact.size()); }
  // For parsers that count from the begin of `source`.
  void MakeRelative(graph::Refusal* refusal) const {
    auto& at = refusal->byte_offset;
    if (at && *at >= offset) *at -= offset;
  }
};

struct Output {
  // Set by the caller, empty. Holds the graph if `refusals` is empty; otherwise what was built
  // so far, which nobody may use.
  graph::Builder* graph = nullptr;
  // For graph->Encode(), which may still refuse. kNoNode if `refusals` is not empty.
  graph::NodeId root = graph::kNoNode;
  // "pickle", "joblib", "npy", or with the compression it came in: "joblib+zlib",
  // "pickle+xz". A format that is known and refused has its name too ("onnx", "7z"); empty
  // if nothing was recognised.
  std::string format;
  // Not empty: refused.
  std::vector<graph::Refusal> refusals;
  // What is worth knowing and does not refuse (findings of severity INFO), a dozen at most.
  std::vector<graph::Refusal> notes;
  // Every name that the stream refers to, in order of first use; `trust` is not set. Also
  // filled when the parse ends in a refusal: a report names `posix.system` even if the stream
  // breaks later.
  std::vector<GlobalUse> globals;
};

// Finds the format by content among the registered ones and parses it. Never throws; every
// failure is a refusal. Takes time linear in the artifact plus what the budget grants.
void Parse(const Input& input, Output* output);

}  // namespace loadlock::formats

#endif  // LOADLOCK_SANDBOX_FORMATS_FORMAT_H_
