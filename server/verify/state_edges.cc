#include "server/verify/state_edges.h"

#include <algorithm>

namespace loadlock::verify {
namespace {

bool IsApart(const policy::CompiledRule& rule) {
  return rule.proto->drop() || rule.back || rule.force.has_value();
}

}  // namespace

StateEdges::StateEdges(const View& view, const policy::CompiledPolicy& policy) {
  std::vector<const policy::CompiledEntry*> entries;
  for (const v1::Global& global : view.graph().globals()) {
    const policy::CompiledEntry* entry = policy.Find(global.module(), global.name());
    const bool apart =
        entry != nullptr && std::any_of(entry->rules().begin(), entry->rules().end(), IsApart);
    entries.push_back(apart ? entry : nullptr);
  }
  for (NodeId id = 0; id < view.size(); ++id) {
    if (view.kind(id) != v1::NODE_KIND_OBJECT) continue;
    const policy::CompiledEntry* entry = entries[view.global_index(view.operands(id)[0])];
    if (entry != nullptr) AddObject(view, id, *entry);
  }
}

void StateEdges::AddObject(const View& view, NodeId object, const policy::CompiledEntry& entry) {
  const NodeId state = view.operands(object)[2];
  if (state == kAbsent) return;
  const Mapping attributes(view, Value::Node(state));
  if (!attributes.ok() || !attributes.str_keys()) return;
  const bool pairs = view.kind(state) != v1::NODE_KIND_DICT_STR;
  for (uint32_t i = 0; i < attributes.size(); ++i) {
    const absl::string_view key = attributes.str_key(i);
    const policy::CompiledRule* rule = entry.FindRule(key);
    const Value value = attributes.value(i);
    if (rule == nullptr || !IsApart(*rule) || !value.is_node()) continue;
    const uint32_t place = pairs ? 2 * i + 1 : i;
    // An instance is never the forced value, which takes its place.
    const v1::NodeKind kind = view.kind(value.index);
    const bool replaced =
        rule->force.has_value() && (kind == v1::NODE_KIND_OBJECT || kind == v1::NODE_KIND_CALL);
    if (rule->proto->drop() || replaced) {
      kinds_[Key(state, place)] = Kind::kDropped;
      dropped_.push_back({object, state, place, value.index, &entry, key});
    } else if (rule->back && kind == v1::NODE_KIND_OBJECT) {
      kinds_[Key(state, place)] = Kind::kBack;
    }
  }
}

}  // namespace loadlock::verify
