#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/verify/structure.h"

namespace loadlock::verify {
namespace {

bool IsInstance(v1::NodeKind kind) {
  return kind == v1::NODE_KIND_OBJECT || kind == v1::NODE_KIND_CALL;
}

// Only these exist before their elements do, so only they can be part of a cycle that a
// loader can build; instances could, but no model needs it and methods that walk steps or
// kernels would never end.
bool MayBeInCycle(v1::NodeKind kind) {
  return kind == v1::NODE_KIND_LIST || kind == v1::NODE_KIND_DICT ||
         kind == v1::NODE_KIND_DICT_STR || kind == v1::NODE_KIND_ORDERED_DICT;
}

absl::Status Unreachable(NodeId id) {
  return absl::InvalidArgumentError(
      absl::StrCat("graph: node ", id, " cannot be reached from the root"));
}

// Counts references; true if every child stands before its parent, as an encoder writes a
// graph without cycles.
bool CountReferences(const View& view, std::vector<uint32_t>* references) {
  bool ordered = true;
  for (NodeId id = 0; id < view.size(); ++id) {
    const Children children = view.children(id);
    for (uint32_t i = 0; i < children.count; ++i) {
      const NodeId child = children[i];
      if (child == kAbsent) continue;
      ++(*references)[child];
      ordered = ordered && child < id;
    }
  }
  return ordered;
}

absl::Status ReachableInOrder(const View& view) {
  std::vector<uint8_t> reached(view.size(), 0);
  reached[view.root()] = 1;
  for (NodeId id = view.size(); id-- > 0;) {
    if (reached[id] == 0) return Unreachable(id);
    const Children children = view.children(id);
    for (uint32_t i = 0; i < children.count; ++i) {
      if (children[i] != kAbsent) reached[children[i]] = 1;
    }
  }
  return absl::OkStatus();
}

// What a node takes from its children, once they are all known.
void Combine(const View& view, NodeId id, std::vector<uint32_t>* depth, Topology* topology) {
  uint32_t below = 0;
  uint8_t holds = 0;
  const Children children = view.children(id);
  for (uint32_t i = 0; i < children.count; ++i) {
    const NodeId child = children[i];
    if (child == kAbsent) continue;
    below = std::max(below, (*depth)[child]);
    holds |= topology->holds_instance[child];
    if (IsInstance(view.kind(child))) holds = 1;
  }
  (*depth)[id] = below + 1;
  topology->holds_instance[id] = holds;
}

// Tarjan's strongly connected components with an explicit stack. Components come out children
// first, which is the order Combine needs.
class Components {
 public:
  Components(const View& view, const StateEdges& edges, Topology* topology)
      : view_(view),
        edges_(edges),
        topology_(topology),
        order_(view.size(), 0),
        low_(view.size(), 0),
        open_(view.size(), 0),
        depth_(view.size(), 0) {}

  absl::Status Run() {
    Walk(view_.root());
    // What only a reference back leads to is judged as all the rest.
    while (!back_.empty()) {
      const NodeId next = back_.back();
      back_.pop_back();
      if (order_[next] == 0) Walk(next);
    }
    topology_->depth = *std::max_element(depth_.begin(), depth_.end());
    for (NodeId id = 0; id < view_.size(); ++id) {
      if (order_[id] != 0) continue;
      if (edges_.empty()) return Unreachable(id);
      topology_->dropped[id] = 1;
    }
    return edges_.empty() ? absl::OkStatus() : ReachableByDropped();
  }

 private:
  void Walk(NodeId from) {
    Enter(from);
    while (!frames_.empty()) Step();
  }

  // Below the attributes that are left out, nothing but reachability matters.
  absl::Status ReachableByDropped() const {
    std::vector<uint8_t> reached(view_.size(), 0);
    std::vector<NodeId> stack;
    for (const StateEdge& edge : edges_.dropped()) stack.push_back(edge.value);
    while (!stack.empty()) {
      const NodeId id = stack.back();
      stack.pop_back();
      if (reached[id] != 0) continue;
      reached[id] = 1;
      const Children children = view_.children(id);
      for (uint32_t i = 0; i < children.count; ++i) {
        if (children[i] != kAbsent) stack.push_back(children[i]);
      }
    }
    for (NodeId id = 0; id < view_.size(); ++id) {
      if (order_[id] == 0 && reached[id] == 0) return Unreachable(id);
    }
    return absl::OkStatus();
  }

  void Enter(NodeId id) {
    order_[id] = low_[id] = ++next_;
    open_[id] = 1;
    component_.push_back(id);
    frames_.push_back({id, 0});
  }

  void Step() {
    auto& [id, place] = frames_.back();
    const Children children = view_.children(id);
    while (place < children.count && (children[place] == kAbsent || IsApart(id, place))) ++place;
    if (place < children.count) {
      const NodeId child = children[place++];
      if (order_[child] == 0) {
        Enter(child);
      } else if (open_[child] != 0) {
        low_[id] = std::min(low_[id], order_[child]);
      }
      return;
    }
    const NodeId done = id;
    frames_.pop_back();
    if (!frames_.empty()) {
      const NodeId parent = frames_.back().first;
      low_[parent] = std::min(low_[parent], low_[done]);
    }
    if (low_[done] == order_[done]) Close(done);
  }

  bool IsApart(NodeId id, uint32_t place) {
    if (edges_.empty()) return false;
    const StateEdges::Kind kind = edges_.Of(id, place);
    if (kind == StateEdges::Kind::kBack) back_.push_back(view_.children(id)[place]);
    return kind != StateEdges::Kind::kPlain;
  }

  bool RefersToItself(NodeId id) const {
    const Children children = view_.children(id);
    for (uint32_t i = 0; i < children.count; ++i) {
      if (children[i] == id) return true;
    }
    return false;
  }

  void Close(NodeId first) {
    const auto begin = std::find(component_.rbegin(), component_.rend(), first).base() - 1;
    const std::vector<NodeId> members(begin, component_.end());
    component_.erase(begin, component_.end());
    for (const NodeId id : members) open_[id] = 0;
    uint32_t depth = 0;
    uint8_t holds = 0;
    for (const NodeId id : members) {
      Combine(view_, id, &depth_, topology_);
      depth = std::max(depth, depth_[id]);
      holds |= topology_->holds_instance[id];
    }
    if (members.size() == 1 && !RefersToItself(first)) return;
    for (const NodeId id : members) {
      depth_[id] = depth;
      topology_->holds_instance[id] = holds;
    }
    const auto bad = std::find_if(members.begin(), members.end(),
                                  [this](NodeId id) { return !MayBeInCycle(view_.kind(id)); });
    if (bad != members.end()) topology_->bad_cycles.push_back(*bad);
  }

  const View& view_;
  const StateEdges& edges_;
  Topology* topology_;
  std::vector<NodeId> back_;
  // Order of discovery from 1; 0: not seen.
  std::vector<uint32_t> order_;
  std::vector<uint32_t> low_;
  std::vector<uint8_t> open_;
  std::vector<uint32_t> depth_;
  std::vector<NodeId> component_;
  std::vector<std::pair<NodeId, uint32_t>> frames_;
  uint32_t next_ = 0;
};

}  // namespace

absl::Status ComputeTopology(const View& view, const StateEdges& edges, Topology* topology) {
  topology->references.assign(view.size(), 0);
  topology->holds_instance.assign(view.size(), 0);
  topology->dropped.assign(view.size(), 0);
  if (!CountReferences(view, &topology->references) || !edges.empty()) {
    return Components(view, edges, topology).Run();
  }
  if (absl::Status status = ReachableInOrder(view); !status.ok()) return status;
  std::vector<uint32_t> depth(view.size(), 0);
  for (NodeId id = 0; id < view.size(); ++id) Combine(view, id, &depth, topology);
  topology->depth = depth[view.root()];
  return absl::OkStatus();
}

}  // namespace loadlock::verify
