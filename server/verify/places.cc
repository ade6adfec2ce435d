#include "server/verify/places.h"

#include "absl/container/flat_hash_set.h"

namespace loadlock::verify {
namespace {

bool IsContainer(v1::NodeKind kind) {
  return IsListKind(kind) || IsTupleKind(kind) || IsDictKind(kind) ||
         kind == v1::NODE_KIND_OBJECT_NDARRAY;
}

}  // namespace

Places::Places(const Scope* scope) : scope_(*scope) {
  const View& view = scope_.view();
  for (NodeId id = 0; id < view.size(); ++id) {
    const v1::NodeKind kind = view.kind(id);
    const absl::Span<const uint32_t> operands = view.operands(id);
    if (kind == v1::NODE_KIND_OBJECT && operands[2] != kAbsent) owners_[operands[2]] = id;
    if (kind != v1::NODE_KIND_CALL) continue;
    owners_[operands[1]] = id;
    const policy::CompiledEntry* entry = scope_.EntryOfInstance(id);
    const bool whole = entry != nullptr && (entry->schema() == policy::Schema::kPartial ||
                                            entry->schema() == policy::Schema::kMaskedArray);
    if (whole && operands[2] != kAbsent) owners_[operands[2]] = id;
  }
}

NodeId Places::OwnerOf(NodeId container) const {
  const auto it = owners_.find(container);
  return it == owners_.end() ? kAbsent : it->second;
}

void Places::FindParents() {
  const View& view = scope_.view();
  starts_.assign(size_t{view.size()} + 1, 0);
  const auto for_each = [&](const auto& visit) {
    for (NodeId id = 0; id < view.size(); ++id) {
      const Children children = view.children(id);
      for (uint32_t i = 0; i < children.count; ++i) {
        if (children[i] != kAbsent) visit(children[i], Parent{id, i});
      }
    }
  };
  for_each([&](NodeId child, Parent /*parent*/) { ++starts_[size_t{child} + 1]; });
  for (size_t i = 1; i < starts_.size(); ++i) starts_[i] += starts_[i - 1];
  parents_.resize(starts_.back());
  std::vector<uint32_t> next(starts_.begin(), starts_.end() - 1);
  for_each([&](NodeId child, Parent parent) { parents_[next[child]++] = parent; });
}

// A masked array is a container; of check_array's partial its arguments are the place.
bool Places::ClimbCall(NodeId call, std::vector<Holder>* holders, std::vector<NodeId>* up) const {
  const policy::CompiledEntry* entry = scope_.EntryOfInstance(call);
  if (entry == nullptr) return false;
  if (entry->schema() == policy::Schema::kMaskedArray) {
    up->push_back(call);
    return true;
  }
  if (entry->schema() != policy::Schema::kPartial) return false;
  holders->push_back({call, ""});
  return true;
}

bool Places::Climb(const Parent& parent, std::vector<Holder>* holders,
                   std::vector<NodeId>* up) const {
  const View& view = scope_.view();
  const v1::NodeKind kind = view.kind(parent.node);
  const NodeId owner = OwnerOf(parent.node);
  if (kind == v1::NODE_KIND_CALL) {
    // The arguments or the state themselves were climbed.
    return parent.place > 0 && ClimbCall(parent.node, holders, up);
  }
  if (!IsContainer(kind)) return false;
  const bool pairs = kind == v1::NODE_KIND_DICT || kind == v1::NODE_KIND_ORDERED_DICT;
  if (pairs && parent.place % 2 == 0) return false;
  if (owner == kAbsent || view.kind(owner) == v1::NODE_KIND_CALL) {
    up->push_back(parent.node);
    return true;
  }
  const Mapping state(view, Value::Node(parent.node));
  if (!state.ok() || !state.str_keys() || scope_.topology().references[parent.node] != 1) {
    return false;
  }
  holders->push_back({owner, state.str_key(pairs ? parent.place / 2 : parent.place)});
  return true;
}

const std::optional<std::vector<Holder>>& Places::HoldersOf(NodeId container) {
  if (starts_.empty()) FindParents();
  auto it = found_.find(container);
  if (it == found_.end()) {
    using Found = const std::optional<std::vector<Holder>>;
    it = found_.emplace(container, std::make_unique<Found>(Find(container))).first;
  }
  return *it->second;
}

std::optional<std::vector<Holder>> Places::Find(NodeId container) {
  std::vector<Holder> holders;
  std::vector<NodeId> up = {container};
  absl::flat_hash_set<NodeId> seen = {container};
  while (!up.empty()) {
    const NodeId id = up.back();
    up.pop_back();
    if (id == scope_.view().root() || !IsContainer(scope_.view().kind(id))) {
      // A masked array was pushed by ClimbCall, a partial is asked about itself.
      if (id == scope_.view().root() || scope_.view().kind(id) != v1::NODE_KIND_CALL) {
        return std::nullopt;
      }
    }
    std::vector<NodeId> above;
    for (uint32_t i = starts_[id]; i < starts_[size_t{id} + 1]; ++i) {
      if (!scope_.view().Spend(1) || !Climb(parents_[i], &holders, &above)) return std::nullopt;
    }
    for (const NodeId next : above) {
      if (seen.insert(next).second) up.push_back(next);
    }
  }
  return holders;
}

}  // namespace loadlock::verify
