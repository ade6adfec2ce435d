// What joblib.dump(compress=...) writes: one compressed stream that is the whole file, and in it
// one pickle. Plain pickles in such a stream are read too; joblib.load does not ask either.
#ifndef LOADLOCK_SANDBOX_FORMATS_JOBLIB_COMPRESSED_H_
#define LOADLOCK_SANDBOX_FORMATS_JOBLIB_COMPRESSED_H_

#include "sandbox/bytes/cursor.h"
#include "sandbox/formats/format.h"

namespace loadlock::formats {

// "zlib", "gzip", "bz2", "lzma", "xz" or "lz4".
const char* IdentifyCompressed(bytes::Bytes artifact);

// Decompresses to the decoded file and parses that. Arrays become ranges of the decoded file.
// Anything but a pickle inside is refused, another compressed stream included: one
// level is all that is ever decompressed.
void ParseCompressed(const Input& input, Output* output);

}  // namespace loadlock::formats

#endif  // LOADLOCK_SANDBOX_FORMATS_JOBLIB_COMPRESSED_H_
