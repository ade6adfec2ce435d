#ifndef LOADLOCK_SANDBOX_GRAPH_ENCODER_H_
#define LOADLOCK_SANDBOX_GRAPH_ENCODER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sandbox/graph/builder.h"
#include "sandbox/graph/string_pool.h"
#include "sandbox/graph/wire.h"

namespace loadlock::graph {

// Bytes and bytearrays up to this size stand in the graph; longer ones stay where they are.
inline constexpr uint64_t kMaxBlobBytes = 4096;

// One walk from the root, on an explicit stack. A node is written when all its children are
// (post-order), so that a reader builds most graphs in one pass; edges back into a cycle are
// filled in at the end. Used once, by Builder::Encode.
class Encoder {
 public:
  explicit Encoder(const Builder& builder);
  std::optional<Refusal> Run(NodeId root, Encoded* out);

 private:
  // How the edges of a container are walked and written.
  enum class Form : uint8_t { kEdges, kStrDict };
  struct Frame {
    NodeId node;
    uint32_t next;
    uint32_t height;  // of the highest child so far
    Form form;
  };
  struct Slot {
    uint32_t index;  // in the encoded graph
    uint32_t aux;    // STR: index in the pool plus one; containers: height
  };

  // Writes `node` if it needs no walk, pushes a frame if it does. False: refused.
  bool Visit(NodeId node);
  bool VisitContainer(NodeId node);
  bool Step();
  void Finish(const Frame& frame);
  // Children of the frame's node as the walk goes over them.
  absl::Span<const NodeId> Children(const Frame& frame) const;

  bool PackRun(NodeId node);
  bool PackDict(NodeId node);
  bool CheckStrKeys(NodeId node);
  // Keys stand at every `stride` of the edges from `first` on.
  bool CheckOtherKeys(NodeId node, size_t first, size_t stride);

  void WriteLeaf(NodeId node);
  void WriteBytes(NodeId node);
  void WriteStrDict(NodeId node);
  // encoder_numpy.cc
  void WriteArray(NodeId node);
  void WriteScalar(NodeId node);
  void WriteRandom(NodeId node);
  void WriteDtypeRecord(NodeId node);
  // encoder_torch.cc
  void WriteStorage(NodeId node);
  void WriteTensor(NodeId node);
  void WriteWrapper(NodeId node);
  void WriteTorchSize(NodeId node);
  void WriteTorchDevice(NodeId node);
  uint32_t PutGeometry(NodeId node);

  // Begins a node whose operands follow. `height` counts containers above leaves.
  void Begin(NodeId node, v1::NodeKind kind, size_t operands, uint32_t height);
  void Operand(uint32_t value) { c_.operands.push_back(value); }
  // An operand that is a node, which may not be written yet.
  void Edge(NodeId node);
  uint32_t PutInt(int64_t value);
  uint32_t PutFloat(double value);
  uint32_t PutBlob(absl::Span<const uint8_t> data);
  uint32_t PutString(NodeId str);
  uint32_t PutBuffer(uint32_t buffer);
  uint32_t PutGlobal(NodeId node);
  bool Refuse(NodeId node, std::string rule, std::string message);

  const Builder& b_;
  bytes::Budget* budget_;
  Columns c_;
  StringPool strings_;
  DistinctCheck distinct_;
  std::vector<Slot> slots_;
  std::vector<Frame> stack_;
  std::vector<std::pair<size_t, NodeId>> fixups_;  // place in operands, target
  std::vector<uint32_t> buffer_index_;
  std::vector<uint32_t> global_index_;
  std::vector<uint32_t> key_seen_;  // by string index: serial of the last dict that has it
  uint32_t dict_serial_ = 0;
  std::optional<Refusal> refusal_;
};

}  // namespace loadlock::graph

#endif  // LOADLOCK_SANDBOX_GRAPH_ENCODER_H_
