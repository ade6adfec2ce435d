#include "server/verify/checks.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/verify/boosters/lightgbm.h"
#include "server/verify/boosters/xgboost.h"
#include "server/verify/hash_cost.h"
#include "server/verify/invariants/invariants.h"
#include "server/verify/invariants/random.h"
#include "server/verify/names.h"
#include "server/verify/schemas/schemas.h"
#include "server/verify/state_rules.h"
#include "server/verify/torch/modules.h"
#include "server/verify/torch/nodes.h"
#include "server/verify/torch/optimizer.h"
#include "server/verify/torch/structure.h"

namespace loadlock::verify {
namespace {

class GraphChecker {
 public:
  GraphChecker(const Scope& scope, Findings* findings, std::vector<Edit>* edits)
      : scope_(scope),
        view_(scope.view()),
        findings_(findings),
        states_(&scope, findings, edits),
        torch_(&scope, findings),
        module_paths_(&scope),
        hash_cost_(&scope) {}

  void Check() {
    for (NodeId id = 0; id < view_.size() && !view_.exhausted(); ++id) {
      if (scope_.topology().dropped[id] != 0) continue;
      switch (view_.kind(id)) {
        case v1::NODE_KIND_OBJECT:
          CheckObject(id);
          break;
        case v1::NODE_KIND_CALL:
          CheckCalled(id);
          break;
        case v1::NODE_KIND_BIT_GENERATOR:
          Report(id, "INVARIANT_RANDOM", "", CheckBitGenerator(scope_, id));
          break;
        case v1::NODE_KIND_SET:
        case v1::NODE_KIND_FROZENSET:
          CheckHashed(id, 0, 1);
          break;
        case v1::NODE_KIND_DICT:
        case v1::NODE_KIND_ORDERED_DICT:
          CheckHashed(id, 0, 2);
          CheckGroups(id);
          break;
        case v1::NODE_KIND_STATE_DICT:
          // The metadata stand before the items.
          CheckHashed(id, 1, 2);
          CheckGroups(id);
          torch_.CheckNode(id);
          break;
        case v1::NODE_KIND_DICT_STR:
          CheckGroups(id);
          break;
        default:
          if (torch::IsTorchKind(view_.kind(id))) torch_.CheckNode(id);
          break;
      }
    }
  }

 private:
  bool Report(NodeId id, absl::string_view rule, absl::string_view name,
              const verify::Check& broken) {
    if (!broken) return true;
    findings_->Error(id, {rule, broken->message, broken->key, std::string(name), ""});
    return false;
  }

  void CheckObject(NodeId id) {
    const std::optional<Instance> object = scope_.InstanceOf(Value::Node(id));
    // Classes that are not listed, or not as classes, have their finding from CheckNames.
    if (!object) return;
    switch (object->entry->trust()) {
      case v1::TRUST_NEW_DICT:
      case v1::TRUST_NEW_SETSTATE:
      case v1::TRUST_REWRITTEN:
        break;
      case v1::TRUST_BY_NAME_AND_PARAMS:
        Report(id, absl::StrCat("INVARIANT_", policy::Name(object->entry->schema())),
               object->entry->name(), CheckByName(scope_, *object));
        states_.Drop(*object);
        return;
      default:
        return;
    }
    if (!states_.Check(*object)) return;
    const policy::Schema schema = object->entry->schema();
    if (schema == policy::Schema::kXgboost || schema == policy::Schema::kLightgbm) {
      Report(id, absl::StrCat("INVARIANT_", policy::Name(schema)), object->entry->name(),
             schema == policy::Schema::kXgboost ? CheckXgboost(scope_, *object)
                                                : CheckLightgbm(scope_, *object));
    }
    CheckAsModule(*object);
    for (const policy::Invariant invariant : object->entry->invariants()) {
      Report(id, absl::StrCat("INVARIANT_", policy::Name(invariant)), object->entry->name(),
             CheckInvariant(scope_, *object, invariant));
    }
  }

  // A class that a person listed with one line is a module as well, if it looks like one.
  void CheckAsModule(const Instance& object) {
    if (!torch::LooksLikeModule(object)) return;
    const auto invariants = object.entry->invariants();
    const absl::string_view rule = "INVARIANT_MODULE";
    const std::string& name = object.entry->name();
    if (std::find(invariants.begin(), invariants.end(), policy::Invariant::kModule) ==
        invariants.end()) {
      Report(object.node, rule, name, torch::CheckModule(scope_, object));
    }
    Report(object.node, rule, name, module_paths_.CheckWays(object));
  }

  void CheckCalled(NodeId id) {
    const policy::CompiledEntry* entry = scope_.EntryOfInstance(id);
    if (entry == nullptr || entry->trust() != v1::TRUST_FACTORY) return;
    const bool tree = entry->schema() == policy::Schema::kTree;
    Report(id, tree ? "INVARIANT_TREE" : "SCHEMA", entry->name(), CheckCall(scope_, id));
  }

  // What an optimizer's load_state_dict() takes, wherever it stands.
  void CheckGroups(NodeId id) {
    Report(id, "INVARIANT_OPTIMIZER", "", torch::CheckSavedOptimizer(scope_, id));
  }

  // Members of a set and keys of a dict are hashed and compared: never instances, whose
  // methods those would be.
  void CheckHashed(NodeId id, size_t first, uint32_t stride) {
    const absl::Span<const uint32_t> operands = view_.operands(id).subspan(first);
    for (size_t i = 0; i < operands.size(); i += stride) {
      if (!IsHashable(operands[i])) {
        findings_->Error(id, {"STATE_RULE", "a key or member is no plain value", "", "", ""});
        return;
      }
    }
    const auto kind = stride == 2 ? HashTable::Kind::kDict : HashTable::Kind::kSet;
    if (hash_cost_.Collide(operands, stride, kind)) {
      findings_->Error(id, {"HASH_COLLISIONS",
                            "so many keys or members collide that Python would "
                            "compare each with each",
                            "", "", ""});
    }
  }

  bool IsHashable(NodeId id) const {
    switch (scope_.KindOf(Value::Node(id))) {
      case v1::VALUE_KIND_NONE:
      case v1::VALUE_KIND_BOOL:
      case v1::VALUE_KIND_INT:
      case v1::VALUE_KIND_FLOAT:
      case v1::VALUE_KIND_STR:
      case v1::VALUE_KIND_BYTES:
        return true;
      case v1::VALUE_KIND_TUPLE:
        return scope_.topology().holds_instance[id] == 0;
      case v1::VALUE_KIND_SET:
        return view_.kind(id) == v1::NODE_KIND_FROZENSET &&
               scope_.topology().holds_instance[id] == 0;
      default:
        // A tensor is hashed and compared by its identity.
        return torch::IsTensor(view_.kind(id)) || view_.kind(id) == v1::NODE_KIND_COMPLEX ||
               view_.kind(id) == v1::NODE_KIND_ELLIPSIS || view_.kind(id) == v1::NODE_KIND_SCALAR;
    }
  }

  const Scope& scope_;
  const View& view_;
  Findings* findings_;
  StateChecker states_;
  torch::NodeChecker torch_;
  torch::ModulePaths module_paths_;
  HashCost hash_cost_;
};

}  // namespace

void CheckGraph(const Scope& scope, const Caps& caps, const StateEdges& edges, Findings* findings,
                std::vector<Edit>* edits) {
  if (scope.topology().depth > caps.max_depth) {
    findings->Error(
        scope.view().root(),
        {"BUDGET_DEPTH", absl::StrCat("the object tree is deeper than ", caps.max_depth, " levels"),
         "", "", ""});
  }
  for (const NodeId id : scope.topology().bad_cycles) {
    findings->Error(id, {"OBJECT_CYCLE", "an object contains itself", "", "", ""});
  }
  CheckNames(scope, edges, findings);
  GraphChecker(scope, findings, edits).Check();
}

}  // namespace loadlock::verify
