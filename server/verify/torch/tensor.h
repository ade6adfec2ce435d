// STRIDED: views of storages, proven to stay inside of them, and what is read of them.
#ifndef LOADLOCK_SERVER_VERIFY_TORCH_TENSOR_H_
#define LOADLOCK_SERVER_VERIFY_TORCH_TENSOR_H_

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>

#include "absl/types/span.h"
#include "server/verify/scope.h"
#include "server/verify/torch/element_type.h"

namespace loadlock::verify::torch {

// Flags of TENSOR and SPARSE_TENSOR.
inline constexpr uint32_t kRequiresGrad = 1;
inline constexpr uint32_t kConjugate = 2;
inline constexpr uint32_t kNegative = 4;
inline constexpr uint32_t kCoalesced = 8;

// A view whose every element lies within `bytes`. Places and strides in elements.
struct Strided {
  const ElementType* type = nullptr;
  // kAbsent buffer: on the meta device, without bytes.
  bool meta = false;
  uint32_t flags = 0;
  int64_t offset = 0;
  absl::Span<const int64_t> sizes;
  absl::Span<const int64_t> strides;
  // Product of the sizes; times the item's size below 2^62.
  uint64_t elements = 0;
  // Of the whole storage, unaligned.
  absl::Span<const uint8_t> bytes;

  size_t rank() const { return sizes.size(); }
  bool IsVector(int64_t length) const { return rank() == 1 && sizes[0] == length; }
  // Of one dimension, one element behind the other.
  bool IsDense() const { return rank() == 1 && (sizes[0] <= 1 || strides[0] == 1); }
  uint64_t logical_bytes() const { return elements * type->size; }
  template <typename T>
  T At(int64_t place) const {
    T value;
    std::memcpy(&value, bytes.data() + static_cast<size_t>(place) * sizeof(T), sizeof(T));
    return value;
  }
};

// Of a TENSOR, QUANTIZED_TENSOR or CHANNEL_QUANTIZED_TENSOR. Not empty: why the view is unsound.
struct StridedOrWhy {
  Strided view;
  std::string why;
};
StridedOrWhy StridedOf(const Scope& scope, NodeId tensor);

// The product of the sizes; nullopt if one is negative, or if the product of those that are not
// zero times `item` bytes is 2^62 or more.
std::optional<uint64_t> Elements(absl::Span<const int64_t> sizes, uint32_t item);

// What any tensor says of itself.
struct Facts {
  // TENSOR, SPARSE_TENSOR, ...: not the kind of a PARAMETER around it.
  v1::NodeKind kind = v1::NODE_KIND_UNSPECIFIED;
  const ElementType* type = nullptr;
  absl::Span<const int64_t> sizes;
  bool parameter = false;

  bool HasShape(absl::Span<const int64_t> wanted) const { return sizes == wanted; }
};
// nullopt if the value is no tensor.
std::optional<Facts> FactsOf(const Scope& scope, Value value);

}  // namespace loadlock::verify::torch

#endif  // LOADLOCK_SERVER_VERIFY_TORCH_TENSOR_H_
