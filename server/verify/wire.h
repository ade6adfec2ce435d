// A look at the wire form of a message before protobuf makes anything of it.
#ifndef LOADLOCK_SERVER_VERIFY_WIRE_H_
#define LOADLOCK_SERVER_VERIFY_WIRE_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"

namespace loadlock::verify {

// Most elements of one field, and what to say if there are more.
struct FieldLimit {
  int number = 0;
  uint64_t most = 0;
  absl::string_view message;
};

// Walks a serialized message and those in it. Every field must be one of `type`, in its own wire
// form: protobuf would keep anything else as an unknown field. Elements are counted, packed or not,
// because one of a byte or two on the wire can take a hundred in memory: they must stay within
// `limits` (of the top level), and within `max_memory` bytes once parsed. INVALID_ARGUMENT says
// what is wrong.
absl::Status ScanWire(absl::string_view bytes, const google::protobuf::Descriptor& type,
                      const std::vector<FieldLimit>& limits, uint64_t max_memory);

}  // namespace loadlock::verify

#endif  // LOADLOCK_SERVER_VERIFY_WIRE_H_
