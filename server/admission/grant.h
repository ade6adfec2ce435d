// What one request may take, by the size of its artifact.
#ifndef LOADLOCK_SERVER_ADMISSION_GRANT_H_
#define LOADLOCK_SERVER_ADMISSION_GRANT_H_

#include <cstdint>

#include "server/config/settings.h"

namespace loadlock::admission {

struct Grant {
  uint64_t artifact_bytes = 0;
  uint64_t decoded_bytes = 0;
  uint64_t heap_bytes = 0;
  // A worker's nodes are not part of its heap budget.
  uint64_t nodes = 0;

  // What is reserved while the request runs.
  uint64_t total() const {
    return artifact_bytes + decoded_bytes + heap_bytes + nodes * config::kBytesPerNode;
  }
};

// Base plus a factor times the size (server/config/defaults.h), at most the configured limits: the
// most that any artifact of that size may take.
Grant GrantFor(uint64_t artifact_size, const config::LimitSettings& limits);

// What is tried first. The same, or less of decoded data and heap.
Grant FirstGrantFor(uint64_t artifact_size, const config::LimitSettings& limits);

}  // namespace loadlock::admission

#endif  // LOADLOCK_SERVER_ADMISSION_GRANT_H_
