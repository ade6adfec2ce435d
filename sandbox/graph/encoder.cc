#include "sandbox/graph/encoder.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sandbox/graph/pack.h"

namespace loadlock::graph {
namespace {

constexpr uint32_t kUnseen = 0xFFFFFFFF;
constexpr uint32_t kOpen = 0xFFFFFFFE;  // on the walk's stack
constexpr uint32_t kAbsent = 0xFFFFFFFF;

// Limits of the wire form (graph.proto): what the daemon would refuse anyway.
constexpr size_t kMaxEncodedNodes = 10'000'000;
constexpr size_t kMaxOperands = 40'000'000;
constexpr size_t kMaxStringPool = 40'000'000;

std::string_view AsText(absl::Span<const uint8_t> data) {
  return {reinterpret_cast<const char*>(data.data()), data.size()};
}

}  // namespace

Encoder::Encoder(const Builder& builder)
    : b_(builder),
      budget_(builder.budget_),
      slots_(builder.size(), Slot{kUnseen, 0}),
      buffer_index_(builder.buffers_.size(), kUnseen),
      global_index_(builder.globals_.size(), kUnseen) {}

bool Encoder::Refuse(NodeId node, std::string rule, std::string message) {
  if (refusal_.has_value()) return false;
  Refusal refusal;
  refusal.rule_id = std::move(rule);
  refusal.message = std::move(message);
  refusal.byte_offset = b_.OriginOffset(node);
  refusal_ = std::move(refusal);
  return false;
}

std::optional<Refusal> Encoder::Run(NodeId root, Encoded* out) {
  if (!budget_->ChargeHeap(b_.size() * sizeof(Slot))) {
    Refuse(root, "BUDGET_HEAP", "the graph needs more memory than the request may use");
    return refusal_;
  }
  if (!Visit(root)) return refusal_;
  while (!stack_.empty()) {
    if (!Step()) return refusal_;
  }
  for (const NodeId id : b_.discarded_) {
    if (slots_[id].index != kUnseen) continue;
    Refuse(id, "STATE_RULE", "a value is made and thrown away, which no library writes");
    return refusal_;
  }
  for (const auto& [place, target] : fixups_) c_.operands[place] = slots_[target].index;
  c_.root = slots_[root].index;
  c_.strings = strings_.Release();
  const uint64_t bytes = c_.operands.size() * 4 + c_.ints.size() * 8 + c_.floats.size() * 8 +
                         c_.kinds.size() * 16 + c_.strings.size() * 16;
  if (!budget_->ChargeHeap(bytes) || !WriteColumns(c_, out)) {
    Refuse(root, "BUDGET_HEAP", "the encoded graph is larger than the request may use");
  }
  return refusal_;
}

bool Encoder::Visit(NodeId node) {
  Slot& slot = slots_[node];
  if (slot.index != kUnseen) return true;
  const Kind kind = b_.kind(node);
  if (kind <= Kind::kByteArray && kind != Kind::kComplex) {
    WriteLeaf(node);
    return true;
  }
  switch (kind) {
    case Kind::kPending:
      return Refuse(node, "STATE_RULE",
                    "a numpy value was created and never given its state (BUILD is missing)");
    case Kind::kGlobal:
      Begin(node, v1::NODE_KIND_GLOBAL, 1, 0);
      Operand(PutGlobal(node));
      return true;
    case Kind::kDtype:
      Begin(node, v1::NODE_KIND_DTYPE, 1, 0);
      Operand(strings_.Intern(b_.text(node)));
      return true;
    case Kind::kStorage:
      WriteStorage(node);
      return true;
    case Kind::kTorchSize:
      WriteTorchSize(node);
      return true;
    case Kind::kTorchDevice:
      WriteTorchDevice(node);
      return true;
    case Kind::kComplex:
      Begin(node, v1::NODE_KIND_COMPLEX, 2, 0);
      Operand(PutFloat(b_.float_value(b_.edges(node)[0])));
      Operand(PutFloat(b_.float_value(b_.edges(node)[1])));
      return true;
    default:
      return VisitContainer(node);
  }
}

bool Encoder::VisitContainer(NodeId node) {
  Form form = Form::kEdges;
  switch (b_.kind(node)) {
    case Kind::kList:
    case Kind::kTuple:
      if (PackRun(node)) return !refusal_.has_value();
      break;
    case Kind::kDict:
      if (AllStrKeys(b_, node)) {
        if (PackDict(node)) return !refusal_.has_value();
        if (!CheckStrKeys(node)) return false;
        form = Form::kStrDict;
      } else if (!CheckOtherKeys(node, 0, 2)) {
        return false;
      }
      break;
    case Kind::kOrderedDict:
      if (!CheckOtherKeys(node, 0, 2)) return false;
      break;
    case Kind::kStateDict:
      if (!CheckOtherKeys(node, 1, 2)) return false;
      break;
    case Kind::kSet:
    case Kind::kFrozenSet:
      if (!CheckOtherKeys(node, 0, 1)) return false;
      break;
    default:
      break;
  }
  if (stack_.size() >= budget_->max_depth()) {
    return Refuse(node, "BUDGET_DEPTH",
                  absl::StrCat("containers are nested deeper than ", budget_->max_depth()));
  }
  slots_[node].index = kOpen;
  stack_.push_back({node, 0, 0, form});
  return true;
}

absl::Span<const NodeId> Encoder::Children(const Frame& frame) const {
  switch (b_.kind(frame.node)) {
    case Kind::kNdArray:
      return absl::MakeConstSpan(&b_.array(frame.node).dtype, 1);
    case Kind::kObjectNdArray:
      return absl::MakeConstSpan(&b_.array(frame.node).elements, 1);
    case Kind::kScalar:
      return absl::MakeConstSpan(&b_.scalar(frame.node).dtype, 1);
    case Kind::kBitGenerator:
      return b_.edges(frame.node).subspan(1);
    case Kind::kRandomState:
      return b_.edges(frame.node).subspan(0, 1);
    case Kind::kTensor:
    case Kind::kSparseTensor:
    case Kind::kQuantizedTensor:
    case Kind::kChannelQuantizedTensor:
      return absl::MakeConstSpan(b_.tensor(frame.node).parts)
          .subspan(0, b_.tensor(frame.node).part_count);
    default:
      return b_.edges(frame.node);
  }
}

// Visits the next children of the top frame, until one has to be walked first or all are done.
bool Encoder::Step() {
  const size_t top = stack_.size() - 1;
  Frame frame = stack_[top];
  const absl::Span<const NodeId> children = Children(frame);
  // Dicts with text keys: the keys are no nodes. Records: only every third edge is one.
  const bool record = b_.kind(frame.node) == Kind::kDtypeRecord;
  const uint32_t first = frame.form == Form::kStrDict ? 1 : record ? 2 : 0;
  const uint32_t stride = frame.form == Form::kStrDict ? 2 : record ? 3 : 1;
  for (uint64_t i = first + uint64_t{frame.next} * stride; i < children.size(); i += stride) {
    const NodeId child = children[i];
    if (child == kNoNode) {
      ++frame.next;
      continue;
    }
    if (slots_[child].index == kUnseen) {
      if (!Visit(child)) return false;
      if (stack_.size() > top + 1) {
        stack_[top].next = frame.next;
        stack_[top].height = frame.height;
        return true;
      }
    }
    ++frame.next;
    const Kind kind = b_.kind(child);
    if (slots_[child].index != kOpen && kind > Kind::kByteArray) {
      frame.height = std::max(frame.height, slots_[child].aux);
    }
  }
  stack_.pop_back();
  if (frame.height + 1 > budget_->max_depth()) {
    return Refuse(frame.node, "BUDGET_DEPTH",
                  absl::StrCat("containers are nested deeper than ", budget_->max_depth()));
  }
  if (c_.kinds.size() > kMaxEncodedNodes || c_.operands.size() > kMaxOperands ||
      strings_.strings().size() > kMaxStringPool) {
    return Refuse(frame.node, "BUDGET_NODES", "the graph is larger than a graph may be");
  }
  Finish(frame);
  return true;
}

void Encoder::Finish(const Frame& frame) {
  const NodeId node = frame.node;
  const uint32_t height = frame.height + 1;
  switch (b_.kind(node)) {
    case Kind::kDict:
      if (frame.form == Form::kStrDict) {
        WriteStrDict(node);
        slots_[node].aux = height;
        return;
      }
      break;
    case Kind::kNdArray:
    case Kind::kObjectNdArray:
      WriteArray(node);
      slots_[node].aux = height;
      return;
    case Kind::kScalar:
      WriteScalar(node);
      return;
    case Kind::kBitGenerator:
    case Kind::kRandomState:
    case Kind::kGenerator:
      WriteRandom(node);
      slots_[node].aux = height;
      return;
    case Kind::kDtypeRecord:
      WriteDtypeRecord(node);
      return;
    case Kind::kTensor:
    case Kind::kSparseTensor:
    case Kind::kQuantizedTensor:
    case Kind::kChannelQuantizedTensor:
      WriteTensor(node);
      slots_[node].aux = height;
      return;
    case Kind::kParameter:
    case Kind::kTensorWithState:
      WriteWrapper(node);
      slots_[node].aux = height;
      return;
    default:
      break;
  }
  const absl::Span<const NodeId> edges = b_.edges(node);
  Begin(node, static_cast<v1::NodeKind>(b_.kind(node)), edges.size(), height);
  for (const NodeId edge : edges) Edge(edge);
}

void Encoder::Begin(NodeId node, v1::NodeKind kind, size_t operands, uint32_t height) {
  slots_[node].index = static_cast<uint32_t>(c_.kinds.size());
  if (b_.kind(node) != Kind::kStr) slots_[node].aux = height;
  c_.kinds.push_back(static_cast<uint8_t>(kind));
  c_.operand_counts.push_back(static_cast<uint32_t>(operands));
  c_.origins.push_back(b_.node(node).origin);
}

void Encoder::Edge(NodeId node) {
  if (node == kNoNode) {
    Operand(kAbsent);
    return;
  }
  const uint32_t index = slots_[node].index;
  if (index == kOpen) fixups_.emplace_back(c_.operands.size(), node);
  Operand(index);
}

void Encoder::WriteLeaf(NodeId node) {
  const Kind kind = b_.kind(node);
  switch (kind) {
    case Kind::kInt:
      Begin(node, v1::NODE_KIND_INT, 1, 0);
      Operand(PutInt(b_.int_value(node)));
      return;
    case Kind::kFloat:
      Begin(node, v1::NODE_KIND_FLOAT, 1, 0);
      Operand(PutFloat(b_.float_value(node)));
      return;
    case Kind::kStr:
      Begin(node, v1::NODE_KIND_STR, 1, 0);
      Operand(PutString(node));
      return;
    case Kind::kBigInt:
      Begin(node, v1::NODE_KIND_BIG_INT, 1, 0);
      Operand(PutBlob(b_.big_int(node)));
      return;
    case Kind::kBytes:
    case Kind::kByteArray:
      WriteBytes(node);
      return;
    default:
      Begin(node, static_cast<v1::NodeKind>(kind), 0, 0);
  }
}

void Encoder::WriteBytes(NodeId node) {
  const bool is_bytes = b_.kind(node) == Kind::kBytes;
  const Buffer& buffer = b_.buffer(node);
  if (buffer.length <= kMaxBlobBytes && buffer.data.size() == buffer.length) {
    Begin(node, is_bytes ? v1::NODE_KIND_BYTES : v1::NODE_KIND_BYTEARRAY, 1, 0);
    Operand(PutBlob(buffer.data));
    return;
  }
  Begin(node, is_bytes ? v1::NODE_KIND_BYTES_BUFFER : v1::NODE_KIND_BYTEARRAY_BUFFER, 1, 0);
  Operand(PutBuffer(static_cast<uint32_t>(b_.node(node).payload)));
}

// The keys were interned by CheckStrKeys.
void Encoder::WriteStrDict(NodeId node) {
  const absl::Span<const NodeId> edges = b_.edges(node);
  Begin(node, v1::NODE_KIND_DICT_STR, edges.size(), 1);
  for (size_t i = 0; i < edges.size(); i += 2) Operand(slots_[edges[i]].aux - 1);
  for (size_t i = 1; i < edges.size(); i += 2) Edge(edges[i]);
}

uint32_t Encoder::PutInt(int64_t value) {
  c_.ints.push_back(value);
  return static_cast<uint32_t>(c_.ints.size() - 1);
}

uint32_t Encoder::PutFloat(double value) {
  c_.floats.push_back(value);
  return static_cast<uint32_t>(c_.floats.size() - 1);
}

uint32_t Encoder::PutBlob(absl::Span<const uint8_t> data) {
  c_.blobs.push_back(AsText(data));
  return static_cast<uint32_t>(c_.blobs.size() - 1);
}

uint32_t Encoder::PutString(NodeId str) {
  Slot& slot = slots_[str];
  if (slot.aux == 0) {
    const std::string_view text = b_.text(str);
    slot.aux = 1 + (text.size() <= kShortString ? strings_.Intern(text) : strings_.Append(text));
  }
  return slot.aux - 1;
}

uint32_t Encoder::PutBuffer(uint32_t buffer) {
  if (buffer_index_[buffer] == kUnseen) {
    buffer_index_[buffer] = static_cast<uint32_t>(c_.buffers.size());
    c_.buffers.push_back(&b_.buffers_[buffer]);
  }
  return buffer_index_[buffer];
}

uint32_t Encoder::PutGlobal(NodeId node) {
  const auto global = static_cast<uint32_t>(b_.node(node).payload);
  if (global_index_[global] == kUnseen) {
    global_index_[global] = static_cast<uint32_t>(c_.globals.size());
    c_.globals.push_back(&b_.globals_[global]);
  }
  return global_index_[global];
}

std::optional<Refusal> Builder::Encode(NodeId root, Encoded* out) const {
  return Encoder(*this).Run(root, out);
}

}  // namespace loadlock::graph
