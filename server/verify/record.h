// Record dtypes of native arrays: field by field as the library's struct has them.
#ifndef LOADLOCK_SERVER_VERIFY_RECORD_H_
#define LOADLOCK_SERVER_VERIFY_RECORD_H_

#include <cstdint>
#include <cstring>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/verify/scope.h"

namespace loadlock::verify {

struct RecordField {
  absl::string_view name;
  // Canonical, as "<i8".
  absl::string_view typestr;
  int64_t offset;
};

// True if the array's dtype has exactly these fields at these places.
bool IsRecord(const Scope& scope, const Array& array, uint32_t itemsize,
              absl::Span<const RecordField> fields);

// A field of the item that begins at `item`; unaligned.
template <typename T>
T LoadField(const uint8_t* item, int64_t offset) {
  T value;
  std::memcpy(&value, item + offset, sizeof(T));
  return value;
}

}  // namespace loadlock::verify

#endif  // LOADLOCK_SERVER_VERIFY_RECORD_H_
