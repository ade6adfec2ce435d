#include "server/verify/dropped_names.h"

#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace loadlock::verify {
namespace {

class DroppedNames {
 public:
  DroppedNames(const Scope& scope, Findings* findings) : scope_(scope), findings_(findings) {}

  void Check(const StateEdge& edge) {
    std::vector<NodeId> stack;
    absl::flat_hash_set<NodeId> seen;
    Visit(edge, edge.state, edge.value, false, &stack, &seen);
    while (!stack.empty()) {
      const NodeId id = stack.back();
      stack.pop_back();
      const bool instance = scope_.view().kind(id) == v1::NODE_KIND_OBJECT ||
                            scope_.view().kind(id) == v1::NODE_KIND_CALL;
      const Children children = scope_.view().children(id);
      if (!scope_.view().Spend(1 + children.count)) return;
      for (uint32_t i = 0; i < children.count; ++i) {
        if (children[i] != kAbsent) {
          Visit(edge, id, children[i], instance && i == 0, &stack, &seen);
        }
      }
    }
  }

 private:
  void Visit(const StateEdge& edge, NodeId parent, NodeId child, bool used,
             std::vector<NodeId>* stack, absl::flat_hash_set<NodeId>* seen) {
    if (scope_.view().kind(child) == v1::NODE_KIND_GLOBAL) {
      CheckName(edge, parent, child, used);
    } else if (scope_.topology().dropped[child] != 0 && seen->insert(child).second) {
      // What is not left out is judged where it stands.
      stack->push_back(child);
    }
  }

  // Made or called, which nobody will do, but as a library writes it.
  bool MayBeUsed(NodeId user, const policy::CompiledEntry& entry) const {
    if (scope_.view().kind(user) == v1::NODE_KIND_OBJECT) {
      return entry.trust() == v1::TRUST_NEW_DICT || entry.trust() == v1::TRUST_NEW_SETSTATE ||
             entry.trust() == v1::TRUST_BY_NAME_AND_PARAMS;
    }
    return entry.trust() == v1::TRUST_FACTORY && entry.schema() != policy::Schema::kLowered;
  }

  // getattr(object, name), as a bound method is pickled, or getattr(its class, name), as a function
  // of the class: a plain name of one attribute.
  bool IsPlain(const StateEdge& edge, NodeId user) const {
    if (scope_.view().kind(user) != v1::NODE_KIND_CALL) return true;
    const Sequence args(scope_.view(), Value::Node(scope_.view().operands(user)[1]));
    if (args.size() != 2) return false;
    const auto text = scope_.view().Str(args[1]);
    const bool own_class = scope_.view().Is(args[0], v1::NODE_KIND_GLOBAL) &&
                           scope_.EntryOfGlobal(args[0].index) == edge.entry;
    return (own_class || scope_.view().Is(args[0], v1::NODE_KIND_OBJECT)) && text &&
           !absl::StartsWith(*text, "__") && !absl::StrContains(*text, '.');
  }

  void CheckName(const StateEdge& edge, NodeId parent, NodeId global, bool used) {
    const policy::CompiledEntry* entry = scope_.EntryOfGlobal(global);
    const std::string& cls = edge.entry->name();
    if (entry != nullptr && entry->MayStandAnywhere() && !used) return;
    if (entry != nullptr && entry->MayStandAt(cls, edge.key) && (!used || IsPlain(edge, parent))) {
      return;
    }
    // The class of the object itself, of which getattr takes a function.
    if (entry == edge.entry && !used) return;
    if (entry != nullptr && used && MayBeUsed(parent, *entry)) return;
    const std::string name = scope_.view().FullName(global);
    if (!reported_.insert(name).second) return;
    findings_->Error(edge.object,
                     {entry == nullptr ? "NAME_NOT_LISTED" : "NAME_NOT_HERE",
                      absl::StrCat(Safe(name), " stands in '", Safe(edge.key),
                                   "', which is left out at loading and yet may not name it"),
                      edge.key, name, ""});
  }

  const Scope& scope_;
  Findings* findings_;
  absl::flat_hash_set<std::string> reported_;
};

}  // namespace

void CheckDroppedNames(const Scope& scope, const StateEdges& edges, Findings* findings) {
  DroppedNames names(scope, findings);
  for (const StateEdge& edge : edges.dropped()) names.Check(edge);
}

}  // namespace loadlock::verify
