#include "sandbox/graph/builder.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

namespace loadlock::graph {
namespace {

// Blocks of copied text.
constexpr size_t kKeepBlock = 64 * 1024;

// `payload` of a container: first edge in the low half, capacity in the high half.
uint64_t PackEdges(uint32_t first, uint32_t capacity) { return uint64_t{capacity} << 32 | first; }
uint32_t FirstEdge(const Node& node) { return static_cast<uint32_t>(node.payload); }
uint32_t EdgeCapacity(const Node& node) { return static_cast<uint32_t>(node.payload >> 32); }

}  // namespace

Builder::Builder(bytes::Budget* budget) : budget_(budget) {
  for (const Kind kind :
       {Kind::kNone, Kind::kTrue, Kind::kFalse, Kind::kEllipsis, Kind::kNotImplemented}) {
    nodes_.push_back({kind, kFlagHashable, 0, 0, 0, 0});
  }
}

Builder::~Builder() = default;

void Builder::ReserveFor(uint64_t stream_bytes) {
  // A node for each 4 bytes is dense; at most 24 MiB of address space.
  const uint64_t wanted = std::min<uint64_t>(stream_bytes / 4, uint64_t{1} << 20);
  nodes_.reserve(nodes_.size() + wanted);
  edges_.reserve(edges_.size() + wanted);
}

bool Builder::AllocateEdges(uint32_t count, uint32_t* first) {
  if (count > UINT32_MAX - edges_.size() || !budget_->ChargeHeap(uint64_t{count} * 8)) return false;
  *first = static_cast<uint32_t>(edges_.size());
  return true;
}

NodeId Builder::AddWithEdges(Kind kind, uint8_t flags, absl::Span<const NodeId> items) {
  const auto count = static_cast<uint32_t>(items.size());
  uint32_t first = 0;
  if (items.size() > UINT32_MAX || !AllocateEdges(count, &first)) return None();
  edges_.insert(edges_.end(), items.begin(), items.end());
  return Add(kind, flags, count, PackEdges(first, count));
}

NodeId Builder::Tuple(absl::Span<const NodeId> items) {
  uint8_t flags = kFlagHashable;
  for (const NodeId item : items) flags &= nodes_[item].flags;
  return AddWithEdges(Kind::kTuple, flags, items);
}

NodeId Builder::FrozenSet(absl::Span<const NodeId> items) {
  return AddWithEdges(Kind::kFrozenSet, kFlagHashable, items);
}

// A block at the end of the pool grows in place; another moves there, with room to double.
bool Builder::GrowEdges(Node* node, uint32_t count) {
  const uint32_t capacity = EdgeCapacity(*node);
  const uint32_t needed = node->extra + count;
  if (needed <= capacity) return true;
  const uint32_t old_first = FirstEdge(*node);
  if (capacity > 0 && uint64_t{old_first} + capacity == edges_.size()) {
    uint32_t unused = 0;
    if (!AllocateEdges(needed - capacity, &unused)) return false;
    edges_.resize(edges_.size() + (needed - capacity));
    node->payload = PackEdges(old_first, needed);
    return true;
  }
  const uint32_t wanted =
      capacity == 0 || needed > UINT32_MAX / 2 ? needed : std::max(needed, capacity * 2);
  uint32_t first = 0;
  if (!AllocateEdges(wanted, &first)) return false;
  edges_.resize(edges_.size() + wanted);
  std::copy_n(edges_.begin() + old_first, node->extra, edges_.begin() + first);
  node->payload = PackEdges(first, wanted);
  return true;
}

void Builder::Extend(NodeId container, absl::Span<const NodeId> items) {
  Node& node = nodes_[container];
  if (items.empty()) return;
  if (items.size() > UINT32_MAX - node.extra) {
    // Cannot fit any pool of edges: let the budget say so.
    (void)budget_->ChargeHeap(UINT64_MAX);
    return;
  }
  const auto count = static_cast<uint32_t>(items.size());
  if (!GrowEdges(&node, count)) return;
  std::copy(items.begin(), items.end(), edges_.begin() + FirstEdge(node) + node.extra);
  node.extra += count;
}

NodeId Builder::Complex(double real, double imaginary) {
  const NodeId parts[] = {Float(real), Float(imaginary)};
  return AddWithEdges(Kind::kComplex, kFlagHashable, parts);
}

NodeId Builder::IntFromBytes(absl::Span<const uint8_t> little_endian) {
  const auto sign_only = [&] {
    const size_t n = little_endian.size();
    const uint8_t top = little_endian[n - 1];
    const bool next_negative = n > 1 && (little_endian[n - 2] & 0x80) != 0;
    return n > 1 && ((top == 0 && !next_negative) || (top == 0xFF && next_negative));
  };
  while (!little_endian.empty() && sign_only()) little_endian.remove_suffix(1);
  if (little_endian.size() > sizeof(uint64_t)) {
    return Add(Kind::kBigInt, kFlagHashable, static_cast<uint32_t>(little_endian.size()),
               reinterpret_cast<uintptr_t>(little_endian.data()));
  }
  const bool negative = !little_endian.empty() && (little_endian.back() & 0x80) != 0;
  uint64_t value = negative ? ~uint64_t{0} : 0;
  if (!little_endian.empty()) {
    std::memcpy(&value, little_endian.data(), little_endian.size());
  }
  return Int(static_cast<int64_t>(value));
}

NodeId Builder::Bytes(const Buffer& buffer) {
  return Add(Kind::kBytes, kFlagHashable, 0, AddBuffer(buffer));
}

NodeId Builder::ByteArray(const Buffer& buffer) {
  return Add(Kind::kByteArray, 0, 0, AddBuffer(buffer));
}

NodeId Builder::Slice(NodeId start, NodeId stop, NodeId step) {
  const NodeId parts[] = {start, stop, step};
  return AddWithEdges(Kind::kSlice, 0, parts);
}

NodeId Builder::Range(NodeId start, NodeId stop, NodeId step) {
  const NodeId parts[] = {start, stop, step};
  return AddWithEdges(Kind::kRange, 0, parts);
}

NodeId Builder::Global(std::string_view module, std::string_view name) {
  const auto [it, fresh] =
      global_index_.try_emplace({module, name}, static_cast<uint32_t>(globals_.size()));
  if (fresh) {
    // Rough size of both tables' entries.
    (void)budget_->ChargeHeap(160 + module.size() + name.size());
    const NodeId node = Add(Kind::kGlobal, kFlagHashable | kFlagShared, 0, globals_.size());
    globals_.push_back({.module = module,
                        .name = name,
                        .count = 0,
                        .first_offset = origin_ >> 8,
                        .first_opcode = static_cast<uint8_t>(origin_ & 0xFF),
                        .node = node});
  }
  GlobalUse& use = globals_[it->second];
  ++use.count;
  return use.node;
}

NodeId Builder::Object(NodeId cls, NodeId args) {
  const NodeId edges[kObjectEdges] = {cls, args, kNoNode, kNoNode, kNoNode};
  return AddWithEdges(Kind::kObject, 0, edges);
}

NodeId Builder::Call(NodeId callable, NodeId args) {
  const NodeId edges[kObjectEdges] = {callable, args, kNoNode, kNoNode, kNoNode};
  return AddWithEdges(Kind::kCall, 0, edges);
}

void Builder::SetObjectEdge(NodeId object, ObjectEdge which, NodeId value) {
  edges_[FirstEdge(nodes_[object]) + which] = value;
}

NodeId Builder::ListItems(NodeId object) {
  NodeId items = edges(object)[kListItems];
  if (items == kNoNode) {
    items = List();
    SetObjectEdge(object, kListItems, items);
  }
  return items;
}

NodeId Builder::DictItems(NodeId object) {
  NodeId items = edges(object)[kDictItems];
  if (items == kNoNode) {
    items = Dict();
    SetObjectEdge(object, kDictItems, items);
  }
  return items;
}

uint32_t Builder::AddBuffer(const Buffer& buffer) {
  (void)budget_->ChargeHeap(sizeof(Buffer));
  buffers_.push_back(buffer);
  return static_cast<uint32_t>(buffers_.size() - 1);
}

NodeId Builder::Dtype(std::string_view typestr) {
  const std::string_view kept = Keep(typestr);
  return Add(Kind::kDtype, 0, static_cast<uint32_t>(kept.size()),
             reinterpret_cast<uintptr_t>(kept.data()));
}

NodeId Builder::DtypeRecord(int64_t itemsize, absl::Span<const NodeId> fields) {
  std::vector<NodeId> edges = {Int(itemsize)};
  edges.insert(edges.end(), fields.begin(), fields.end());
  return AddWithEdges(Kind::kDtypeRecord, 0, edges);
}

NodeId Builder::Array(ArrayInfo info) {
  const Kind kind = info.elements == kNoNode ? Kind::kNdArray : Kind::kObjectNdArray;
  (void)budget_->ChargeHeap(sizeof(ArrayInfo) + info.shape.size() * 8);
  arrays_.push_back(std::move(info));
  return Add(kind, 0, 0, arrays_.size() - 1);
}

NodeId Builder::Scalar(NodeId dtype, absl::Span<const uint8_t> raw) {
  (void)budget_->ChargeHeap(sizeof(ScalarInfo) + raw.size());
  scalars_.push_back({dtype, raw});
  const bool plain = kind(dtype) == Kind::kDtype;
  return Add(Kind::kScalar, plain ? kFlagHashable : uint8_t{0}, 0, scalars_.size() - 1);
}

NodeId Builder::BitGenerator(std::string_view name, NodeId state) {
  const NodeId edges[] = {Str(name), state};
  return AddWithEdges(Kind::kBitGenerator, 0, edges);
}

NodeId Builder::RandomState(NodeId bit_generator, bool has_gauss, double gauss) {
  const NodeId edges[] = {bit_generator, Bool(has_gauss), Float(gauss)};
  return AddWithEdges(Kind::kRandomState, 0, edges);
}

NodeId Builder::Generator(NodeId bit_generator) {
  return AddWithEdges(Kind::kGenerator, 0, absl::MakeConstSpan(&bit_generator, 1));
}

NodeId Builder::Pending(uint16_t what, absl::Span<const NodeId> edges) {
  const NodeId id = AddWithEdges(Kind::kPending, 0, edges);
  if (!exhausted()) nodes_[id].detail = what;
  return id;
}

void Builder::Become(NodeId id, NodeId value) {
  if (id == value || exhausted()) return;
  const Node& from = nodes_[value];
  Node& to = nodes_[id];
  to.kind = from.kind;
  to.flags = static_cast<uint8_t>(to.flags | from.flags);
  to.detail = from.detail;
  to.extra = from.extra;
  to.payload = from.payload;
}

void Builder::Discard(NodeId id) {
  // Texts, numbers and names were made by nobody.
  if (kind(id) < Kind::kList || kind(id) == Kind::kGlobal) return;
  if (budget_->ChargeHeap(sizeof(id))) discarded_.push_back(id);
}

absl::Span<const NodeId> Builder::edges(NodeId id) const {
  const Node& node = nodes_[id];
  return absl::MakeConstSpan(edges_).subspan(FirstEdge(node), node.extra);
}

std::string_view Builder::text(NodeId id) const {
  const Node& node = nodes_[id];
  return {std::bit_cast<const char*>(node.payload), node.extra};
}

absl::Span<const uint8_t> Builder::big_int(NodeId id) const {
  const Node& node = nodes_[id];
  return {std::bit_cast<const uint8_t*>(node.payload), node.extra};
}

const Buffer& Builder::buffer(NodeId id) const { return buffers_[nodes_[id].payload]; }
const ArrayInfo& Builder::array(NodeId id) const { return arrays_[nodes_[id].payload]; }
const GlobalUse& Builder::global(NodeId id) const { return globals_[nodes_[id].payload]; }
const ScalarInfo& Builder::scalar(NodeId id) const { return scalars_[nodes_[id].payload]; }

std::string_view Builder::Keep(std::string_view text) {
  if (text.empty() || !budget_->ChargeHeap(text.size())) return {};
  if (text.size() > kept_left_) {
    const size_t block = std::max(kKeepBlock, text.size());
    kept_.push_back(std::make_unique_for_overwrite<char[]>(block));
    kept_next_ = kept_.back().get();
    kept_left_ = block;
  }
  char* copy = kept_next_;
  std::memcpy(copy, text.data(), text.size());
  kept_next_ += text.size();
  kept_left_ -= text.size();
  return {copy, text.size()};
}

}  // namespace loadlock::graph
