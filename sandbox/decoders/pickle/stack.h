#ifndef LOADLOCK_SANDBOX_DECODERS_PICKLE_STACK_H_
#define LOADLOCK_SANDBOX_DECODERS_PICKLE_STACK_H_

#include <algorithm>
#include <cstddef>
#include <vector>

#include "absl/types/span.h"
#include "sandbox/bytes/budget.h"
#include "sandbox/graph/node.h"

namespace loadlock::pickle {

// The machine's values and marks. What an opcode may take lies above the fence: the topmost mark,
// or the place where a nested pickle began.
class Stack {
 public:
  using NodeId = graph::NodeId;
  // Where a pickle began.
  struct Base {
    size_t values = 0;
    size_t marks = 0;
  };

  explicit Stack(bytes::Budget* budget) : budget_(*budget) {}

  // A budget that does not allow the room is exhausted; the machine looks after each opcode.
  void Push(NodeId node) {
    if (values_.size() == values_.capacity()) [[unlikely]] {
      Grow();
    }
    values_.push_back(node);
  }
  // False if there is nothing above the fence.
  [[nodiscard]] bool Top(NodeId* out) const {
    if (values_.size() == fence_) [[unlikely]] {
      return false;
    }
    *out = values_.back();
    return true;
  }
  [[nodiscard]] bool Pop(NodeId* out) {
    if (!Top(out)) return false;
    values_.pop_back();
    return true;
  }

  size_t size() const { return values_.size(); }
  size_t fence() const { return fence_; }
  bool Holds(size_t count) const { return values_.size() - fence_ >= count; }
  // From the top: 0 is the topmost.
  NodeId Peek(size_t depth) const { return values_[values_.size() - 1 - depth]; }
  NodeId At(size_t place) const { return values_[place]; }
  absl::Span<const NodeId> Above(size_t place) const {
    return absl::MakeConstSpan(values_).subspan(place);
  }
  void CutTo(size_t place) { values_.resize(place); }
  void Drop(size_t count) { values_.resize(values_.size() - count); }

  bool has_mark() const { return marks_.size() > base_.marks; }
  bool mark_on_top() const { return has_mark() && marks_.back() == values_.size(); }
  void PushMark() {
    if (!budget_.ChargeHeap(2 * sizeof(size_t))) return;
    marks_.push_back(values_.size());
    ResetFence();
  }
  // Takes the topmost mark away; *start is the place of the first value above it.
  [[nodiscard]] bool PopMark(size_t* start) {
    if (!has_mark()) return false;
    *start = marks_.back();
    marks_.pop_back();
    ResetFence();
    return true;
  }

  // Neither a value nor a mark of this pickle is left.
  bool AtBase() const { return values_.size() == base_.values && !has_mark(); }
  Base Here() const { return {values_.size(), marks_.size()}; }
  void SetBase(const Base& base) {
    base_ = base;
    ResetFence();
  }

 private:
  void Grow() {
    const size_t wanted = std::max<size_t>(256, values_.capacity() * 2);
    (void)budget_.ChargeHeap((wanted - values_.capacity()) * sizeof(NodeId));
    values_.reserve(wanted);
  }
  void ResetFence() { fence_ = has_mark() ? marks_.back() : base_.values; }

  bytes::Budget& budget_;
  std::vector<NodeId> values_;
  std::vector<size_t> marks_;
  size_t fence_ = 0;
  Base base_;
};

}  // namespace loadlock::pickle

#endif  // LOADLOCK_SANDBOX_DECODERS_PICKLE_STACK_H_
