#include <array>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "sandbox/decoders/pickle/joblib.h"
#include "sandbox/decoders/pickle/machine.h"
#include "sandbox/decoders/pickle/native.h"
#include "sandbox/decoders/pickle/text.h"

namespace loadlock::pickle {
namespace {

using graph::Kind;
using graph::NodeId;

// graph.proto: modules and attributes have at most 512 bytes. The longest of real models has 90.
constexpr size_t kMaxNameBytes = 512;

std::string_view AsText(bytes::Bytes raw) {
  return {reinterpret_cast<const char*>(raw.data()), raw.size()};
}

std::string FullName(const graph::GlobalUse& use) {
  return absl::StrCat(graph::Quote(use.module, kMaxNameBytes), ".",
                      graph::Quote(use.name, kMaxNameBytes));
}

// Classes that keep some attributes in slots are pickled with two dicts, of which the second is set
// attribute by attribute: one dict here. Any other state stays what it is. False if over budget.
bool MergeSlots(NodeId object, graph::Builder* b, bytes::Budget* budget, NodeId* state) {
  const NodeId cls = b->edges(object)[graph::kCallee];
  if (b->kind(cls) != Kind::kGlobal || b->kind(*state) != Kind::kTuple) return true;
  const graph::GlobalUse& use = b->global(cls);
  if (use.module != "scipy.interpolate._interpolate" || use.name != "interp1d") return true;
  const absl::Span<const NodeId> parts = b->edges(*state);
  if (parts.size() != 2) return true;
  std::vector<NodeId> pairs;
  for (const NodeId part : {parts[0], parts[1]}) {
    if (b->kind(part) != Kind::kDict) return true;
    const absl::Span<const NodeId> edges = b->edges(part);
    if (!budget->ChargeHeap(edges.size() * sizeof(NodeId))) return false;
    pairs.insert(pairs.end(), edges.begin(), edges.end());
  }
  *state = b->Dict();
  b->Extend(*state, pairs);
  return !b->exhausted();
}

// getattr(str, "lower") is how a method of str is pickled, which takes the text that it is called
// with: the name of the method, of those that vectorizers are given. Null for anything else.
const char* MethodOfStr(const graph::GlobalUse& use, absl::Span<const NodeId> args,
                        const graph::Builder& b) {
  constexpr std::array kMethods = {"str.casefold", "str.lower", "str.split", "str.strip",
                                   "str.upper"};
  if (use.module != "builtins" || use.name != "getattr" || args.size() != 2 ||
      b.kind(args[0]) != Kind::kGlobal || b.kind(args[1]) != Kind::kStr) {
    return nullptr;
  }
  const graph::GlobalUse& of = b.global(args[0]);
  if (of.module != "builtins" || of.name != "str") return nullptr;
  for (const char* method : kMethods) {
    if (b.text(args[1]) == std::string_view(method).substr(4)) return method;
  }
  return nullptr;
}

}  // namespace

// Counts the name, whatever becomes of it.
graph::NodeId Machine::FindGlobal(std::string_view module, std::string_view name) {
  if (scope_.proto < 3) RenamePython2(&module, &name);
  const NodeId node = b_.Global(module, name);
  if (module == "builtins" && name == "Ellipsis") return b_.Ellipsis();
  if (module == "builtins" && name == "NotImplemented") return b_.NotImplemented();
  return node;
}

bool Machine::ReadNames(Bytes* module, Bytes* name) {
  if (!ReadLine(kMaxNameBytes, module) || !ReadLine(kMaxNameBytes, name)) return false;
  if (IsPlainName(*module) && IsPlainName(*name)) return true;
  return Fail("UNSAFE_NAME_OPERAND",
              absl::StrCat("the name '", graph::Quote(AsText(*module)), "' '",
                           graph::Quote(AsText(*name)), "' is not plain ASCII"));
}

bool Machine::OpGlobal() {
  Bytes module;
  Bytes name;
  if (!ReadNames(&module, &name)) return false;
  Push(FindGlobal(AsText(module), AsText(name)));
  return true;
}

bool Machine::OpStackGlobal() {
  NodeId name = graph::kNoNode;
  NodeId module = graph::kNoNode;
  if (!Pop(&name) || !Pop(&module)) return false;
  if (b_.kind(name) != Kind::kStr || b_.kind(module) != Kind::kStr) {
    return Fail("UNSAFE_NAME_OPERAND", "STACK_GLOBAL takes two strings, and these are not");
  }
  const std::string_view module_text = b_.text(module);
  const std::string_view name_text = b_.text(name);
  if (module_text.empty() || name_text.empty() || module_text.size() > kMaxNameBytes ||
      name_text.size() > kMaxNameBytes) {
    return Fail("UNSAFE_NAME_OPERAND", "a module or attribute is empty or longer than 512 bytes");
  }
  Push(FindGlobal(module_text, name_text));
  return true;
}

void Machine::Freeze(NodeId node) {
  switch (b_.kind(node)) {
    case Kind::kList:
    case Kind::kDict:
    case Kind::kSet:
    case Kind::kOrderedDict:
      b_.Mark(node, graph::kFlagFrozen);
      break;
    default:
      break;
  }
}

void Machine::FreezeParts(NodeId node) {
  Freeze(node);
  if (b_.kind(node) != Kind::kTuple) return;
  for (const NodeId part : b_.edges(node)) Freeze(part);
}

// callable(*args), as REDUCE has it; OBJ and INST with arguments do the same.
bool Machine::PushCall(NodeId callable, NodeId args) {
  if (b_.kind(callable) != Kind::kGlobal) {
    return Fail("UNSAFE_NAME_OPERAND", "the value that is called is not a name");
  }
  if (b_.kind(args) != Kind::kTuple) return Fail("MALFORMED", "call arguments are not a tuple");
  const graph::GlobalUse& use = b_.global(callable);
  if (const char* why = WhyNativeIsNotRead(use)) return FailName("UNKNOWN_FORMAT", why, callable);
  if (const numpy::Factory factory = numpy::FindFactory(use.module, use.name);
      factory != numpy::Factory::kNone) {
    const NodeId value = numpy_.Call(factory, b_.edges(args));
    if (value == graph::kNoNode) {
      return CheckBudget() && FailName(numpy_.failure().rule, numpy_.failure().message, callable);
    }
    Push(value);
    return true;
  }
  if (const torch::Factory factory = torch::FindFactory(use.module, use.name);
      factory != torch::Factory::kNone) {
    return PushTorch(factory, callable, args);
  }
  if (const char* method = MethodOfStr(use, b_.edges(args), b_)) {
    Push(b_.Global("builtins", method));
    return CheckBudget();
  }
  if (const Builtin builtin = FindBuiltin(use.module, use.name); builtin != Builtin::kNone) {
    if (PushBuiltin(builtin, b_.edges(args))) return true;
    if (result_.refusal.has_value()) return false;
    return CheckBudget() &&
           FailName("SCHEMA",
                    absl::StrCat(FullName(use), " is called with arguments that no pickler writes"),
                    callable);
  }
  Push(b_.Call(callable, args));
  FreezeParts(args);
  return true;
}

bool Machine::OpReduce() {
  NodeId args = graph::kNoNode;
  NodeId callable = graph::kNoNode;
  return Pop(&args) && Pop(&callable) && PushCall(callable, args);
}

// cls.__new__(cls, *args)
bool Machine::PushInstance(NodeId cls, NodeId args) {
  if (b_.kind(cls) != Kind::kGlobal) {
    return Fail("UNSAFE_NAME_OPERAND", "the class of an instance is not a name");
  }
  if (b_.kind(args) != Kind::kTuple) return Fail("MALFORMED", "class arguments are not a tuple");
  const graph::GlobalUse& use = b_.global(cls);
  if (const char* why = WhyWrapperIsNotRead(use)) return FailName("UNKNOWN_FORMAT", why, cls);
  if (const char* why = WhyNativeIsNotRead(use)) return FailName("UNKNOWN_FORMAT", why, cls);
  if (IsArrayWrapper(use)) {
    if (!scope_.joblib_arrays || !b_.edges(args).empty()) {
      return FailName("SCHEMA", "joblib's array wrapper stands where no array bytes can follow",
                      cls);
    }
    Push(b_.Pending(kWrapperPending, {}));
    return true;
  }
  if (torch::IsParameterClass(use)) {
    const NodeId value = torch_.NewParameter(b_.edges(args));
    if (value == graph::kNoNode) {
      return CheckBudget() && FailName(torch_.failure().rule, torch_.failure().message, cls);
    }
    Push(value);
    return true;
  }
  if (numpy::FindFactory(use.module, use.name) != numpy::Factory::kNone ||
      torch::FindFactory(use.module, use.name) != torch::Factory::kNone ||
      FindBuiltin(use.module, use.name) != Builtin::kNone) {
    return FailName("SCHEMA",
                    absl::StrCat(FullName(use), " is instantiated in a way that no pickler writes"),
                    cls);
  }
  Push(b_.Object(cls, args));
  FreezeParts(args);
  return true;
}

bool Machine::OpNewObj() {
  NodeId args = graph::kNoNode;
  NodeId cls = graph::kNoNode;
  return Pop(&args) && Pop(&cls) && PushInstance(cls, args);
}

bool Machine::OpNewObjEx() {
  NodeId kwargs = graph::kNoNode;
  NodeId args = graph::kNoNode;
  NodeId cls = graph::kNoNode;
  if (!Pop(&kwargs) || !Pop(&args) || !Pop(&cls)) return false;
  if (b_.kind(kwargs) != Kind::kDict || !b_.edges(kwargs).empty()) {
    return FailName("SCHEMA", "an instance is created with keyword arguments (not supported)", cls);
  }
  return PushInstance(cls, args);
}

// CPython calls the class if there are arguments, and only else takes __new__.
bool Machine::OpInst() {
  size_t start = 0;
  Bytes module;
  Bytes name;
  if (!PopMark(&start) || !ReadNames(&module, &name)) return false;
  const NodeId cls = FindGlobal(AsText(module), AsText(name));
  const NodeId args = b_.Tuple(Above(start));
  stack_.CutTo(start);
  return b_.edges(args).empty() ? PushInstance(cls, args) : PushCall(cls, args);
}

bool Machine::OpObj() {
  size_t start = 0;
  if (!PopMark(&start)) return false;
  if (start == stack_.size()) return Fail("STACK_UNDERFLOW", "OBJ has no class");
  const NodeId cls = stack_.At(start);
  const NodeId args = b_.Tuple(Above(start + 1));
  stack_.CutTo(start);
  return b_.edges(args).empty() ? PushInstance(cls, args) : PushCall(cls, args);
}

// copyreg._reconstructor(cls, base, state): base.__new__(cls, state). A dict or list subclass
// gets the items; a named tuple its parts, which its own __new__ takes as arguments. Any other base
// than object would run its __init__.
bool Machine::PushReconstructed(NodeId cls, NodeId base, NodeId state) {
  if (b_.kind(base) != Kind::kGlobal || b_.global(base).module != "builtins") return false;
  const std::string_view name = b_.global(base).name;
  const Kind kind = b_.kind(state);
  const bool plain = name == "object" && kind == Kind::kNone;
  const bool dict = name == "dict" && kind == Kind::kDict;
  const bool list = name == "list" && kind == Kind::kList;
  const bool tuple = name == "tuple" && kind == Kind::kTuple;
  if (!plain && !dict && !list && !tuple) return false;
  if (!PushInstance(cls, tuple ? state : b_.Tuple({}))) return false;
  if (plain || tuple || b_.exhausted()) return true;
  if (b_.kind(stack_.Peek(0)) != Kind::kObject) return false;
  const absl::Span<const NodeId> view = b_.edges(state);
  const std::vector<NodeId> items(view.begin(), view.end());
  b_.Extend(dict ? b_.DictItems(stack_.Peek(0)) : b_.ListItems(stack_.Peek(0)), items);
  return true;
}

bool Machine::OpBuild() {
  NodeId state = graph::kNoNode;
  NodeId target = graph::kNoNode;
  if (!Pop(&state) || !Top(&target)) return false;
  if (b_.Has(target, graph::kFlagBuilt)) {
    return Fail("BUILD_TWICE", "the state of one value is set twice");
  }
  switch (b_.kind(target)) {
    case Kind::kObject:
    case Kind::kCall:
      FreezeParts(state);
      if (!MergeSlots(target, &b_, &budget_, &state)) return CheckBudget();
      if (!LowerNative(target, &state)) return false;
      b_.SetObjectEdge(target, graph::kState, state);
      b_.Mark(target, graph::kFlagBuilt);
      return true;
    case Kind::kOrderedDict:
      if (!torch_.BuildOrderedDict(target, state)) return Take(torch_.failure());
      b_.Mark(target, graph::kFlagBuilt);
      return true;
    case Kind::kPending:
      if (b_.node(target).detail == kWrapperPending) return BuildWrapper(target, state);
      break;
    default:
      break;
  }
  if (!numpy_.Owns(target)) return Fail("STATE_RULE", "BUILD on a value that has no state");
  if (!numpy_.Build(target, state)) return Take(numpy_.failure());
  b_.Mark(target, graph::kFlagBuilt);
  return true;
}

}  // namespace loadlock::pickle
