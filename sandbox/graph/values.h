#ifndef LOADLOCK_SANDBOX_GRAPH_VALUES_H_
#define LOADLOCK_SANDBOX_GRAPH_VALUES_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "loadlock/v1/graph.pb.h"
#include "sandbox/graph/node.h"

// What a node refers to when it does not fit into one.
namespace loadlock::graph {

// A range of the artifact or of the decoded file, and the same bytes as the parser sees them.
struct Buffer {
  v1::BufferSource source = v1::BUFFER_SOURCE_UNSPECIFIED;
  uint64_t offset = 0;
  absl::Span<const uint8_t> data;
  // Bytes; equals data.size() unless the parser has no view of what it appended.
  uint64_t length = 0;
};

// A name that the stream refers to, popped or not.
struct GlobalUse {
  std::string_view module;
  std::string_view name;
  uint64_t count = 0;
  uint64_t first_offset = 0;
  uint8_t first_opcode = 0;
  NodeId node = kNoNode;
};

// ndarray: exactly one of buffer and elements is set.
struct ArrayInfo {
  NodeId dtype = kNoNode;     // DTYPE or DTYPE_RECORD; none if the elements are objects
  uint32_t buffer = 0;        // index of AddBuffer
  NodeId elements = kNoNode;  // LIST, in row-major order
  bool fortran = false;
  std::vector<int64_t> shape;
};

// numpy scalar: the bytes of exactly one item.
struct ScalarInfo {
  NodeId dtype = kNoNode;
  absl::Span<const uint8_t> raw;
};

}  // namespace loadlock::graph

#endif  // LOADLOCK_SANDBOX_GRAPH_VALUES_H_
