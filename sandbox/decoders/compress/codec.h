// The compressions that model files come in, and how they are told apart.
//
// One stream must be the whole file. Python's readers differ on everything else: gzip and bz2
// read several streams one after another, joblib's zlib reader stops after the first or spins,
// bz2 ignores junk at the end and gzip reports it. So whatever follows the stream is refused.
#ifndef LOADLOCK_SANDBOX_DECODERS_COMPRESS_CODEC_H_
#define LOADLOCK_SANDBOX_DECODERS_COMPRESS_CODEC_H_

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/types/span.h"
#include "sandbox/bytes/budget.h"
#include "sandbox/bytes/cursor.h"
#include "sandbox/decoders/compress/decompressor.h"
#include "sandbox/graph/decoded_file.h"
#include "sandbox/graph/refusal.h"

namespace loadlock::compress {

struct Codec {
  // As in format names: "zlib", "gzip", "bz2", "lzma", "xz", "lz4", "zstd".
  const char* name;
  // Whether the bytes begin with a header of this format: all of it that is fixed, not only
  // the first byte.
  bool (*matches)(Bytes artifact);
  // Null if the header is one that all readers understand alike, else what is wrong with it.
  // Only called if `matches` holds.
  const char* (*header_problem)(Bytes artifact);
  // Null if memory is short.
  std::unique_ptr<Decompressor> (*make)();
  // Most bytes that the library allocates for one stream, charged to the heap budget.
  uint64_t memory_bytes;
};

// zlib, gzip, bz2, lzma, xz, lz4, zstd.
absl::Span<const Codec> Codecs();

// Decompresses `artifact`, which must be one stream and nothing else, to the end of `decoded`.
// Refuses with the offset in the compressed bytes: MALFORMED, TRUNCATED, TRAILING_DATA,
// BUDGET_DECODED, BUDGET_HEAP.
std::optional<graph::Refusal> DecompressAll(const Codec& codec, Bytes artifact,
                                            bytes::Budget* budget, graph::DecodedFile* decoded);

}  // namespace loadlock::compress

#endif  // LOADLOCK_SANDBOX_DECODERS_COMPRESS_CODEC_H_
