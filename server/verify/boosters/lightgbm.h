// LIGHTGBM: the record that stands for a LightGBM model (sandbox/decoders/boosters/lightgbm.h has
// its keys).
//
// What the library does not check itself, seen as crashes of LightGBM 4.7: children, leaves and
// features out of range, cycles, lengths, categories, numbers of classes and trees that differ, an
// empty objective, text that is no number (an error in its parallel loop ends the process), depth.
#ifndef LOADLOCK_SERVER_VERIFY_BOOSTERS_LIGHTGBM_H_
#define LOADLOCK_SERVER_VERIFY_BOOSTERS_LIGHTGBM_H_

#include "server/verify/scope.h"

namespace loadlock::verify {

// The state of a lightgbm.basic.Booster.
Check CheckLightgbm(const Scope& scope, const Instance& booster);

}  // namespace loadlock::verify

#endif  // LOADLOCK_SERVER_VERIFY_BOOSTERS_LIGHTGBM_H_
