#ifndef LOADLOCK_SANDBOX_DECODERS_PICKLE_PARSE_H_
#define LOADLOCK_SANDBOX_DECODERS_PICKLE_PARSE_H_

#include <cstdint>
#include <optional>

#include "absl/types/span.h"
#include "loadlock/v1/graph.pb.h"
#include "sandbox/bytes/budget.h"
#include "sandbox/decoders/torch/persistent.h"
#include "sandbox/graph/builder.h"
#include "sandbox/graph/decoded_file.h"
#include "sandbox/graph/refusal.h"

namespace loadlock::pickle {

// Where a pickle lies. `bytes` must outlive the builder: strings and arrays stay in it.
struct Stream {
  absl::Span<const uint8_t> bytes;
  // What `bytes` are a view of (the artifact, or the decoded file if it was compressed), and
  // the offset of bytes[0] in that.
  v1::BufferSource source = v1::BUFFER_SOURCE_ARTIFACT;
  uint64_t offset = 0;
};

struct Options {
  // joblib's NumpyArrayWrapper: array bytes and nested pickles stand between opcodes.
  bool joblib_arrays = false;
  // What BINPERSID and PERSID stand for; without it they are refused.
  torch::PersistentIds* persistent = nullptr;
  // The pickle may end before the stream does.
  bool prefix = false;
  // Of the stream's first byte in what offsets are told of.
  uint64_t base = 0;
  // The stream lies in a value of another pickle: it may hold no further one.
  bool nested = false;
};

struct ParseResult {
  // Set if there is no refusal.
  graph::NodeId root = graph::kNoNode;
  std::optional<graph::Refusal> refusal;
  // How many bytes of the stream the pickle takes, if it was accepted.
  uint64_t size = 0;
};

// Parses exactly one pickle, protocol 0 to 5, that must end where the stream ends, unless the
// options say that it is a prefix. Nothing runs:
// names stay names. Accepts only what CPython's C unpickler, its Python unpickler and
// pickletools read alike; then the graph is what CPython 3.11 would have been told to build.
// Every name loaded, popped or not, is in builder.globals() even after a refusal.
ParseResult Parse(const Stream& stream, const Options& options, graph::DecodedFile& decoded,
                  bytes::Budget& budget, graph::Builder& builder);

// "REDUCE" for 'R'; empty for a byte that is no opcode.
const char* OpcodeName(uint8_t opcode);

}  // namespace loadlock::pickle

#endif  // LOADLOCK_SANDBOX_DECODERS_PICKLE_PARSE_H_
