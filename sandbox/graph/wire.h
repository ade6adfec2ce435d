#ifndef LOADLOCK_SANDBOX_GRAPH_WIRE_H_
#define LOADLOCK_SANDBOX_GRAPH_WIRE_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "sandbox/graph/builder.h"

namespace loadlock::graph {

// The columns of Graph and Provenance before they are bytes. Filled by the encoder.
struct Columns {
  std::vector<uint8_t> kinds;  // every NodeKind is below 128: a varint of one byte
  std::vector<uint32_t> operand_counts;
  std::vector<uint32_t> operands;
  std::vector<int64_t> ints;
  std::vector<double> floats;
  std::vector<std::string_view> strings;
  std::vector<std::string_view> blobs;
  std::vector<const GlobalUse*> globals;
  std::vector<const Buffer*> buffers;
  std::vector<uint64_t> origins;  // offset << 8 | opcode, as in Node
  uint32_t root = 0;
};

// Largest encoded graph: protobuf parses no message of 2 GiB.
inline constexpr uint64_t kMaxEncodedBytes = (uint64_t{1} << 31) - 1;

// Writes both messages in protobuf's wire form, without building them: a message of ten
// thousand strings costs as much as the whole parse. False, with *out unspecified, if one
// would be larger than kMaxEncodedBytes.
[[nodiscard]] bool WriteColumns(const Columns& columns, Encoded* out);

}  // namespace loadlock::graph

#endif  // LOADLOCK_SANDBOX_GRAPH_WIRE_H_
