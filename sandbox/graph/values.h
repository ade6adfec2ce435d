#ifndef LOADLOCK_SANDBOX_GRAPH_VALUES_H_
#define LOADLOCK_SANDBOX_GRAPH_VALUES_H_

#include <array>
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

// STORAGE. `type` is one of torch's names of dtypes and lives for ever.
struct StorageInfo {
  static constexpr uint32_t kNoBuffer = 0xFFFFFFFF;
  std::string_view type;
  uint32_t buffer = kNoBuffer;  // index of AddBuffer; none on the meta device
  uint64_t elements = 0;
  uint64_t item_size = 1;
};

// TENSOR, SPARSE_TENSOR and the quantized ones.
struct TensorInfo {
  // Flags of graph.proto.
  static constexpr uint8_t kRequiresGrad = 1;
  static constexpr uint8_t kConjugate = 2;
  static constexpr uint8_t kNegative = 4;
  static constexpr uint8_t kCoalesced = 8;

  // The STORAGE, with scales and zero points behind it if there is one of them a channel; of a
  // sparse one its indices and, last, its values.
  std::array<NodeId, 3> parts = {kNoNode, kNoNode, kNoNode};
  uint8_t part_count = 0;
  uint8_t rank = 0;
  uint8_t flags = 0;
  std::string_view type;  // dtype or layout; lives for ever
  double scale = 0;
  int64_t zero_point = 0;  // or the axis of the channels
  uint32_t geometry = 0;   // where Builder::geometry() begins; set by the builder
};

}  // namespace loadlock::graph

#endif  // LOADLOCK_SANDBOX_GRAPH_VALUES_H_
