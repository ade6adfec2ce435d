#include "sandbox/decoders/torch/lowering.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sandbox/decoders/torch/strided.h"

namespace loadlock::torch {
namespace {

using graph::Kind;

struct Entry {
  std::string_view module;
  std::string_view name;
  Factory factory;
};

constexpr Entry kFactories[] = {
    {"torch._utils", "_rebuild_tensor_v2", Factory::kTensorV2},
    {"torch._utils", "_rebuild_tensor_v3", Factory::kTensorV3},
    {"torch._utils", "_rebuild_tensor", Factory::kTensor},
    {"torch._utils", "_rebuild_parameter", Factory::kParameter},
    {"torch._utils", "_rebuild_parameter_with_state", Factory::kParameterWithState},
    {"torch._utils", "_rebuild_sparse_tensor", Factory::kSparse},
    {"torch._utils", "_rebuild_sparse_csr_tensor", Factory::kSparse},
    {"torch._utils", "_rebuild_qtensor", Factory::kQuantized},
    {"torch._utils", "_rebuild_meta_tensor_no_storage", Factory::kMeta},
    {"torch._utils", "_rebuild_device_tensor_from_numpy", Factory::kDevice},
    {"torch._utils", "_rebuild_device_tensor_from_cpu_tensor", Factory::kDevice},
    {"torch._utils", "_rebuild_xla_tensor", Factory::kDevice},
    {"torch._tensor", "_rebuild_from_type_v2", Factory::kFromType},
    {"torch", "Size", Factory::kSize},
    {"torch", "device", Factory::kTorchDevice},
    {"torch.serialization", "_get_layout", Factory::kLayout},
    {"torch.storage", "_load_from_bytes", Factory::kLoadFromBytes},
};

// Names that _get_layout looks up.
constexpr std::string_view kLayouts[] = {"strided",    "sparse_coo", "sparse_csr", "sparse_csc",
                                         "sparse_bsr", "sparse_bsc", "jagged",     "_mkldnn"};

constexpr std::string_view kDeviceTypes[] = {"cpu", "cuda", "mps", "meta", "xpu"};
// Larger ones wrap around in torch.
constexpr int64_t kMaxDeviceIndex = 127;

bool IsPlain(Kind kind) {
  return kind == Kind::kNone || kind == Kind::kTrue || kind == Kind::kFalse || kind == Kind::kInt ||
         kind == Kind::kFloat || kind == Kind::kStr;
}

bool IsDict(Kind kind) { return kind == Kind::kDict || kind == Kind::kOrderedDict; }

}  // namespace

Factory FindFactory(std::string_view module, std::string_view name) {
  if (!module.starts_with("torch")) return Factory::kNone;
  const auto* found = std::find_if(
      std::begin(kFactories), std::end(kFactories),
      [&](const Entry& entry) { return entry.name == name && entry.module == module; });
  return found == std::end(kFactories) ? Factory::kNone : found->factory;
}

bool IsParameterClass(const graph::GlobalUse& use) {
  return use.module == "torch.nn.parameter" && use.name == "Parameter";
}

graph::NodeId Lowering::Fail(const char* rule, std::string message) {
  failure_ = {rule, std::move(message)};
  return graph::kNoNode;
}

graph::NodeId Lowering::Unwritten() {
  return Fail("SCHEMA", "it is called with other arguments than torch writes");
}

graph::NodeId Lowering::Call(Factory factory, absl::Span<const NodeId> args_view) {
  // The builder's edges move while nodes are added.
  const std::vector<NodeId> args(args_view.begin(), args_view.end());
  switch (factory) {
    case Factory::kTensor:
    case Factory::kTensorV2:
      return Tensor(args, factory == Factory::kTensor ? 4 : 7, nullptr);
    case Factory::kTensorV3:
      return TensorV3(args);
    case Factory::kParameter:
    case Factory::kParameterWithState:
      return Parameter(args, factory == Factory::kParameterWithState);
    case Factory::kSparse:
      return Sparse(args);
    case Factory::kQuantized:
      return Quantized(args);
    case Factory::kMeta:
      return Meta(args);
    case Factory::kDevice:
      return Device(args);
    case Factory::kFromType:
      return FromType(args);
    case Factory::kSize:
      return Size(args);
    case Factory::kTorchDevice:
      return TorchDevice(args);
    case Factory::kLayout:
      return Layout(args);
    case Factory::kLoadFromBytes:
    case Factory::kNone:
      break;
  }
  return Unwritten();
}

bool Lowering::ReadInts(NodeId node, std::vector<int64_t>* out) {
  if (b_.kind(node) == Kind::kTorchSize) {
    const absl::Span<const int64_t> sizes = b_.geometry(node);
    out->insert(out->end(), sizes.begin(), sizes.end());
    return true;
  }
  if ((b_.kind(node) != Kind::kTuple && b_.kind(node) != Kind::kList) ||
      b_.edges(node).size() > kMaxRank) {
    return Refuse("ARRAY_BOUNDS", "sizes or strides are not at most 64 ints");
  }
  for (const NodeId part : b_.edges(node)) {
    if (b_.kind(part) != Kind::kInt || b_.int_value(part) < 0) {
      return Refuse("ARRAY_BOUNDS", "a size or a stride is not an int from 0 to 2^63 - 1");
    }
    out->push_back(b_.int_value(part));
  }
  return true;
}

bool Lowering::ReadBool(NodeId node, bool* out) const {
  *out = b_.kind(node) == Kind::kTrue;
  return *out || b_.kind(node) == Kind::kFalse;
}

bool Lowering::NoHooks(NodeId hooks) {
  if (b_.kind(hooks) != Kind::kOrderedDict || !b_.edges(hooks).empty()) {
    return Refuse("SCHEMA", "a tensor has hooks, which torch calls; save it without them");
  }
  b_.Mark(hooks, graph::kFlagFrozen);
  return true;
}

bool Lowering::IsTorchName(NodeId node, std::string_view name) const {
  return b_.kind(node) == Kind::kGlobal && b_.global(node).module == "torch" &&
         b_.global(node).name == name;
}

const Dtype* Lowering::DtypeOf(NodeId node) const {
  if (b_.kind(node) != Kind::kGlobal || b_.global(node).module != "torch") return nullptr;
  return FindDtype(b_.global(node).name);
}

bool Lowering::IsTensor(NodeId node) const {
  const Kind kind = b_.kind(node);
  return kind == Kind::kTensor || kind == Kind::kSparseTensor || kind == Kind::kQuantizedTensor ||
         kind == Kind::kChannelQuantizedTensor;
}

const Dtype& Lowering::ElementsOf(NodeId tensor) const {
  const graph::TensorInfo* info = &b_.tensor(tensor);
  if (b_.kind(tensor) == Kind::kSparseTensor) info = &b_.tensor(info->parts[info->part_count - 1]);
  return *FindDtype(info->type);
}

absl::Span<const int64_t> Lowering::Sizes(NodeId tensor) const {
  const bool sparse = b_.kind(tensor) == Kind::kSparseTensor;
  return b_.geometry(tensor).subspan(sparse ? 0 : 1, b_.tensor(tensor).rank);
}

// torch.Size((1, 2))
graph::NodeId Lowering::Size(absl::Span<const NodeId> args) {
  if (args.size() != 1) return Unwritten();
  geometry_.clear();
  return ReadInts(args[0], &geometry_) ? b_.TorchSize(geometry_) : graph::kNoNode;
}

// torch.device(type[, index])
graph::NodeId Lowering::TorchDevice(absl::Span<const NodeId> args) {
  if (args.empty() || args.size() > 2 || b_.kind(args[0]) != Kind::kStr) return Unwritten();
  const auto* type = std::find(std::begin(kDeviceTypes), std::end(kDeviceTypes), b_.text(args[0]));
  if (type == std::end(kDeviceTypes)) {
    return Fail("SCHEMA", absl::StrCat("the device '", graph::Quote(b_.text(args[0])),
                                       "' is not cpu, cuda, mps, meta or xpu"));
  }
  if (args.size() == 1) return b_.TorchDevice(*type, graph::Builder::kNoDeviceIndex);
  if (b_.kind(args[1]) != Kind::kInt || b_.int_value(args[1]) < 0 ||
      b_.int_value(args[1]) > kMaxDeviceIndex) {
    return Fail("SCHEMA", "the index of a device is not an int from 0 to 127");
  }
  return b_.TorchDevice(*type, static_cast<uint16_t>(b_.int_value(args[1])));
}

// _get_layout('torch.sparse_coo'): the layout of that name.
graph::NodeId Lowering::Layout(absl::Span<const NodeId> args) {
  if (args.size() != 1 || b_.kind(args[0]) != Kind::kStr) return Unwritten();
  std::string_view name = b_.text(args[0]);
  constexpr std::string_view kPrefix = "torch.";
  if (name.starts_with(kPrefix)) {
    name.remove_prefix(kPrefix.size());
    const auto* layout = std::find(std::begin(kLayouts), std::end(kLayouts), name);
    if (layout != std::end(kLayouts)) return b_.Global("torch", *layout);
  }
  return Fail("SCHEMA", "it is called with a text that names no layout");
}

// Of all modules by name (depth 0), of one, or of one hook of it, as spectral_norm keeps its
// version: dicts with text as keys, whose values are plain but for those of depth 0, which are
// dicts.
bool Lowering::IsMetadata(NodeId node, NodeId owner, int depth) {
  constexpr int kHook = 2;
  if (node == owner || !IsDict(b_.kind(node))) return false;
  b_.Mark(node, graph::kFlagFrozen);
  const absl::Span<const NodeId> items = b_.edges(node);
  for (size_t i = 0; i < items.size(); i += 2) {
    // Dicts may share their parts.
    if (!b_.budget()->ChargeWork(1) || b_.kind(items[i]) != Kind::kStr) return false;
    if (depth > 0 && IsPlain(b_.kind(items[i + 1]))) continue;
    if (depth == kHook || !IsMetadata(items[i + 1], owner, depth + 1)) return false;
  }
  return true;
}

bool Lowering::BuildOrderedDict(NodeId dict, NodeId state) {
  if (b_.kind(state) != Kind::kDict || b_.edges(state).size() != 2 ||
      b_.kind(b_.edges(state)[0]) != Kind::kStr || b_.text(b_.edges(state)[0]) != "_metadata") {
    return Refuse("STATE_RULE",
                  "an OrderedDict is given attributes; only _metadata, which state_dict() adds, "
                  "is taken");
  }
  const NodeId metadata = b_.edges(state)[1];
  if (!IsMetadata(metadata, dict, 0)) {
    return Refuse("STATE_RULE", "the _metadata of a state dict are not dicts of plain values");
  }
  b_.Mark(state, graph::kFlagFrozen);
  b_.SetMetadata(dict, metadata);
  return true;
}

}  // namespace loadlock::torch
