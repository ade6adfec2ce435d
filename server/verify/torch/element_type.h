// torch's dtypes: names as graphs write them, sizes of one element.
#ifndef LOADLOCK_SERVER_VERIFY_TORCH_ELEMENT_TYPE_H_
#define LOADLOCK_SERVER_VERIFY_TORCH_ELEMENT_TYPE_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace loadlock::verify::torch {

struct ElementType {
  enum class Class : uint8_t { kBool, kInteger, kFloat, kComplex, kQuantized };

  // Without "torch.".
  absl::string_view name;
  uint32_t size = 0;
  Class kind = Class::kInteger;

  bool quantized() const { return kind == Class::kQuantized; }
  // torch raises for the others.
  bool MayRequireGrad() const { return kind == Class::kFloat || kind == Class::kComplex; }
};

// Null for what is no dtype, and for those of less than a byte: torch itself crashes on them.
const ElementType* FindElementType(absl::string_view name);

}  // namespace loadlock::verify::torch

#endif  // LOADLOCK_SERVER_VERIFY_TORCH_ELEMENT_TYPE_H_
