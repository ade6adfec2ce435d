#ifndef LOADLOCK_SANDBOX_GRAPH_PACK_H_
#define LOADLOCK_SANDBOX_GRAPH_PACK_H_

#include <cstddef>

#include "sandbox/graph/builder.h"

namespace loadlock::graph {

// Strings up to this length are looked up by content, and may be copied into more than one run.
// A longer string that many places share is written once: a list of a million references to
// one string of a megabyte must not become a terabyte.
inline constexpr size_t kShortString = 32;

// Dicts below this size are not packed: their keys are attribute names, which are shared.
inline constexpr size_t kMinPackedDict = 8;

// True if every key of a DICT is a str.
bool AllStrKeys(const Builder& builder, NodeId dict);

}  // namespace loadlock::graph

#endif  // LOADLOCK_SANDBOX_GRAPH_PACK_H_
