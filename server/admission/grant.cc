#include "server/admission/grant.h"

#include <algorithm>

#include "server/config/defaults.h"

namespace loadlock::admission {
namespace {

// base + per_byte * size, at most `limit`; written so that nothing overflows.
uint64_t Scaled(uint64_t size, uint64_t base, uint64_t per_byte, uint64_t limit) {
  if (limit <= base) return limit;
  if (size >= (limit - base) / per_byte) return limit;
  return base + size * per_byte;
}

}  // namespace

Grant GrantFor(uint64_t artifact_size, const config::LimitSettings& limits) {
  return Grant{
      .artifact_bytes = artifact_size,
      .decoded_bytes = Scaled(artifact_size, config::kDecodedBase, config::kDecodedPerByte,
                              limits.max_decoded_bytes),
      .heap_bytes =
          Scaled(artifact_size, config::kHeapBase, config::kHeapPerByte, limits.max_heap_bytes),
      .nodes = Scaled(artifact_size, config::kNodesBase, config::kNodesPerByte, limits.max_nodes)};
}

Grant FirstGrantFor(uint64_t artifact_size, const config::LimitSettings& limits) {
  const Grant whole = GrantFor(artifact_size, limits);
  Grant first = whole;
  first.decoded_bytes = Scaled(artifact_size, config::kDecodedBase, config::kFirstDecodedPerByte,
                               limits.max_decoded_bytes);
  first.heap_bytes =
      Scaled(artifact_size, config::kHeapBase, config::kFirstHeapPerByte, limits.max_heap_bytes);
  return whole.total() - first.total() < config::kWorthASecondParse ? whole : first;
}

}  // namespace loadlock::admission
