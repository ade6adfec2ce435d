// xgboost's model files, JSON or UBJSON, as Booster.save_model writes them.
#ifndef LOADLOCK_SANDBOX_FORMATS_BOOSTERS_XGBOOST_FORMAT_H_
#define LOADLOCK_SANDBOX_FORMATS_BOOSTERS_XGBOOST_FORMAT_H_

#include "sandbox/bytes/cursor.h"
#include "sandbox/formats/format.h"

namespace loadlock::formats {

// "xgboost-json" or "xgboost-ubjson": an object whose first key is "learner", "version", "Config"
// or "Model", and that has a key "learner" somewhere.
const char* IdentifyXgboost(bytes::Bytes artifact);
// The root is an xgboost.core.Booster.
void ParseXgboost(const Input& input, Output* output);

}  // namespace loadlock::formats

#endif  // LOADLOCK_SANDBOX_FORMATS_BOOSTERS_XGBOOST_FORMAT_H_
