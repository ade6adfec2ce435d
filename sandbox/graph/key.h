#ifndef LOADLOCK_SANDBOX_GRAPH_KEY_H_
#define LOADLOCK_SANDBOX_GRAPH_KEY_H_

#include <string>

#include "sandbox/graph/builder.h"

namespace loadlock::graph {

// Writes the canonical form of a dict key or set member: two keys that Python finds equal
// (1, 1.0, True, numpy.int64(1)) have the same form. Two readers of a dict with equal keys
// could keep either value, so the encoder refuses equal keys.
//
// False if the node has no such form: it is not hashable, it is nested more than 16 deep, its
// form is longer than 1 MiB, or it is a scalar whose equality is not known.
[[nodiscard]] bool AppendKey(const Builder& builder, NodeId node, std::string* out);

}  // namespace loadlock::graph

#endif  // LOADLOCK_SANDBOX_GRAPH_KEY_H_
