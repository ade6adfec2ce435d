// What torch makes of a tensor by giving it a class or attributes.
#include <string_view>

#include "absl/strings/str_cat.h"
#include "sandbox/decoders/torch/lowering.h"

namespace loadlock::torch {
namespace {

using graph::Kind;
using graph::TensorInfo;

// The one attribute with a leading underscore that torch itself sets by way of __dict__: it marks a
// torch.nn.Buffer.
constexpr std::string_view kIsBuffer = "_is_buffer";

}  // namespace

bool Lowering::ReadState(NodeId* state) {
  if (b_.kind(*state) == Kind::kNone) {
    *state = graph::kNoNode;
    return true;
  }
  if (b_.kind(*state) != Kind::kDict) {
    return Refuse("SCHEMA", "the attributes of a tensor are no dict");
  }
  b_.Mark(*state, graph::kFlagFrozen);
  const absl::Span<const NodeId> items = b_.edges(*state);
  for (size_t i = 0; i < items.size(); i += 2) {
    if (b_.kind(items[i]) != Kind::kStr) {
      return Refuse("SCHEMA", "the name of an attribute of a tensor is not a text");
    }
    const std::string_view name = b_.text(items[i]);
    bool flag = false;
    const bool buffer = name == kIsBuffer && ReadBool(items[i + 1], &flag);
    if (name.empty() || (name[0] == '_' && !buffer)) {
      return Refuse("STATE_RULE", absl::StrCat("a tensor is given the attribute '",
                                               graph::Quote(name), "', which is torch's own"));
    }
  }
  if (items.empty()) *state = graph::kNoNode;
  return true;
}

graph::NodeId Lowering::MakeParameter(NodeId tensor, NodeId requires_grad, NodeId state) {
  if (!IsTensor(tensor)) return Fail("SCHEMA", "a Parameter is made of what is no tensor");
  uint8_t flags = 0;
  if (!ReadFlags(requires_grad, graph::kNoNode, ElementsOf(tensor), &flags)) return graph::kNoNode;
  return b_.Parameter(tensor, flags != 0, state);
}

// (data, requires_grad, hooks[, state])
graph::NodeId Lowering::Parameter(absl::Span<const NodeId> args, bool with_state) {
  if (args.size() != (with_state ? 4 : 3)) return Unwritten();
  NodeId state = with_state ? args[3] : graph::kNoNode;
  if (!NoHooks(args[2]) || (with_state && !ReadState(&state))) return graph::kNoNode;
  return MakeParameter(args[0], args[1], state);
}

graph::NodeId Lowering::NewParameter(absl::Span<const NodeId> args) {
  if (args.size() != 2) return Unwritten();
  return MakeParameter(args[0], args[1], graph::kNoNode);
}

// (func, class, args, state): func(*args) as an instance of the class, with attributes. It would
// call whatever is listed, so only what makes tensors is taken.
graph::NodeId Lowering::FromType(absl::Span<const NodeId> args) {
  if (args.size() != 4 || b_.kind(args[0]) != Kind::kGlobal || b_.kind(args[1]) != Kind::kGlobal ||
      b_.kind(args[2]) != Kind::kTuple) {
    return Unwritten();
  }
  const Factory factory = FindFactory(b_.global(args[0]).module, b_.global(args[0]).name);
  if (factory != Factory::kTensorV2 && factory != Factory::kTensorV3 &&
      factory != Factory::kParameter) {
    return Fail("SCHEMA", "it is given a function that does not make a tensor");
  }
  const graph::GlobalUse& cls = b_.global(args[1]);
  const bool plain =
      (cls.module == "torch" || cls.module == "torch._tensor") && cls.name == "Tensor";
  const bool parameter = IsParameterClass(cls);
  if (!plain && !parameter) {
    return Fail("SCHEMA", absl::StrCat("tensors of the class ", graph::Quote(cls.module), ".",
                                       graph::Quote(cls.name), " are not read"));
  }
  if (plain && factory == Factory::kParameter) return Unwritten();
  NodeId state = args[3];
  if (!ReadState(&state)) return graph::kNoNode;
  const NodeId value = Call(factory, b_.edges(args[2]));
  if (value == graph::kNoNode || b_.exhausted()) return graph::kNoNode;
  if (parameter) {
    const bool wrapped = b_.kind(value) == Kind::kParameter;
    const NodeId data = wrapped ? b_.edges(value)[0] : value;
    const bool grad = wrapped ? b_.node(value).detail != 0
                              : (b_.tensor(value).flags & TensorInfo::kRequiresGrad) != 0;
    return b_.Parameter(data, grad, state);
  }
  return state == graph::kNoNode ? value : b_.TensorWithState(value, state);
}

}  // namespace loadlock::torch
