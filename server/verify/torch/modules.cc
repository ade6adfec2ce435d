#include "server/verify/torch/modules.h"

#include <algorithm>
#include <array>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/verify/findings.h"
#include "server/verify/torch/structure.h"

namespace loadlock::verify::torch {
namespace {

constexpr absl::string_view kBaseAttributes = "torch.nn.modules.module.Module";
constexpr absl::string_view kParameters = "_parameters";
constexpr absl::string_view kBuffers = "_buffers";
constexpr absl::string_view kModules = "_modules";
constexpr absl::string_view kTransient = "_non_persistent_buffers_set";
constexpr absl::string_view kFlatWeights = "_flat_weights";
// The largest published networks have some ten thousand modules.
constexpr uint64_t kMaxWays = 1'000'000;

bool IsHookKey(absl::string_view key) {
  return absl::StartsWith(key, "_") && absl::StrContains(key, "hooks");
}

bool IsPlainKind(v1::NodeKind kind) {
  switch (kind) {
    case v1::NODE_KIND_NONE:
    case v1::NODE_KIND_TRUE:
    case v1::NODE_KIND_FALSE:
    case v1::NODE_KIND_ELLIPSIS:
    case v1::NODE_KIND_INT:
    case v1::NODE_KIND_BIG_INT:
    case v1::NODE_KIND_FLOAT:
    case v1::NODE_KIND_COMPLEX:
    case v1::NODE_KIND_STR:
    case v1::NODE_KIND_BYTES:
    case v1::NODE_KIND_SCALAR:
    case v1::NODE_KIND_DTYPE:
    case v1::NODE_KIND_SET:
    case v1::NODE_KIND_FROZENSET:
    case v1::NODE_KIND_SLICE:
    case v1::NODE_KIND_RANGE:
    case v1::NODE_KIND_TORCH_SIZE:
    case v1::NODE_KIND_TORCH_DEVICE:
    // CheckNames judges whether a name may stand here.
    case v1::NODE_KIND_GLOBAL:
      return true;
    default:
      return IsListKind(kind) || IsTupleKind(kind) || IsDictKind(kind);
  }
}

class ModuleChecker {
 public:
  ModuleChecker(const Scope& scope, const Instance& module)
      : scope_(scope),
        module_(module),
        base_(scope.policy().FindAttributes(kBaseAttributes)),
        listed_(Has(policy::Invariant::kModule)) {}

  verify::Check Run() {
    if (base_ == nullptr) return Broken{"", "the policy does not list the attributes of a module"};
    for (uint32_t i = 0; i < module_.state.size(); ++i) {
      const absl::string_view key = module_.state.str_key(i);
      if (base_->contains(key)) return Broken{key, "it hides an attribute of all modules"};
      if (verify::Check broken = CheckAttribute(key, module_.state.value(i))) return broken;
    }
    for (const absl::string_view part : {kParameters, kBuffers, kModules}) {
      if (verify::Check broken = CheckPart(part)) return broken;
    }
    return std::nullopt;
  }

 private:
  bool Has(policy::Invariant wanted) const {
    const auto invariants = module_.entry->invariants();
    return std::find(invariants.begin(), invariants.end(), wanted) != invariants.end();
  }

  verify::Check CheckAttribute(absl::string_view key, Value value) const {
    if (key == kParameters || key == kBuffers || key == kModules) return std::nullopt;
    if (IsHookKey(key)) return std::nullopt;  // CheckHooks.
    if (key == kTransient) return CheckTransient(value);
    // CheckRecurrent proves that they are the parameters.
    if (key == kFlatWeights && Has(policy::Invariant::kRecurrent)) return std::nullopt;
    if (IsPlain(value)) return std::nullopt;
    return Broken{key, "a module holds plain values, parameters, buffers and modules only"};
  }

  verify::Check CheckTransient(Value value) const {
    const Sequence names(scope_.view(), value);
    const bool set = names.ok() && scope_.view().Is(value, v1::NODE_KIND_SET);
    for (uint32_t i = 0; set && i < names.size(); ++i) {
      if (!scope_.view().Str(names[i])) return Broken{kTransient, "no set of names"};
    }
    if (set) return std::nullopt;
    return Broken{kTransient, "no set of names"};
  }

  // Tensors only in classes whose code nobody read: what torch's own do with one is not known.
  bool IsPlain(Value value) const {
    if (!value.is_node()) return true;
    std::vector<NodeId> stack = {value.index};
    absl::flat_hash_set<NodeId> seen = {value.index};
    while (!stack.empty()) {
      const NodeId id = stack.back();
      stack.pop_back();
      const v1::NodeKind kind = scope_.view().kind(id);
      if (IsTensor(kind) && !listed_) continue;
      if (!IsPlainKind(kind)) return false;
      const Children children = scope_.view().children(id);
      if (!scope_.view().Spend(1 + children.count)) return false;
      for (uint32_t i = 0; i < children.count; ++i) {
        if (children[i] != kAbsent && seen.insert(children[i]).second) stack.push_back(children[i]);
      }
    }
    return true;
  }

  // One of the three dicts of what is registered.
  verify::Check CheckPart(absl::string_view part) {
    const std::optional<Value> value = module_.Get(part);
    if (!value) return Broken{part, "the module is not whole"};
    const Mapping items(scope_.view(), *value);
    if (!items.ok() || !items.str_keys()) return Broken{part, "no dict with keys of str"};
    for (uint32_t i = 0; i < items.size(); ++i) {
      const absl::string_view name = items.str_key(i);
      if (const absl::string_view why = WhyNoName(name); !why.empty()) {
        return Broken{part, absl::StrCat("'", Safe(name), "': ", why)};
      }
      const Value member = items.value(i);
      const bool fits =
          scope_.view().IsNone(member) ||
          (part == kModules ? IsModule(member)
                            : member.is_node() && IsTensor(scope_.view().kind(member.index)));
      if (fits) continue;
      return Broken{part, absl::StrCat("'", Safe(name), "' is no ",
                                       part == kModules ? "listed module" : "tensor")};
    }
    return std::nullopt;
  }

  bool IsModule(Value value) const {
    const std::optional<Instance> child = scope_.InstanceOf(value);
    return child && LooksLikeModule(*child);
  }

  // Looked up after the instance's dict and the class: it must stand in neither.
  absl::string_view WhyNoName(absl::string_view name) {
    if (name.empty() || absl::StrContains(name, '.')) return "no name of a part";
    if (absl::StartsWith(name, "__") || base_->contains(name) || module_.entry->IsForbidden(name)) {
      return "it has the name of an attribute of the class";
    }
    if (module_.Has(name)) return "it stands in the module's own attributes as well";
    return names_.insert(name).second ? "" : "it is registered twice";
  }

  const Scope& scope_;
  const Instance& module_;
  const absl::flat_hash_set<absl::string_view>* const base_;
  const bool listed_;
  absl::flat_hash_set<absl::string_view> names_;
};

}  // namespace

bool LooksLikeModule(const Instance& object) {
  return object.Has(kModules) || object.Has(kParameters);
}

Check CheckHooks(const Scope& scope, const Instance& object) {
  for (uint32_t i = 0; i < object.state.size(); ++i) {
    const absl::string_view key = object.state.str_key(i);
    if (!IsHookKey(key)) continue;
    const Value value = object.state.value(i);
    const Mapping hooks(scope.view(), value);
    if (scope.view().IsNone(value) || (hooks.ok() && hooks.size() == 0)) continue;
    return Broken{key,
                  "hooks are called; remove them before saving (as torch.nn.utils.prune.remove "
                  "does), or save the state_dict()"};
  }
  return std::nullopt;
}

Check CheckModule(const Scope& scope, const Instance& module) {
  if (Check broken = CheckHooks(scope, module)) return broken;
  return ModuleChecker(scope, module).Run();
}

std::optional<Value> ParameterOf(const Scope& scope, const Instance& module,
                                 absl::string_view name) {
  const std::optional<Value> parameters = module.Get(kParameters);
  if (!parameters) return std::nullopt;
  const std::optional<Value> value = Mapping(scope.view(), *parameters).Find(name);
  if (!value || scope.view().IsNone(*value)) return std::nullopt;
  return value;
}

std::optional<Instance> ChildOf(const Scope& scope, const Instance& module,
                                absl::string_view name) {
  const std::optional<Value> modules = module.Get(kModules);
  if (!modules) return std::nullopt;
  const std::optional<Value> value = Mapping(scope.view(), *modules).Find(name);
  return value ? scope.InstanceOf(*value) : std::nullopt;
}

uint64_t ModulePaths::WaysFrom(NodeId root) {
  // Depth first with a stack of its own: a module is left when all its children are known.
  std::vector<NodeId> stack = {root};
  absl::flat_hash_set<NodeId> entered;
  while (!stack.empty()) {
    const NodeId id = stack.back();
    if (known_.contains(id)) {
      stack.pop_back();
      continue;
    }
    const bool back = !entered.insert(id).second;
    const std::optional<Instance> module = scope_.InstanceOf(Value::Node(id));
    const std::optional<Value> children = module ? module->Get(kModules) : std::nullopt;
    uint64_t ways = 1;
    if (children) {
      const Mapping items(scope_.view(), *children);
      for (uint32_t i = 0; i < items.size(); ++i) {
        const Value child = items.value(i);
        if (!scope_.view().Is(child, v1::NODE_KIND_OBJECT)) continue;
        if (!back && !entered.contains(child.index)) stack.push_back(child.index);
        const auto known = known_.find(child.index);
        if (known != known_.end()) ways = std::min(kMaxWays + 1, ways + known->second);
      }
    }
    if (!back) continue;
    known_[id] = ways;
    stack.pop_back();
  }
  return known_[root];
}

Check ModulePaths::CheckWays(const Instance& module) {
  if (WaysFrom(module.node) <= kMaxWays) return std::nullopt;
  return Broken{kModules, "its modules share their children so often that calling it never ends"};
}

}  // namespace loadlock::verify::torch
