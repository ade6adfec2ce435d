// torch's element types, by every name that files have for them.
#ifndef LOADLOCK_SANDBOX_DECODERS_TORCH_DTYPE_H_
#define LOADLOCK_SANDBOX_DECODERS_TORCH_DTYPE_H_

#include <cstdint>
#include <string_view>

namespace loadlock::torch {

enum class DtypeClass : uint8_t { kBool, kInteger, kFloat, kComplex, kQuantized };

struct Dtype {
  // torch's name without "torch."; lives for ever.
  std::string_view name;
  // Bytes of one element.
  uint8_t item_size;
  DtypeClass kind;
  // torch's class of its storages; empty if they are untyped.
  std::string_view storage;
  // numpy's typestr; empty if numpy has no such type.
  std::string_view typestr;

  // Only these may have a gradient.
  bool Differentiable() const { return kind == DtypeClass::kFloat || kind == DtypeClass::kComplex; }
  // What is swapped as a whole in a file of the other byte order: a complex number is two.
  uint64_t SwapUnit() const { return kind == DtypeClass::kComplex ? item_size / 2U : item_size; }
};

// Null for all that is not supported: elements of less than a byte have a few kernels and, in some
// versions, a crash when the last one is read.
const Dtype* FindDtype(std::string_view name);

// By the name of a storage's class: "torch", "FloatStorage". The untyped one is of uint8.
const Dtype* FindStorageDtype(std::string_view module, std::string_view name);

const Dtype* FindTypestr(std::string_view typestr);

}  // namespace loadlock::torch

#endif  // LOADLOCK_SANDBOX_DECODERS_TORCH_DTYPE_H_
