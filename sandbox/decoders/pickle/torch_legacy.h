// torch.save before 1.6: five pickles and the elements of the storages, one behind the other.
//
//   file    = magic, version, system, object, keys, storage*      and nothing else
//   magic   = pickle of 0x1950a86a20f9469cfc6c
//   version = pickle of 1001
//   system  = pickle of a dict, which no reader looks at
//   object  = pickle, whose persistent ids are ('storage', class, key, location, elements, view),
//             view None or (key, offset, elements), or ('module', class, file, source)
//   keys    = pickle of the list of the storages' keys
//   storage = i64 elements, the elements
//
// torch leaves a storage whose key is not in the list as it was allocated, and reads one that is
// there twice again; here the list is of all keys, each once. The elements are little-endian
// whatever `system` says (torch/serialization.py, _legacy_load).
#ifndef LOADLOCK_SANDBOX_DECODERS_PICKLE_TORCH_LEGACY_H_
#define LOADLOCK_SANDBOX_DECODERS_PICKLE_TORCH_LEGACY_H_

#include <cstdint>

#include "sandbox/bytes/cursor.h"
#include "sandbox/decoders/pickle/parse.h"

namespace loadlock::pickle {

// Whether the first pickle is the magic number, as a pickler of protocol 2 to 5 writes it.
bool IsTorchLegacy(bytes::Bytes file);

struct LegacyOptions {
  // The file lies in bytes of a pickle: its own pickles may hold none in bytes.
  bool nested = false;
  // Of the file's first byte in what offsets are told of.
  uint64_t base = 0;
};

// Parses a whole file; `file.data` are all of it. Storages become ranges of what `file` is a range
// of, or of `decoded` if it lies in the parser's memory alone. Refuses what Parse() refuses,
// MALFORMED, TRUNCATED, TRAILING_DATA, ARRAY_BOUNDS, and SCHEMA for ids.
ParseResult ParseTorchLegacy(const graph::Buffer& file, const LegacyOptions& options,
                             graph::DecodedFile& decoded, bytes::Budget& budget,
                             graph::Builder& builder);

}  // namespace loadlock::pickle

#endif  // LOADLOCK_SANDBOX_DECODERS_PICKLE_TORCH_LEGACY_H_
