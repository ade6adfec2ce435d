#include "server/verify/torch/layers.h"

#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/verify/torch/modules.h"
#include "server/verify/torch/tensor.h"

namespace loadlock::verify::torch {
namespace {

constexpr int64_t kMaxWidth = int64_t{1} << 24;
constexpr absl::string_view kAttention = "torch.nn.modules.activation.MultiheadAttention";
constexpr absl::string_view kModuleList = "torch.nn.modules.container.ModuleList";

std::optional<int64_t> PositiveOf(const Scope& scope, const Instance& module,
                                  absl::string_view key) {
  const std::optional<Value> value = module.Get(key);
  const std::optional<int64_t> number = value ? scope.Int(*value) : std::nullopt;
  return number && *number >= 1 && *number <= kMaxWidth ? number : std::nullopt;
}

// The parameter has the shape, or is None or missing if it may be.
bool HasShape(const Scope& scope, const Instance& module, absl::string_view name,
              absl::Span<const int64_t> shape, bool may_be_none) {
  const std::optional<Value> value = ParameterOf(scope, module, name);
  if (!value) return may_be_none;
  const std::optional<Facts> facts = FactsOf(scope, *value);
  return facts && facts->kind == v1::NODE_KIND_TENSOR && facts->HasShape(shape);
}

bool IsOfClass(const Scope& scope, const Instance& module, absl::string_view child,
               absl::string_view class_name) {
  const std::optional<Instance> found = ChildOf(scope, module, child);
  return found && found->entry->name() == class_name;
}

// `layers` is a ModuleList of `layer`s, as many as num_layers.
Check CheckStack(const Scope& scope, const Instance& module, absl::string_view layer) {
  const std::optional<Instance> list = ChildOf(scope, module, "layers");
  if (!list || list->entry->name() != kModuleList) {
    return Broken{"_modules", "layers is no ModuleList"};
  }
  const std::optional<Value> modules = list->Get("_modules");
  const std::optional<Value> count = module.Get("num_layers");
  if (!modules || !count) return Broken{"num_layers", "the number of layers is missing"};
  const Mapping layers(scope.view(), *modules);
  if (scope.Int(*count) != int64_t{layers.size()}) {
    return Broken{"num_layers", "it is not the number of layers"};
  }
  for (uint32_t i = 0; i < layers.size(); ++i) {
    const std::optional<Instance> each = scope.InstanceOf(layers.value(i));
    if (!each || !absl::EndsWith(each->entry->name(), layer)) {
      return Broken{"_modules", "a layer is of another class"};
    }
  }
  return std::nullopt;
}

// Names of what a container of parameters may count: registered, or attributes of its own.
absl::flat_hash_set<absl::string_view> MembersOf(const Scope& scope, const Instance& module) {
  absl::flat_hash_set<absl::string_view> names;
  for (uint32_t i = 0; i < module.state.size(); ++i) names.insert(module.state.str_key(i));
  const std::optional<Value> value = module.Get("_parameters");
  if (!value) return names;
  const Mapping parameters(scope.view(), *value);
  for (uint32_t i = 0; i < parameters.size() && parameters.str_keys(); ++i) {
    if (!scope.view().IsNone(parameters.value(i))) names.insert(parameters.str_key(i));
  }
  return names;
}

}  // namespace

Check CheckAttention(const Scope& scope, const Instance& module) {
  const auto width = PositiveOf(scope, module, "embed_dim");
  const auto heads = PositiveOf(scope, module, "num_heads");
  const auto each = PositiveOf(scope, module, "head_dim");
  if (!width || !heads || !each || *heads * *each != *width) {
    return Broken{"num_heads", "embed_dim is not num_heads times head_dim, all at least 1"};
  }
  const std::optional<Value> value = module.Get("_qkv_same_embed_dim");
  const std::optional<bool> same = value ? scope.Bool(*value) : std::nullopt;
  if (!same) return Broken{"_qkv_same_embed_dim", "it is missing"};
  const auto keys = module.Has("kdim") ? PositiveOf(scope, module, "kdim") : width;
  const auto values = module.Has("vdim") ? PositiveOf(scope, module, "vdim") : width;
  if (!keys || !values || (*same && (keys != width || values != width))) {
    return Broken{"kdim", "the widths of keys and values do not fit"};
  }
  const bool joint = ParameterOf(scope, module, "in_proj_weight").has_value();
  bool split = false;
  for (const absl::string_view name : {"q_proj_weight", "k_proj_weight", "v_proj_weight"}) {
    split = split || ParameterOf(scope, module, name).has_value();
  }
  const bool weights =
      *same ? joint && !split &&
                  HasShape(scope, module, "in_proj_weight", {3 * *width, *width}, false)
            : !joint && HasShape(scope, module, "q_proj_weight", {*width, *width}, false) &&
                  HasShape(scope, module, "k_proj_weight", {*width, *keys}, false) &&
                  HasShape(scope, module, "v_proj_weight", {*width, *values}, false);
  if (!weights || !HasShape(scope, module, "in_proj_bias", {3 * *width}, true) ||
      !HasShape(scope, module, "bias_k", {1, 1, *width}, true) ||
      !HasShape(scope, module, "bias_v", {1, 1, *width}, true)) {
    return Broken{"_parameters", "a projection is missing or of another shape than embed_dim says"};
  }
  const std::optional<Instance> out = ChildOf(scope, module, "out_proj");
  if (!out || !absl::StartsWith(out->entry->name(), "torch.nn.modules.linear.") ||
      !HasShape(scope, *out, "weight", {*width, *width}, false) ||
      !HasShape(scope, *out, "bias", {*width}, true)) {
    return Broken{"_modules", "out_proj is no linear layer of embed_dim by embed_dim"};
  }
  return std::nullopt;
}

Check CheckTransformer(const Scope& scope, const Instance& module) {
  const absl::string_view cls = module.entry->attribute();
  if (cls == "TransformerEncoder") return CheckStack(scope, module, ".TransformerEncoderLayer");
  if (cls == "TransformerDecoder") return CheckStack(scope, module, ".TransformerDecoderLayer");
  if (cls == "Transformer") {
    for (const absl::string_view child : {"encoder", "decoder"}) {
      if (!ChildOf(scope, module, child)) {
        return Broken{"_modules", absl::StrCat(child, " is missing")};
      }
    }
    return std::nullopt;
  }
  if (!IsOfClass(scope, module, "self_attn", kAttention) ||
      (cls == "TransformerDecoderLayer" &&
       !IsOfClass(scope, module, "multihead_attn", kAttention))) {
    return Broken{"_modules", "the attention of a layer is no MultiheadAttention"};
  }
  for (const absl::string_view child : {"linear1", "linear2"}) {
    if (!IsOfClass(scope, module, child, "torch.nn.modules.linear.Linear")) {
      return Broken{"_modules", absl::StrCat(child, " is no Linear")};
    }
  }
  // A function at its one place, or a module that is registered under that name.
  const bool registered = ChildOf(scope, module, "activation").has_value();
  const std::optional<Value> function = module.Get("activation");
  const policy::CompiledEntry* entry = function && scope.view().Is(*function, v1::NODE_KIND_GLOBAL)
                                           ? scope.EntryOfGlobal(function->index)
                                           : nullptr;
  // Names that may stand anywhere are no functions.
  const bool named = entry != nullptr && !entry->MayStandAnywhere();
  if (named == registered) return Broken{"activation", "it is neither a function nor a module"};
  return std::nullopt;
}

Check CheckParameterContainer(const Scope& scope, const Instance& module) {
  const absl::flat_hash_set<absl::string_view> members = MembersOf(scope, module);
  if (const std::optional<Value> size = module.Get("_size")) {
    const std::optional<int64_t> count = scope.Int(*size);
    if (!count || *count < 0 || static_cast<uint64_t>(*count) > members.size()) {
      return Broken{"_size", "there are fewer members"};
    }
    for (int64_t i = 0; i < *count; ++i) {
      if (!members.contains(absl::StrCat(i))) {
        return Broken{"_size", absl::StrCat("member ", i, " is missing")};
      }
    }
  }
  const std::optional<Value> keys = module.Get("_keys");
  if (!keys) return std::nullopt;
  const Mapping names(scope.view(), *keys);
  if (!names.ok() || !names.str_keys()) return Broken{"_keys", "no dict of names"};
  for (uint32_t i = 0; i < names.size(); ++i) {
    if (!members.contains(names.str_key(i))) return Broken{"_keys", "a member is missing"};
  }
  return std::nullopt;
}

Check CheckNoTensors(const Scope& scope, const Instance& module) {
  for (const absl::string_view part : {"_parameters", "_buffers"}) {
    const std::optional<Value> value = module.Get(part);
    if (!value) continue;
    const Mapping items(scope.view(), *value);
    for (uint32_t i = 0; i < items.size(); ++i) {
      if (!scope.view().IsNone(items.value(i))) {
        return Broken{part, "torch reads the tensor of this module past its end"};
      }
    }
  }
  return std::nullopt;
}

}  // namespace loadlock::verify::torch
