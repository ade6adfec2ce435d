// Which elements of its storage a tensor refers to.
#ifndef LOADLOCK_SANDBOX_DECODERS_TORCH_STRIDED_H_
#define LOADLOCK_SANDBOX_DECODERS_TORCH_STRIDED_H_

#include <cstddef>
#include <cstdint>

#include "absl/types/span.h"

namespace loadlock::torch {

// torch keeps sizes in vectors and takes any rank; kernels and readers stop at 64.
inline constexpr size_t kMaxRank = 64;

struct Extent {
  // Bytes of all elements, each counted as often as the tensor has it.
  uint64_t logical_bytes = 0;
  // Elements of the storage up to the last one that the tensor refers to.
  uint64_t elements = 0;
};

// `geometry`: offset, sizes and strides, in elements. Null if all are from 0 on, fit 62 bits
// together with `item_size`, and are few enough; else what is wrong.
const char* GeometryProblem(absl::Span<const int64_t> geometry, uint64_t item_size, Extent* extent);

// The same, and the extent lies within a storage of this many bytes.
const char* ViewProblem(absl::Span<const int64_t> geometry, uint64_t item_size,
                        uint64_t storage_bytes, Extent* extent);

// Bytes of elements; false if they do not fit 62 bits.
[[nodiscard]] bool TotalBytes(uint64_t elements, uint64_t item_size, uint64_t* bytes);

}  // namespace loadlock::torch

#endif  // LOADLOCK_SANDBOX_DECODERS_TORCH_STRIDED_H_
