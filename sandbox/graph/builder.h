#ifndef LOADLOCK_SANDBOX_GRAPH_BUILDER_H_
#define LOADLOCK_SANDBOX_GRAPH_BUILDER_H_

#include <bit>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/types/span.h"
#include "sandbox/bytes/budget.h"
#include "sandbox/graph/node.h"
#include "sandbox/graph/refusal.h"
#include "sandbox/graph/values.h"

namespace loadlock::graph {

// The wire form of Graph and Provenance (proto/loadlock/v1).
struct Encoded {
  std::string graph;
  std::string provenance;
  uint32_t nodes = 0;
};

// The only way to create nodes. Text and bytes given as views must outlive the builder (they
// are ranges of the mapped input); Keep() copies what does not. When the budget is exhausted,
// adders return some valid node and exhausted() is true from then on: callers check it
// once a step. Containers may be changed until they are encoded, and may be cyclic.
class Builder {
 public:
  explicit Builder(bytes::Budget* budget);
  Builder(const Builder&) = delete;
  Builder& operator=(const Builder&) = delete;
  ~Builder();

  bool exhausted() const { return budget_->exhausted() != bytes::Budget::Limit::kNone; }
  bytes::Budget* budget() { return budget_; }

  // Room for what a stream of this many bytes is likely to make, so that the arena is not
  // copied while it grows. Pages that stay untouched cost nothing.
  void ReserveFor(uint64_t stream_bytes);

  // Provenance of the nodes that are added from now on: offset in the decompressed stream and
  // pickle's opcode byte (0 if there is none).
  void SetOrigin(uint64_t offset, uint8_t opcode) { origin_ = offset << 8 | opcode; }

  // Singletons cost nothing.
  NodeId None() const { return 0; }
  NodeId Bool(bool value) const { return value ? 1 : 2; }
  NodeId Ellipsis() const { return 3; }
  NodeId NotImplemented() const { return 4; }

  NodeId Int(int64_t value) {
    return Add(Kind::kInt, kFlagHashable, 0, static_cast<uint64_t>(value));
  }
  NodeId Float(double value) {
    return Add(Kind::kFloat, kFlagHashable, 0, std::bit_cast<uint64_t>(value));
  }
  NodeId Complex(double real, double imaginary);
  // Two's complement, little-endian, any length; an INT if it fits.
  NodeId IntFromBytes(absl::Span<const uint8_t> little_endian);
  // Valid UTF-8 without surrogates, checked by the caller (bytes/utf8.h).
  NodeId Str(std::string_view text) {
    if (!budget_->ChargeHeap(text.size()) || text.size() > UINT32_MAX) return None();
    return Add(Kind::kStr, kFlagHashable, static_cast<uint32_t>(text.size()),
               reinterpret_cast<uintptr_t>(text.data()));
  }
  NodeId Bytes(const Buffer& buffer);
  NodeId ByteArray(const Buffer& buffer);

  NodeId List() { return Add(Kind::kList, 0, 0, 0); }
  NodeId Dict() { return Add(Kind::kDict, 0, 0, 0); }
  NodeId Set() { return Add(Kind::kSet, 0, 0, 0); }
  NodeId OrderedDict() { return Add(Kind::kOrderedDict, 0, 0, 0); }
  NodeId Tuple(absl::Span<const NodeId> items);
  NodeId FrozenSet(absl::Span<const NodeId> items);
  // Adds edges to a container: items, or keys and values by turns. `items` may not alias
  // the builder's own edges.
  void Extend(NodeId container, absl::Span<const NodeId> items);
  // start, stop, step.
  NodeId Slice(NodeId start, NodeId stop, NodeId step);
  NodeId Range(NodeId start, NodeId stop, NodeId step);

  // Counts one use of a name and returns its node; one node a name.
  NodeId Global(std::string_view module, std::string_view name);
  NodeId Object(NodeId cls, NodeId args);
  NodeId Call(NodeId callable, NodeId args);
  // The list (dict) of items of an OBJECT or CALL, made at first use.
  NodeId ListItems(NodeId object);
  NodeId DictItems(NodeId object);
  void SetObjectEdge(NodeId object, ObjectEdge which, NodeId value);

  uint32_t AddBuffer(const Buffer& buffer);
  // `typestr` is canonical (decoders/numpy/dtype.h).
  NodeId Dtype(std::string_view typestr);
  // Fields: name (STR), dtype, offset (INT) by turns.
  NodeId DtypeRecord(int64_t itemsize, absl::Span<const NodeId> fields);
  NodeId Array(ArrayInfo info);
  // `raw` is exactly one item.
  NodeId Scalar(NodeId dtype, absl::Span<const uint8_t> raw);
  NodeId BitGenerator(std::string_view name, NodeId state);
  NodeId RandomState(NodeId bit_generator, bool has_gauss, double gauss);
  NodeId Generator(NodeId bit_generator);
  // builder_torch.cc. `type` of all of them lives for ever; numbers are proven by the caller.
  NodeId Storage(const StorageInfo& info);
  // For a STORAGE whose bytes come behind what refers to it.
  void SetStorageBuffer(NodeId storage, const Buffer& buffer);
  // `geometry`: offset, sizes and strides; of a sparse tensor its sizes alone.
  NodeId Tensor(Kind kind, TensorInfo info, absl::Span<const int64_t> geometry);
  // `state` is a DICT, or kNoNode if there is none.
  NodeId Parameter(NodeId tensor, bool requires_grad, NodeId state);
  NodeId TensorWithState(NodeId tensor, NodeId state);
  NodeId TorchSize(absl::Span<const int64_t> sizes);
  static constexpr uint16_t kNoDeviceIndex = 0xFFFF;
  NodeId TorchDevice(std::string_view type, uint16_t index);
  // An ORDERED_DICT becomes one with the attribute _metadata.
  void SetMetadata(NodeId ordered_dict, NodeId metadata);
  // A value that waits for its BUILD; `what` is the caller's.
  NodeId Pending(uint16_t what, absl::Span<const NodeId> edges);
  // `id` becomes what `value` is; its identity and origin stay.
  void Become(NodeId id, NodeId value);
  // A value was thrown away. Unless the result has it all the same, Encode refuses: what made it
  // ran where pickles are run, and no rule of a place would judge it.
  void Discard(NodeId id);

  const Node& node(NodeId id) const { return nodes_[id]; }
  Kind kind(NodeId id) const { return nodes_[id].kind; }
  bool Has(NodeId id, uint8_t flag) const { return (nodes_[id].flags & flag) != 0; }
  void Mark(NodeId id, uint8_t flag) { nodes_[id].flags |= flag; }
  uint64_t OriginOffset(NodeId id) const { return nodes_[id].origin >> 8; }
  // Edges of a container, OBJECT, CALL, DTYPE_RECORD or pending value; of a STATE_DICT the metadata
  // come first. Valid until the next add.
  absl::Span<const NodeId> edges(NodeId id) const;
  std::string_view text(NodeId id) const;  // STR, DTYPE, type of a TORCH_DEVICE
  int64_t int_value(NodeId id) const { return static_cast<int64_t>(nodes_[id].payload); }
  double float_value(NodeId id) const { return std::bit_cast<double>(nodes_[id].payload); }
  const Buffer& buffer(NodeId id) const;                // BYTES, BYTEARRAY
  const ArrayInfo& array(NodeId id) const;              // NDARRAY, OBJECT_NDARRAY
  const GlobalUse& global(NodeId id) const;             // GLOBAL
  const ScalarInfo& scalar(NodeId id) const;            // SCALAR
  const StorageInfo& storage(NodeId id) const;          // STORAGE
  const TensorInfo& tensor(NodeId id) const;            // TENSOR, sparse or quantized ones
  absl::Span<const int64_t> geometry(NodeId id) const;  // of those, and the sizes of a TORCH_SIZE
  absl::Span<const uint8_t> big_int(NodeId id) const;   // BIG_INT
  const std::vector<GlobalUse>& globals() const { return globals_; }
  size_t size() const { return nodes_.size(); }

  // Copies text that does not live in the input. The copy lives as long as the builder.
  std::string_view Keep(std::string_view text);

  // Encodes what is reachable from `root`, children before parents except in cycles. Refuses
  // (and returns the reason): a depth beyond the budget, a pending value (its BUILD never
  // came), a key that occurs twice in one dict, a value thrown away, limits of the wire form.
  [[nodiscard]] std::optional<Refusal> Encode(NodeId root, Encoded* out) const;

 private:
  friend class Encoder;

  NodeId Add(Kind kind, uint8_t flags, uint32_t extra, uint64_t payload) {
    if (!budget_->ChargeNodes(1)) return None();
    nodes_.push_back({kind, flags, 0, extra, payload, origin_});
    return static_cast<NodeId>(nodes_.size() - 1);
  }
  uint32_t AddGeometry(absl::Span<const int64_t> geometry);
  NodeId AddWithEdges(Kind kind, uint8_t flags, absl::Span<const NodeId> items);
  // Place for `count` edges; false if the budget does not allow it.
  bool AllocateEdges(uint32_t count, uint32_t* first);
  bool GrowEdges(Node* node, uint32_t count);

  bytes::Budget* budget_;
  uint64_t origin_ = 0;
  std::vector<Node> nodes_;
  std::vector<NodeId> edges_;
  std::vector<Buffer> buffers_;
  std::vector<ArrayInfo> arrays_;
  std::vector<ScalarInfo> scalars_;
  std::vector<StorageInfo> storages_;
  std::vector<TensorInfo> tensors_;
  std::vector<int64_t> geometry_;
  std::vector<GlobalUse> globals_;
  std::vector<NodeId> discarded_;
  absl::flat_hash_map<std::pair<std::string_view, std::string_view>, uint32_t> global_index_;
  std::vector<std::unique_ptr<char[]>> kept_;
  size_t kept_left_ = 0;
  char* kept_next_ = nullptr;
};

}  // namespace loadlock::graph

#endif  // LOADLOCK_SANDBOX_GRAPH_BUILDER_H_
