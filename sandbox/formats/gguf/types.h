#ifndef LOADLOCK_SANDBOX_FORMATS_GGUF_TYPES_H_
#define LOADLOCK_SANDBOX_FORMATS_GGUF_TYPES_H_

#include <cstdint>

namespace loadlock::gguf {

// A type of tensors: how many elements stand in one block, and in how many bytes.
struct TensorType {
  uint32_t id = 0;
  // As ggml calls it.
  const char* name = "";
  uint64_t block_elements = 0;
  uint64_t block_bytes = 0;
  // numpy's typestr if the elements stand one by one and numpy has their type, else null.
  const char* typestr = nullptr;
  // torch's name of it if torch has it and numpy has not, else null.
  const char* torch = nullptr;
};

// Null if there is no such type, or if readers differ on it; *why then says which (may be null).
const TensorType* FindTensorType(uint32_t id, const char** why);

// The types of values of the metadata; the numbers of the format.
enum class ValueType : uint32_t {
  kU8 = 0,
  kI8 = 1,
  kU16 = 2,
  kI16 = 3,
  kU32 = 4,
  kI32 = 5,
  kF32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kU64 = 10,
  kI64 = 11,
  kF64 = 12,
};

struct NumberType {
  ValueType type;
  uint64_t bytes;
  const char* typestr;
};

// Null if the type is no number (and no truth value).
const NumberType* FindNumberType(ValueType type);

}  // namespace loadlock::gguf

#endif  // LOADLOCK_SANDBOX_FORMATS_GGUF_TYPES_H_
