// numpy's typestrs in the one form that graphs use.
#ifndef LOADLOCK_SERVER_VERIFY_DTYPE_H_
#define LOADLOCK_SERVER_VERIFY_DTYPE_H_

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"

namespace loadlock::verify {

struct DType {
  // '<', '>' or '|'.
  char order = 0;
  // One of b i u f c S U V M m O.
  char kind = 0;
  // Bytes of one item; 0 for objects.
  uint32_t itemsize = 0;

  // In the byte order of the machines that loadlock runs on.
  bool native() const { return order != '>'; }
  bool Is(char kind_wanted, uint32_t size) const {
    return kind == kind_wanted && itemsize == size && native();
  }
  bool IsFloat64() const { return Is('f', 8); }
};

// "<f8", "|b1", "|i1", ">U12", "<M8[ns]", "|O". nullopt if it is anything else.
std::optional<DType> ParseTypestr(absl::string_view text);

// Bytes of a field that is an array itself, "(2,3)<f4" or "(3,)|i1", of 1 to 8 dimensions, each at
// least 1. nullopt if it is anything else.
std::optional<uint64_t> SubarraySize(absl::string_view text);

}  // namespace loadlock::verify

#endif  // LOADLOCK_SERVER_VERIFY_DTYPE_H_
