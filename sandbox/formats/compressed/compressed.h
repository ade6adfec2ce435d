// A model in one compressed stream that is the whole file: what joblib.dump(compress=...) writes,
// and what gzip, bzip2, xz and zstd make of any other file.
#ifndef LOADLOCK_SANDBOX_FORMATS_COMPRESSED_COMPRESSED_H_
#define LOADLOCK_SANDBOX_FORMATS_COMPRESSED_COMPRESSED_H_

#include "sandbox/bytes/cursor.h"
#include "sandbox/formats/format.h"

namespace loadlock::formats {

// "zlib", "gzip", "bz2", "lzma", "xz", "lz4" or "zstd".
const char* IdentifyCompressed(bytes::Bytes artifact);

// Decompresses to the decoded file and parses that by its own content; arrays become ranges of the
// decoded file. Another compressed stream inside is refused: one level is all that is ever
// decompressed.
void ParseCompressed(const Input& input, Output* output);

}  // namespace loadlock::formats

#endif  // LOADLOCK_SANDBOX_FORMATS_COMPRESSED_COMPRESSED_H_
