#ifndef LOADLOCK_SANDBOX_DECODERS_COMPRESS_DECOMPRESSOR_H_
#define LOADLOCK_SANDBOX_DECODERS_COMPRESS_DECOMPRESSOR_H_

#include <cstddef>
#include <cstdint>

#include "absl/types/span.h"
#include "sandbox/bytes/cursor.h"

namespace loadlock::compress {

using bytes::Bytes;

// What one call of a decompressor did.
struct Step {
  enum class State {
    kMore,     // goes on with more input or more room
    kEnd,      // the stream is complete and its checksums hold
    kCorrupt,  // `why` says what does not hold
    kMemory,   // the library asked for more memory than it may have
  };
  State state = State::kMore;
  // Bytes taken from the input and put into the output by this call.
  size_t consumed = 0;
  size_t produced = 0;
  // A literal; null unless kCorrupt.
  const char* why = nullptr;
};

// One compressed stream. Not reusable; owns what its library allocates, which is bounded by
// the codec's memory figure in codec.h. Never reads beyond its stream.
class Decompressor {
 public:
  Decompressor() = default;
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;
  virtual ~Decompressor() = default;

  // Takes a prefix of `in` and fills a prefix of `out`. Taking and giving nothing means that
  // it needs more of one of the two. Not called again after a state other than kMore.
  virtual Step Next(Bytes in, absl::Span<uint8_t> out) = 0;
};

}  // namespace loadlock::compress

#endif  // LOADLOCK_SANDBOX_DECODERS_COMPRESS_DECOMPRESSOR_H_
