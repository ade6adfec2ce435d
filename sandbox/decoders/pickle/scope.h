#ifndef LOADLOCK_SANDBOX_DECODERS_PICKLE_SCOPE_H_
#define LOADLOCK_SANDBOX_DECODERS_PICKLE_SCOPE_H_

#include <cstdint>
#include <vector>

#include "sandbox/decoders/pickle/memo.h"
#include "sandbox/decoders/pickle/stack.h"

namespace loadlock::pickle {

// What belongs to one pickle; joblib nests a second one for an object array.
struct Scope {
  Memo memo;
  Stack::Base base;
  uint64_t begin = 0;      // of the pickle in the stream
  uint64_t frame_end = 0;  // 0 outside of frames
  uint8_t proto = 0;
  bool joblib_arrays = false;
  std::vector<int64_t> shape;  // of the array that the nested pickle must hold
};

}  // namespace loadlock::pickle

#endif  // LOADLOCK_SANDBOX_DECODERS_PICKLE_SCOPE_H_
