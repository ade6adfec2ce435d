#ifndef LOADLOCK_SANDBOX_GRAPH_REFUSAL_H_
#define LOADLOCK_SANDBOX_GRAPH_REFUSAL_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace loadlock::graph {

// Why a parser refuses; becomes a Finding of severity ERROR (proto/loadlock/v1/finding.proto).
// Text that comes from the artifact must have gone through Quote().
struct Refusal {
  // Stable id, UPPER_SNAKE.
  std::string rule_id;
  // One sentence for a person.
  std::string message;
  // "module.attribute" if a name is the matter.
  std::string name;
  // Member of a container format.
  std::string member_path;
  // Standard name of a pickle opcode.
  std::string opcode;
  // Empty unless the root is known; a pickle names it last.
  std::string object_path;
  // Policy line that would allow it.
  std::string allow;
  // In the decompressed stream of the member.
  std::optional<uint64_t> byte_offset;
};

// A refusal that needs no more than this.
Refusal Refuse(std::string_view rule_id, std::string message,
               std::optional<uint64_t> byte_offset = std::nullopt);

// Artifact bytes made safe to print: printable ASCII stays, everything else becomes \xNN; at
// most `max` bytes of input are shown, then "...".
std::string Quote(std::string_view raw, size_t max = 80);

}  // namespace loadlock::graph

#endif  // LOADLOCK_SANDBOX_GRAPH_REFUSAL_H_
