// LightGBM's model files, text as Booster.save_model writes it.
#ifndef LOADLOCK_SANDBOX_FORMATS_BOOSTERS_LIGHTGBM_FORMAT_H_
#define LOADLOCK_SANDBOX_FORMATS_BOOSTERS_LIGHTGBM_FORMAT_H_

#include "sandbox/bytes/cursor.h"
#include "sandbox/formats/format.h"

namespace loadlock::formats {

// "lightgbm": the first two lines are "tree" and "version=".
const char* IdentifyLightgbm(bytes::Bytes artifact);
// The root is a lightgbm.basic.Booster.
void ParseLightgbm(const Input& input, Output* output);

}  // namespace loadlock::formats

#endif  // LOADLOCK_SANDBOX_FORMATS_BOOSTERS_LIGHTGBM_FORMAT_H_
