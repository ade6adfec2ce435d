#include "server/verify/hash_cost.h"

#include <algorithm>
#include <vector>

#include "server/verify/python_hash.h"
#include "server/verify/torch/structure.h"

namespace loadlock::verify {
namespace {

// Hashing an int of 4 KiB takes its length, and is done again each time.
constexpr uint64_t kBytesPerStep = 8;

// Calling a comparison takes as long as looking at some slots.
constexpr uint64_t kCompareSteps = 8;

// Ints in a row take 3 steps a key, growing included. The worst honest keys differ in their highest
// bits only, as 50,000 floats of 32 bits or in even steps do: 45 in a dict, and in a set, which
// looks at ten slots in a row, 135. A key at the bound costs the client a microsecond.
constexpr uint64_t kStepsPerKey = 512;
// For small ones, whatever they are: -1 and -2 hash alike, and so do the 2^k tuples of k of them.
constexpr uint64_t kFreeSteps = 4096;

}  // namespace

bool HashCost::IsContainer(NodeId id) const {
  const v1::NodeKind kind = scope_->view().kind(id);
  return IsTupleKind(kind) || kind == v1::NODE_KIND_FROZENSET;
}

HashCost::Key HashCost::Plain(Value value) const {
  const View& view = scope_->view();
  switch (value.in) {
    case Value::In::kInts:
      return {1, python::HashInt(view.integer(value.index))};
    case Value::In::kFloats:
      return {1, python::HashFloat(view.floating(value.index))};
    case Value::In::kStrings:
      return {1, python::HashText(view.string(value.index))};
    case Value::In::kNode:
      break;
  }
  if (const std::optional<int64_t> integer = scope_->Int(value)) {
    return {1, python::HashInt(*integer)};
  }
  if (const std::optional<double> number = scope_->Number(value)) {
    return {1, python::HashFloat(*number)};
  }
  if (const std::optional<bool> truth = scope_->Bool(value)) {
    return {1, python::HashInt(*truth ? 1 : 0)};
  }
  if (const std::optional<absl::string_view> text = view.Str(value)) {
    return {1, python::HashText(*text)};
  }
  const absl::Span<const uint32_t> operands = view.operands(value.index);
  switch (view.kind(value.index)) {
    case v1::NODE_KIND_BIG_INT: {
      const absl::string_view bytes = view.blob(operands[0]);
      return {1 + bytes.size() / kBytesPerStep, python::HashBigInt(bytes)};
    }
    case v1::NODE_KIND_COMPLEX:
      return {1, python::HashComplex(view.floating(operands[0]), view.floating(operands[1]))};
    case v1::NODE_KIND_BYTES:
      return {1, python::HashText(view.blob(operands[0]))};
    case v1::NODE_KIND_SCALAR:
      return {1, python::HashText(view.blob(operands[1]))};
    case v1::NODE_KIND_BYTES_BUFFER: {
      // Remembered by the object, so it costs once what it takes to read it.
      const absl::Span<const uint8_t> bytes = scope_->Buffer(operands[0]);
      return {1 + bytes.size() / kBytesPerStep,
              python::HashText({reinterpret_cast<const char*>(bytes.data()), bytes.size()})};
    }
    default:
      // A tensor by where it lies, as any object is; alignment leaves the low bits out.
      if (torch::IsTensor(view.kind(value.index))) {
        return {1, python::HashInt(int64_t{value.index})};
      }
      // Singletons, each by where it lies.
      return {1, python::HashInt(view.kind(value.index))};
  }
}

HashCost::Key HashCost::Combine(NodeId id) const {
  const Sequence members(scope_->view(), Value::Node(id));
  python::TupleHash in_order;
  python::FrozenSetHash in_any;
  uint64_t steps = 1;
  for (uint32_t i = 0; i < members.size(); ++i) {
    const Value member = members[i];
    const auto known = member.is_node() ? known_.find(member.index) : known_.end();
    const Key key = known == known_.end() ? Plain(member) : known->second;
    steps = std::min(kEndless, steps + key.steps);
    in_order.Add(key.hash);
    in_any.Add(key.hash);
  }
  const bool tuple = IsTupleKind(scope_->view().kind(id));
  return {steps, tuple ? in_order.Finish(members.size()) : in_any.Finish(members.size())};
}

HashCost::Key HashCost::Of(NodeId root) {
  if (!IsContainer(root)) return Plain(Value::Node(root));
  // Depth first with a stack of its own; a container is left when it is seen again. One that
  // contains itself, which is refused elsewhere, counts itself as a plain value.
  std::vector<NodeId> stack = {root};
  absl::flat_hash_map<NodeId, bool> entered;
  while (!stack.empty()) {
    const NodeId id = stack.back();
    if (known_.contains(id)) {
      stack.pop_back();
    } else if (!entered.insert({id, true}).second) {
      known_[id] = Combine(id);
      stack.pop_back();
    } else {
      const Sequence members(scope_->view(), Value::Node(id));
      for (uint32_t i = 0; i < members.size() && members[i].is_node(); ++i) {
        const NodeId member = members[i].index;
        if (IsContainer(member) && !entered.contains(member)) stack.push_back(member);
      }
    }
  }
  return known_[root];
}

bool HashCost::Collide(absl::Span<const uint32_t> operands, uint32_t stride, HashTable::Kind kind) {
  HashTable table(kind);
  uint64_t left = kFreeSteps + kStepsPerKey * (operands.size() / stride);
  for (size_t i = 0; i < operands.size(); i += stride) {
    const Key key = Of(operands[i]);
    if (!scope_->view().Spend(key.steps)) return false;
    const uint64_t cost = table.Add(key.hash, kCompareSteps + key.steps, left);
    if (cost > left) return true;
    left -= cost;
  }
  return false;
}

}  // namespace loadlock::verify
