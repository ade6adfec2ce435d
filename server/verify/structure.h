// The soundness of a graph's operands: what must hold before anything may be read from it.
#ifndef LOADLOCK_SERVER_VERIFY_STRUCTURE_H_
#define LOADLOCK_SERVER_VERIFY_STRUCTURE_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "server/verify/state_edges.h"
#include "server/verify/view.h"

namespace loadlock::verify {

// Every operand count, index, run, kind of an operand, array length and dtype is sound.
// INVALID_ARGUMENT: malformed.
absl::Status CheckStructure(const View& view);

// How the nodes hang together.
struct Topology {
  // How many operands refer to each node.
  std::vector<uint32_t> references;
  // 1 if an OBJECT or CALL can be reached from the node's operands (not from itself alone).
  std::vector<uint8_t> holds_instance;
  // Longest way down from the root; the graph of components if there are cycles.
  uint32_t depth = 0;
  // A node of each cycle that is not made of lists and dicts alone.
  std::vector<NodeId> bad_cycles;
  // 1 if only attributes that are left out lead to the node.
  std::vector<uint8_t> dropped;
};

// Needs CheckStructure. Depth and cycles are those without the edges that are left out or that may
// lead back. INVALID_ARGUMENT: a node cannot be reached from the root.
absl::Status ComputeTopology(const View& view, const StateEdges& edges, Topology* topology);

}  // namespace loadlock::verify

#endif  // LOADLOCK_SERVER_VERIFY_STRUCTURE_H_
