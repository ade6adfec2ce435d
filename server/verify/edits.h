// Changes that checks ask for, and their application to an accepted graph.
#ifndef LOADLOCK_SERVER_VERIFY_EDITS_H_
#define LOADLOCK_SERVER_VERIFY_EDITS_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "loadlock/v1/graph.pb.h"
#include "server/policy/literal.h"
#include "server/verify/view.h"

namespace loadlock::verify {

// One attribute of an object's state gets another value or goes.
struct Edit {
  // A dict with exact str keys, the state of exactly one object.
  NodeId state = kAbsent;
  // Place of the attribute in it.
  uint32_t index = 0;
  // Absent: the attribute is left out.
  std::optional<policy::Literal> value;
};

// Writes the edits into a copy without the nodes that they made unreachable. Pools and buffers
// stay as they are but for what the new values add. Children still stand before parents if
// they did so before.
v1::Graph ApplyEdits(const View& view, const std::vector<Edit>& edits);

}  // namespace loadlock::verify

#endif  // LOADLOCK_SERVER_VERIFY_EDITS_H_
