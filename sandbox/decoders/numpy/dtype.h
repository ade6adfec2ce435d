#ifndef LOADLOCK_SANDBOX_DECODERS_NUMPY_DTYPE_H_
#define LOADLOCK_SANDBOX_DECODERS_NUMPY_DTYPE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/types/span.h"
#include "sandbox/graph/builder.h"

namespace loadlock::numpy {

// A simple (not record) dtype in canonical form.
struct Dtype {
  char order = '|';  // '<', '>' or '|' for what has no byte order
  char kind = 0;     // b i u f c S U V O M m
  uint64_t itemsize = 0;
  // "<f8", "|b1", "<U12", "|O", "<M8[ns]".
  std::string typestr;
};

// Largest item of S, U or V, in bytes: numpy keeps the size in an int.
inline constexpr uint64_t kMaxItemSize = (uint64_t{1} << 31) - 1;

// Reads numpy's typestr (`|b1`, `<f8`, `>i4`, `=u2`, `U12`, `M8[ns]`, `m8[25us]`); an absent
// order or '=' is little-endian. Only grammar of the allow-list: b1, i/u 1 2 4 8, f 2 4 8,
// c 8 16, S, U, V, O (with or without 8), M8, m8.
std::optional<Dtype> ParseTypestr(std::string_view text);

// Why ParseTypestr() takes none of it, with what to do.
std::string WhyNoDtype(std::string_view text);

// The dtype of a field that is an array itself: "(2,3)<f4", "(3,)|i1" of a shape and a canonical
// typestr that is not 'O'. Nothing unless it has 1 to 8 dimensions, each at least 1, and an item of
// at most kMaxItemSize. It is the dtype of no array.
std::optional<std::string> SubarrayTypestr(absl::Span<const int64_t> shape,
                                           std::string_view typestr);

// numpy 1 has at most 32 dimensions; numpy 2 allows 64, which no model has.
inline constexpr size_t kMaxRank = 32;

// Bytes of an array: product of `shape` (each >= 0, at most kMaxRank) times `itemsize`.
// Nothing if it does not fit 63 bits, with zero dimensions left out as numpy does it.
std::optional<uint64_t> ArrayBytes(absl::Span<const int64_t> shape, uint64_t itemsize);

// Item size of a DTYPE (of a field too) or DTYPE_RECORD node.
uint64_t ItemSize(const graph::Builder& builder, graph::NodeId dtype);

}  // namespace loadlock::numpy

#endif  // LOADLOCK_SANDBOX_DECODERS_NUMPY_DTYPE_H_
