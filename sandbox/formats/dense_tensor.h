#ifndef LOADLOCK_SANDBOX_FORMATS_DENSE_TENSOR_H_
#define LOADLOCK_SANDBOX_FORMATS_DENSE_TENSOR_H_

#include <cstdint>
#include <string_view>

#include "absl/types/span.h"
#include "sandbox/graph/builder.h"
#include "sandbox/graph/values.h"

namespace loadlock::formats {

// A TENSOR over a STORAGE of its own, for element types that numpy has not: items in row-major
// order, all of `data`, whose length is the product of `shape` (each >= 0) times `item_size`, which
// the caller has proven. `type` is torch's name and lives for ever.
graph::NodeId DenseTensor(graph::Builder* builder, std::string_view type, uint64_t item_size,
                          absl::Span<const int64_t> shape, const graph::Buffer& data);

// {"type": ..., "shape": ..., "data": ...}: a tensor for whose elements neither numpy nor torch has
// a type. `type` is its format's name for them and lives for ever, `shape` counts elements (each
// >= 0), and `data` are its bytes as an array of `in_bytes`, whose product is their number.
graph::NodeId DescribedTensor(graph::Builder* builder, std::string_view type,
                              absl::Span<const int64_t> shape, absl::Span<const int64_t> in_bytes,
                              const graph::Buffer& data);

}  // namespace loadlock::formats

#endif  // LOADLOCK_SANDBOX_FORMATS_DENSE_TENSOR_H_
