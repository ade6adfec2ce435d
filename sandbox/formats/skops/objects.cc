#include <string>

#include "absl/strings/str_cat.h"
#include "sandbox/formats/skops/reader.h"

namespace loadlock::formats::skops {
namespace {

using graph::NodeId;
using json::Type;
using json::ValueId;

// Modules of scikit-learn whose native classes a pickle makes by newObj(class) and BUILD.
bool HasNewObj(std::string_view module) {
  for (const std::string_view known :
       {"sklearn.neighbors._kd_tree", "sklearn.neighbors._ball_tree",
        "sklearn.neighbors._dist_metrics", "sklearn.metrics._dist_metrics"}) {
    if (module == known) return true;
  }
  return false;
}

// No parameters: {} or ().
bool IsEmpty(const graph::Builder& b, NodeId node) {
  switch (b.kind(node)) {
    case graph::Kind::kNone:
      return true;
    case graph::Kind::kDict:
    case graph::Kind::kTuple:
      return b.edges(node).empty();
    default:
      return false;
  }
}

}  // namespace

bool Reader::ExpandObject(const Place& place) {
  const ValueId content = d_.Find(place.value, "content");
  if (content == json::kNoValue || d_.Is(content, Type::kNull)) return true;
  return Child(content);
}

// cls.__new__(cls), then its state. A pickle of the same object says the same.
NodeId Reader::FinishObject(const Place& place, absl::Span<const NodeId> children) {
  const NodeId cls = Name(place.module, place.cls);
  NodeId object = graph::kNoNode;
  if (HasNewObj(place.module)) {
    const NodeId args[] = {cls};
    object = b_.Call(Name(place.module, "newObj"), b_.Tuple(args));
  } else if (place.Is("collections", "deque") || place.Is("types", "SimpleNamespace")) {
    // Called by a pickle. Of a deque, skops writes no items.
    object = b_.Call(cls, b_.Tuple({}));
  } else {
    object = b_.Object(cls, b_.Tuple({}));
  }
  const bool has_state = !children.empty() && b_.kind(children[0]) != graph::Kind::kNone;
  if (has_state && !b_.exhausted()) b_.SetObjectEdge(object, graph::kState, children[0]);
  return object;
}

// cls(*args), by the class that the node names: ConstructorFromReduceNode, OperatorFuncNode.
NodeId Reader::FinishConstructed(const Place& place, absl::Span<const NodeId> children) {
  if (b_.kind(children[0]) != graph::Kind::kTuple) {
    return FailNode(place.value, "MALFORMED", "the arguments of a call are not a tuple");
  }
  const auto view = b_.edges(children[0]);
  const std::vector<NodeId> args(view.begin(), view.end());
  if (place.Is("builtins", "frozenset") && args.size() == 1 &&
      b_.kind(args[0]) == graph::Kind::kList) {
    const auto members = b_.edges(args[0]);
    const std::vector<NodeId> items(members.begin(), members.end());
    for (const NodeId item : items) {
      if (!b_.Has(item, graph::kFlagHashable)) {
        return FailNode(place.value, "MALFORMED", "a member of a set is no plain value");
      }
    }
    return b_.FrozenSet(items);
  }
  if (place.Is("builtins", "range") && args.size() == 3 && b_.kind(args[0]) == graph::Kind::kInt &&
      b_.kind(args[1]) == graph::Kind::kInt && b_.kind(args[2]) == graph::Kind::kInt &&
      b_.int_value(args[2]) != 0) {
    return b_.Range(args[0], args[1], args[2]);
  }
  return b_.Call(Name(place.module, place.cls), children[0]);
}

bool Reader::ExpandAttrs(const Place& place) {
  if (place.module != "operator") {
    return Fail(place.value, "SCHEMA", "an OperatorFuncNode is of another module than operator");
  }
  return ChildField(place.value, "attrs");
}

bool Reader::ExpandPartial(const Place& place) {
  ValueId content = json::kNoValue;
  return Field(place.value, "content", Type::kObject, &content) && ChildField(content, "func") &&
         ChildField(content, "args") && ChildField(content, "kwds") &&
         ChildField(content, "namespace");
}

// As functools.partial.__reduce__ has it: partial(func), then the state of four.
NodeId Reader::FinishPartial(const Place& place, absl::Span<const NodeId> children) {
  const NodeId state = b_.Tuple(children);
  const NodeId args[] = {children[0]};
  const NodeId call = b_.Call(Name(place.module, place.cls), b_.Tuple(args));
  if (!b_.exhausted()) b_.SetObjectEdge(call, graph::kState, state);
  return call;
}

// The class and module are those of the object; skops had audited them and built another's method.
bool Reader::ExpandMethod(const Place& place) {
  ValueId content = json::kNoValue;
  ValueId object = json::kNoValue;
  std::string_view cls;
  std::string_view module;
  if (!Field(place.value, "content", Type::kObject, &content) ||
      !Field(content, "obj", Type::kObject, &object) || !Text(object, "__class__", &cls) ||
      !Text(object, "__module__", &module)) {
    return false;
  }
  if (!place.Is(module, cls)) {
    return Fail(place.value, "SCHEMA",
                "a MethodNode says to be of another class than the object whose method it is");
  }
  return Child(object);
}

// A pickle of a bound method calls getattr, and so is judged as one.
NodeId Reader::FinishMethod(const Place& place, absl::Span<const NodeId> children) {
  const ValueId content = d_.Find(place.value, "content");
  std::string_view func;
  if (!Text(content, "func", &func)) return graph::kNoNode;
  const NodeId args[] = {children[0], Str(func)};
  return b_.Call(Name("builtins", "getattr"), b_.Tuple(args));
}

bool Reader::ExpandReduce(const Place& place) {
  ValueId reduce = json::kNoValue;
  if (!Field(place.value, "__reduce__", Type::kObject, &reduce)) return false;
  if (d_.items(reduce).size() != 2) {
    return Malformed(reduce, "__reduce__ of a node holds more than its arguments");
  }
  return ChildField(reduce, "args") && ChildField(place.value, "content");
}

// cls(*args), then the state if there is one.
NodeId Reader::FinishReduce(const Place& place, absl::Span<const NodeId> children) {
  if (b_.kind(children[0]) != graph::Kind::kTuple) {
    return FailNode(place.value, "MALFORMED", "the arguments of a call are not a tuple");
  }
  const NodeId call = b_.Call(Name(place.module, place.cls), children[0]);
  if (!IsEmpty(b_, children[1]) && !b_.exhausted()) {
    b_.SetObjectEdge(call, graph::kState, children[1]);
  }
  return call;
}

}  // namespace loadlock::formats::skops
