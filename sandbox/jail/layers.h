// The layers of a worker's jail, as bits of its greeting.
#ifndef LOADLOCK_SANDBOX_JAIL_LAYERS_H_
#define LOADLOCK_SANDBOX_JAIL_LAYERS_H_

#include <cstddef>
#include <cstdint>

#include "sandbox/jail/tier.h"

namespace loadlock::jail {

enum Layer : uint8_t {
  kLayerNamespaces = 1,
  kLayerLandlock = 2,
  kLayerSeccomp = 4,
  kLayerLimits = 8,
  // No memory can be made executable that was not from the start (kernels since 6.3; the filter
  // refuses PROT_EXEC in any case).
  kLayerNoExecGain = 16,
  // Its user id outside is not the daemon's, but nobody's.
  kLayerNobody = 32,
};

// tests/escape builds the launcher once more with layers that can be switched off one by one, to
// show that each act it tries is stopped by the layer that claims it. In every other build none
// can.
#ifdef LOADLOCK_TEST_LAYERS
bool IsOff(Layer layer);
// The same for one line of the system call policy (syscall_policy.cc).
bool IsCallOff(size_t index);
#else
constexpr bool IsOff(Layer /*layer*/) { return false; }
constexpr bool IsCallOff(size_t /*index*/) { return false; }
#endif

// What a worker of this tier must have. The daemon refuses one that lacks any of it.
constexpr uint8_t RequiredLayers(Tier tier) {
  uint8_t layers = kLayerSeccomp | kLayerLimits;
  if (tier <= Tier::kB) layers |= kLayerLandlock;
  if (tier == Tier::kA) layers |= kLayerNamespaces;
  return layers;
}

}  // namespace loadlock::jail

#endif  // LOADLOCK_SANDBOX_JAIL_LAYERS_H_
