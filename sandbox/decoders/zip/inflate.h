// One deflated member; only this folder includes it.
#ifndef LOADLOCK_SANDBOX_DECODERS_ZIP_INFLATE_H_
#define LOADLOCK_SANDBOX_DECODERS_ZIP_INFLATE_H_

#include <cstdint>

#include "sandbox/bytes/budget.h"
#include "sandbox/bytes/cursor.h"
#include "sandbox/graph/decoded_file.h"

namespace loadlock::zip {

// Why a member could not be inflated; rule is null if it could.
struct Inflated {
  const char* rule = nullptr;
  const char* what = nullptr;
};

// Inflates raw deflate data (RFC 1951), which must be one stream and nothing else, to exactly
// `size` bytes with the checksum `crc`, at the end of `decoded`. Never writes more than `size`.
Inflated Inflate(bytes::Bytes data, uint64_t size, uint32_t crc, bytes::Budget* budget,
                 graph::DecodedFile* decoded);

}  // namespace loadlock::zip

#endif  // LOADLOCK_SANDBOX_DECODERS_ZIP_INFLATE_H_
