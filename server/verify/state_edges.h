// Edges from an object's state that the policy treats apart: left out, or leading back.
#ifndef LOADLOCK_SERVER_VERIFY_STATE_EDGES_H_
#define LOADLOCK_SERVER_VERIFY_STATE_EDGES_H_

#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "server/policy/policy.h"
#include "server/verify/view.h"

namespace loadlock::verify {

// One attribute of one object.
struct StateEdge {
  // The OBJECT, its state, and the attribute's place among the state's children.
  NodeId object = kAbsent;
  NodeId state = kAbsent;
  uint32_t place = 0;
  NodeId value = kAbsent;
  const policy::CompiledEntry* entry = nullptr;
  absl::string_view key;
};

class StateEdges {
 public:
  StateEdges() = default;
  // Of every OBJECT of a listed class. Needs CheckStructure.
  StateEdges(const View& view, const policy::CompiledPolicy& policy);

  enum class Kind : uint8_t { kPlain, kDropped, kBack };
  Kind Of(NodeId parent, uint32_t place) const {
    const auto it = kinds_.find(Key(parent, place));
    return it == kinds_.end() ? Kind::kPlain : it->second;
  }
  bool empty() const { return kinds_.empty(); }
  // Attributes that do not arrive.
  const std::vector<StateEdge>& dropped() const { return dropped_; }

 private:
  static uint64_t Key(NodeId parent, uint32_t place) { return uint64_t{parent} << 32 | place; }
  void AddObject(const View& view, NodeId object, const policy::CompiledEntry& entry);

  absl::flat_hash_map<uint64_t, Kind> kinds_;
  std::vector<StateEdge> dropped_;
};

}  // namespace loadlock::verify

#endif  // LOADLOCK_SERVER_VERIFY_STATE_EDGES_H_
