#include "server/verify/edits.h"

#include <utility>
#include <variant>

#include "absl/container/flat_hash_map.h"

namespace loadlock::verify {
namespace {

// A value in a rewritten state: a node of the old graph or a new one.
struct Slot {
  uint32_t key = 0;
  bool fresh = false;
  NodeId node = kAbsent;
};

class Rewriter {
 public:
  explicit Rewriter(const View& view) : view_(view), out_(view.graph()) {
    out_.clear_kinds();
    out_.clear_operand_counts();
    out_.clear_operands();
  }

  v1::Graph Run(const std::vector<Edit>& edits) {
    for (const Edit& edit : edits) {
      auto [it, fresh] = states_.try_emplace(edit.state);
      if (fresh) it->second = Expand(edit.state);
      Slot& slot = it->second[edit.index];
      // An attribute that is left out is marked and dropped at emission.
      slot.fresh = true;
      slot.node = edit.value ? AddLiteral(*edit.value) : kAbsent;
    }
    MarkReachable();
    Number();
    Emit();
    return std::move(out_);
  }

 private:
  // New nodes come first, so that they stand before every parent.
  NodeId AddNode(v1::NodeKind kind, absl::Span<const uint32_t> operands) {
    out_.add_kinds(kind);
    out_.add_operand_counts(static_cast<uint32_t>(operands.size()));
    out_.mutable_operands()->Add(operands.begin(), operands.end());
    return static_cast<NodeId>(out_.kinds_size() - 1);
  }

  NodeId AddLiteral(const policy::Literal& literal) {
    if (const bool* truth = std::get_if<bool>(&literal)) {
      return AddNode(*truth ? v1::NODE_KIND_TRUE : v1::NODE_KIND_FALSE, {});
    }
    if (const int64_t* integer = std::get_if<int64_t>(&literal)) return AddInt(*integer);
    if (const double* number = std::get_if<double>(&literal)) return AddFloat(*number);
    if (const std::string* text = std::get_if<std::string>(&literal)) {
      out_.add_strings(*text);
      return AddNode(v1::NODE_KIND_STR, {static_cast<uint32_t>(out_.strings_size() - 1)});
    }
    return AddNode(v1::NODE_KIND_NONE, {});
  }

  NodeId AddInt(int64_t value) {
    out_.add_ints(value);
    return AddNode(v1::NODE_KIND_INT, {static_cast<uint32_t>(out_.ints_size() - 1)});
  }

  NodeId AddFloat(double value) {
    out_.add_floats(value);
    return AddNode(v1::NODE_KIND_FLOAT, {static_cast<uint32_t>(out_.floats_size() - 1)});
  }

  uint32_t StringIndex(Value key) const {
    return key.is_node() ? view_.operands(key.index)[0] : key.index;
  }

  std::vector<Slot> Expand(NodeId state) {
    const Mapping mapping(view_, Value::Node(state));
    std::vector<Slot> slots;
    for (uint32_t i = 0; i < mapping.size(); ++i) {
      const Value value = mapping.value(i);
      Slot slot{StringIndex(mapping.key(i)), !value.is_node(), value.index};
      if (value.in == Value::In::kInts) slot.node = AddInt(view_.integer(value.index));
      if (value.in == Value::In::kFloats) slot.node = AddFloat(view_.floating(value.index));
      slots.push_back(slot);
    }
    return slots;
  }

  template <typename Visit>
  void ForEachChild(NodeId id, const Visit& visit) const {
    const auto it = states_.find(id);
    if (it != states_.end()) {
      for (const Slot& slot : it->second) {
        if (!slot.fresh) visit(slot.node);
      }
      return;
    }
    const Children children = view_.children(id);
    for (uint32_t i = 0; i < children.count; ++i) {
      if (children[i] != kAbsent) visit(children[i]);
    }
  }

  void MarkReachable() {
    kept_.assign(view_.size(), 0);
    std::vector<NodeId> stack = {view_.root()};
    kept_[view_.root()] = 1;
    while (!stack.empty()) {
      const NodeId id = stack.back();
      stack.pop_back();
      ForEachChild(id, [&](NodeId child) {
        if (kept_[child] != 0) return;
        kept_[child] = 1;
        stack.push_back(child);
      });
    }
  }

  void Number() {
    numbers_.assign(view_.size(), kAbsent);
    auto next = static_cast<NodeId>(out_.kinds_size());
    for (NodeId id = 0; id < view_.size(); ++id) {
      if (kept_[id] != 0) numbers_[id] = next++;
    }
  }

  void Emit() {
    std::vector<uint32_t> operands;
    for (NodeId id = 0; id < view_.size(); ++id) {
      if (kept_[id] == 0) continue;
      const auto it = states_.find(id);
      if (it != states_.end()) {
        EmitState(it->second);
        continue;
      }
      const absl::Span<const uint32_t> old = view_.operands(id);
      operands.assign(old.begin(), old.end());
      const Children children = view_.children(id);
      for (uint32_t i = 0; i < children.count; ++i) {
        const size_t place = static_cast<size_t>(children.begin - old.data()) + children.Place(i);
        if (operands[place] != kAbsent) operands[place] = numbers_[operands[place]];
      }
      AddNode(view_.kind(id), operands);
    }
    out_.set_root(numbers_[view_.root()]);
  }

  void EmitState(const std::vector<Slot>& slots) {
    std::vector<uint32_t> operands;
    for (const Slot& slot : slots) {
      if (slot.node != kAbsent) operands.push_back(slot.key);
    }
    for (const Slot& slot : slots) {
      if (slot.node != kAbsent) operands.push_back(slot.fresh ? slot.node : numbers_[slot.node]);
    }
    AddNode(v1::NODE_KIND_DICT_STR, operands);
  }

  const View& view_;
  v1::Graph out_;
  absl::flat_hash_map<NodeId, std::vector<Slot>> states_;
  std::vector<uint8_t> kept_;
  std::vector<NodeId> numbers_;
};

}  // namespace

v1::Graph ApplyEdits(const View& view, const std::vector<Edit>& edits) {
  return Rewriter(view).Run(edits);
}

}  // namespace loadlock::verify
