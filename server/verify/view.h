// Reading a graph: nodes, and values that may be nodes or elements of a packed run.
//
// A View is made over columns that DecodeGraph accepted. Operands may be trusted only after
// CheckStructure (structure.h); what is documented to need it says so.
#ifndef LOADLOCK_SERVER_VERIFY_VIEW_H_
#define LOADLOCK_SERVER_VERIFY_VIEW_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "loadlock/v1/graph.pb.h"

namespace loadlock::verify {

using NodeId = uint32_t;

// "Absent" in an optional operand.
inline constexpr NodeId kAbsent = 0xFFFFFFFF;

// The operands of a node that are nodes: begin[0], begin[stride], ... `count` of them; some
// may be kAbsent.
struct Children {
  const uint32_t* begin = nullptr;
  uint32_t stride = 1;
  uint32_t count = 0;
  // Operands of other kinds between the first child and the others.
  uint32_t gap = 0;

  // Place of a child behind `begin`.
  size_t Place(uint32_t i) const { return size_t{i} * stride + (i == 0 ? 0 : gap); }
  NodeId operator[](uint32_t i) const { return begin[Place(i)]; }
};

// A value: a node, or an element of a pool that a packed container refers to.
struct Value {
  enum class In : uint8_t { kNode, kInts, kFloats, kStrings };
  In in = In::kNode;
  uint32_t index = 0;

  static Value Node(NodeId id) { return {In::kNode, id}; }
  bool is_node() const { return in == In::kNode; }
};

class View {
 public:
  // `graph` must outlive the view and not change. For one thread.
  explicit View(const v1::Graph* graph);

  // Notes that looking at `elements` of something comes next. False, for good, once the checks of
  // this graph have cost too much: what is shared is looked at once for each that shares it, so
  // that a few megabytes could ask for hours. Who gets false stops; the graph is refused.
  [[nodiscard]] bool Spend(uint64_t elements) const;
  bool exhausted() const { return steps_left_ == 0; }

  uint32_t size() const { return static_cast<uint32_t>(starts_.size()) - 1; }
  NodeId root() const { return graph_->root(); }
  const v1::Graph& graph() const { return *graph_; }

  v1::NodeKind kind(NodeId id) const { return static_cast<v1::NodeKind>(kinds_[id]); }
  absl::Span<const uint32_t> operands(NodeId id) const {
    return {operands_ + starts_[id], starts_[id + 1] - starts_[id]};
  }
  Children children(NodeId id) const;

  // What follows needs CheckStructure.
  bool Is(Value value, v1::NodeKind kind_wanted) const {
    return value.is_node() && kind(value.index) == kind_wanted;
  }
  bool IsNone(Value value) const { return Is(value, v1::NODE_KIND_NONE); }
  // A str, or nullopt. numpy's str_ is no str.
  std::optional<absl::string_view> Str(Value value) const;
  absl::string_view string(uint32_t index) const {
    return graph_->strings(static_cast<int>(index));
  }
  int64_t integer(uint32_t index) const { return graph_->ints(static_cast<int>(index)); }
  double floating(uint32_t index) const { return graph_->floats(static_cast<int>(index)); }
  absl::string_view blob(uint32_t index) const { return graph_->blobs(static_cast<int>(index)); }
  // Index into globals of a GLOBAL node.
  uint32_t global_index(NodeId id) const { return operands(id)[0]; }
  const v1::Global& global(NodeId id) const {
    return graph_->globals(static_cast<int>(global_index(id)));
  }
  // "module.name" of a GLOBAL node.
  std::string FullName(NodeId id) const;

 private:
  const v1::Graph* graph_;
  const int* kinds_;
  const uint32_t* operands_;
  // Place of each node's first operand, and one more: the end.
  std::vector<uint32_t> starts_;
  mutable uint64_t steps_left_;
};

bool IsListKind(v1::NodeKind kind);
bool IsTupleKind(v1::NodeKind kind);
// DICT, DICT_STR*, ORDERED_DICT and STATE_DICT.
bool IsDictKind(v1::NodeKind kind);

// A list, tuple, set or frozenset, packed or not; empty for anything else.
class Sequence {
 public:
  Sequence(const View& view, Value value);
  // True if the value is one of these kinds.
  bool ok() const { return ok_; }
  uint32_t size() const { return count_; }
  Value operator[](uint32_t i) const;

 private:
  const uint32_t* nodes_ = nullptr;
  Value::In in_ = Value::In::kNode;
  uint32_t first_ = 0;
  uint32_t count_ = 0;
  bool ok_ = false;
};

// A dict, packed or not; empty for anything else.
class Mapping {
 public:
  Mapping(const View& view, Value value);
  bool ok() const { return ok_; }
  // An OrderedDict, not a dict.
  bool ordered() const {
    return kind_ == v1::NODE_KIND_ORDERED_DICT || kind_ == v1::NODE_KIND_STATE_DICT;
  }
  // True if every key is an exact str; false too once the view is exhausted.
  bool str_keys() const { return str_keys_; }
  uint32_t size() const { return count_; }
  Value key(uint32_t i) const;
  Value value(uint32_t i) const;
  // Only with str_keys.
  absl::string_view str_key(uint32_t i) const;
  // The value of a str key; keys that are no str are passed over. nullopt too once the view is
  // exhausted.
  std::optional<Value> Find(absl::string_view wanted) const;

 private:
  const View* view_;
  const uint32_t* operands_ = nullptr;
  v1::NodeKind kind_ = v1::NODE_KIND_UNSPECIFIED;
  uint32_t count_ = 0;
  bool ok_ = false;
  bool str_keys_ = false;
};

}  // namespace loadlock::verify

#endif  // LOADLOCK_SERVER_VERIFY_VIEW_H_
