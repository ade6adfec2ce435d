#include "absl/strings/str_cat.h"
#include "sandbox/decoders/pickle/machine.h"

namespace loadlock::pickle {

using graph::Kind;

bool Machine::OpEmptyTuple() {
  // One object in CPython too.
  if (empty_tuple_ == graph::kNoNode) empty_tuple_ = b_.Tuple({});
  Push(empty_tuple_);
  return true;
}

bool Machine::OpEmptyList() {
  Push(b_.List());
  return true;
}

bool Machine::OpEmptyDict() {
  Push(b_.Dict());
  return true;
}

bool Machine::OpEmptySet() {
  Push(b_.Set());
  return true;
}

bool Machine::OpTuple() {
  size_t start = 0;
  if (!PopMark(&start)) return false;
  const NodeId tuple = b_.Tuple(Above(start));
  stack_.CutTo(start);
  Push(tuple);
  return true;
}

bool Machine::PushTuple(size_t count) {
  if (!stack_.Holds(count)) return Underflow();
  const NodeId tuple = b_.Tuple(Above(stack_.size() - count));
  stack_.Drop(count);
  Push(tuple);
  return true;
}

bool Machine::OpTuple1() { return PushTuple(1); }
bool Machine::OpTuple2() { return PushTuple(2); }
bool Machine::OpTuple3() { return PushTuple(3); }

bool Machine::OpList() {
  size_t start = 0;
  if (!PopMark(&start)) return false;
  const NodeId list = b_.List();
  b_.Extend(list, Above(start));
  stack_.CutTo(start);
  Push(list);
  return true;
}

// Keys and members that would have to run code of a class to be hashed are not accepted.
bool Machine::CheckHashable(absl::Span<const NodeId> items, size_t stride) {
  for (size_t i = 0; i < items.size(); i += stride) {
    if (!b_.Has(items[i], graph::kFlagHashable)) [[unlikely]] {
      return Fail("SCHEMA", "a dict key or set member is not a plain immutable value");
    }
  }
  return true;
}

bool Machine::OpDict() {
  size_t start = 0;
  if (!PopMark(&start)) return false;
  const absl::Span<const NodeId> items = Above(start);
  if (items.size() % 2 != 0) return Fail("MALFORMED", "a dict key has no value");
  if (!CheckHashable(items, 2)) return false;
  const NodeId dict = b_.Dict();
  b_.Extend(dict, items);
  stack_.CutTo(start);
  Push(dict);
  return true;
}

bool Machine::OpFrozenSet() {
  size_t start = 0;
  if (!PopMark(&start) || !CheckHashable(Above(start), 1)) return false;
  const NodeId set = b_.FrozenSet(Above(start));
  stack_.CutTo(start);
  Push(set);
  return true;
}

bool Machine::CheckOpen(NodeId container) {
  if (!b_.Has(container, graph::kFlagFrozen)) [[likely]] {
    return true;
  }
  return Fail("STATE_RULE", "a container changes after something was built from it");
}

// Items of an OBJECT or CALL come before its state: save_reduce writes them in this order, and
// __setstate__ could depend on it.
bool Machine::CheckItemsTarget(NodeId target) {
  if (!b_.Has(target, graph::kFlagBuilt)) return true;
  return Fail("STATE_RULE", "items are added to an object after its state was set");
}

bool Machine::Append(NodeId target, absl::Span<const NodeId> items) {
  switch (b_.kind(target)) {
    case Kind::kList:
      if (!CheckOpen(target)) return false;
      b_.Extend(target, items);
      return true;
    case Kind::kObject:
    case Kind::kCall:
      // CPython's Python unpickler calls extend() with no items, its C unpickler calls nothing.
      if (items.empty()) return Fail("MALFORMED", "no items are appended to an object");
      if (!CheckItemsTarget(target)) return false;
      b_.Extend(b_.ListItems(target), items);
      return true;
    default:
      return Fail("MALFORMED", "items are appended to what is no list");
  }
}

bool Machine::SetItems(NodeId target, absl::Span<const NodeId> items) {
  if (items.size() % 2 != 0) return Fail("MALFORMED", "a dict key has no value");
  if (!CheckHashable(items, 2)) return false;
  switch (b_.kind(target)) {
    case Kind::kDict:
    case Kind::kOrderedDict:
      if (!CheckOpen(target)) return false;
      b_.Extend(target, items);
      return true;
    case Kind::kObject:
    case Kind::kCall:
      if (!CheckItemsTarget(target)) return false;
      if (!items.empty()) b_.Extend(b_.DictItems(target), items);
      return true;
    default:
      return Fail("MALFORMED", "a key is set on what is no dict");
  }
}

bool Machine::OpAppend() {
  if (!stack_.Holds(2)) return Underflow();
  const NodeId item = stack_.Peek(0);
  stack_.Drop(1);
  return Append(stack_.Peek(0), absl::MakeConstSpan(&item, 1));
}

bool Machine::OpAppends() {
  size_t start = 0;
  if (!PopMark(&start)) return false;
  if (start == stack_.fence()) return Underflow();
  if (!Append(stack_.At(start - 1), Above(start))) return false;
  stack_.CutTo(start);
  return true;
}

bool Machine::OpSetItem() {
  if (!stack_.Holds(3)) return Underflow();
  const NodeId items[] = {stack_.Peek(1), stack_.Peek(0)};
  stack_.Drop(2);
  return SetItems(stack_.Peek(0), items);
}

bool Machine::OpSetItems() {
  size_t start = 0;
  if (!PopMark(&start)) return false;
  if (start == stack_.fence()) return Underflow();
  if (!SetItems(stack_.At(start - 1), Above(start))) return false;
  stack_.CutTo(start);
  return true;
}

bool Machine::OpAddItems() {
  size_t start = 0;
  if (!PopMark(&start)) return false;
  if (start == stack_.fence()) return Underflow();
  const NodeId target = stack_.At(start - 1);
  if (b_.kind(target) != Kind::kSet)
    return Fail("MALFORMED", "members are added to what is no set");
  if (!CheckOpen(target) || !CheckHashable(Above(start), 1)) return false;
  b_.Extend(target, Above(start));
  stack_.CutTo(start);
  return true;
}

}  // namespace loadlock::pickle
