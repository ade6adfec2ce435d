// Where a value stands: the attributes and calls that its containers hang from.
#ifndef LOADLOCK_SERVER_VERIFY_PLACES_H_
#define LOADLOCK_SERVER_VERIFY_PLACES_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "server/verify/scope.h"

namespace loadlock::verify {

// An attribute of an OBJECT, or (key empty) the arguments of a CALL.
struct Holder {
  NodeId owner = kAbsent;
  absl::string_view key;
};

class Places {
 public:
  // `scope` must outlive it.
  explicit Places(const Scope* scope);

  // The OBJECT whose state this is, or the CALL whose arguments; kAbsent.
  NodeId OwnerOf(NodeId container) const;

  // All that a container hangs from, up through lists, tuples, dict values, arrays of objects and
  // masked arrays. nullopt if one way up ends anywhere else, as at the root.
  // Found once for each container, however many names it holds. A CALL may be asked about as well.
  const std::optional<std::vector<Holder>>& HoldersOf(NodeId container);

 private:
  struct Parent {
    NodeId node;
    uint32_t place;
  };
  void FindParents();
  std::optional<std::vector<Holder>> Find(NodeId container);
  bool Climb(const Parent& parent, std::vector<Holder>* holders, std::vector<NodeId>* up) const;
  bool ClimbCall(NodeId call, std::vector<Holder>* holders, std::vector<NodeId>* up) const;

  const Scope& scope_;
  absl::flat_hash_map<NodeId, NodeId> owners_;
  // Parents of node n: [starts_[n], starts_[n + 1]). Made when first asked for.
  std::vector<uint32_t> starts_;
  std::vector<Parent> parents_;
  // Behind pointers, since more may be found while one of them is in use.
  absl::flat_hash_map<NodeId, std::unique_ptr<const std::optional<std::vector<Holder>>>> found_;
};

}  // namespace loadlock::verify

#endif  // LOADLOCK_SERVER_VERIFY_PLACES_H_
