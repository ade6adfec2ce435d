#include "sandbox/decoders/torch/strided.h"

#include <algorithm>

#include "sandbox/bytes/checked.h"

namespace loadlock::torch {
namespace {

constexpr uint64_t kMaxBytes = uint64_t{1} << 62U;

}  // namespace

bool TotalBytes(uint64_t elements, uint64_t item_size, uint64_t* bytes) {
  return bytes::CheckedMul(elements, item_size, bytes) && *bytes < kMaxBytes;
}

const char* GeometryProblem(absl::Span<const int64_t> geometry, uint64_t item_size,
                            Extent* extent) {
  const size_t rank = geometry.size() / 2;
  if (geometry.size() != 1 + 2 * rank) return "its sizes and strides are not equally many";
  if (rank > kMaxRank) return "it has more than 64 dimensions";
  if (std::any_of(geometry.begin(), geometry.end(), [](int64_t value) { return value < 0; })) {
    return "its offset, a size or a stride is negative";
  }
  const absl::Span<const int64_t> sizes = geometry.subspan(1, rank);
  const absl::Span<const int64_t> strides = geometry.subspan(1 + rank);
  // Zeros are left out of the product: torch multiplies the others all the same.
  uint64_t product = 1;
  uint64_t total = 0;
  for (const int64_t size : sizes) {
    if (size == 0) continue;
    if (!bytes::CheckedMul(product, static_cast<uint64_t>(size), &product) ||
        !TotalBytes(product, item_size, &total)) {
      return "it has more elements than any memory";
    }
  }
  const bool empty = std::find(sizes.begin(), sizes.end(), 0) != sizes.end();
  uint64_t end = static_cast<uint64_t>(geometry[0]);
  for (size_t i = 0; i < rank && !empty; ++i) {
    uint64_t step = 0;
    if (!bytes::CheckedMul(static_cast<uint64_t>(sizes[i] - 1), static_cast<uint64_t>(strides[i]),
                           &step) ||
        !bytes::CheckedAdd(end, step, &end)) {
      return "its last element is beyond any memory";
    }
  }
  if (!empty && !bytes::CheckedAdd(end, uint64_t{1}, &end)) {
    return "its last element is beyond any memory";
  }
  if (!TotalBytes(end, item_size, &total)) return "its last element is beyond any memory";
  extent->elements = end;
  extent->logical_bytes = empty ? 0 : product * item_size;
  return nullptr;
}

const char* ViewProblem(absl::Span<const int64_t> geometry, uint64_t item_size,
                        uint64_t storage_bytes, Extent* extent) {
  if (const char* why = GeometryProblem(geometry, item_size, extent)) return why;
  return extent->elements * item_size <= storage_bytes ? nullptr
                                                       : "it reaches beyond the end of its storage";
}

}  // namespace loadlock::torch
