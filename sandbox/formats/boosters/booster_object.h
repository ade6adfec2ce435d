// What a model file of a library stands for: the object that the library makes of it.
#ifndef LOADLOCK_SANDBOX_FORMATS_BOOSTERS_BOOSTER_OBJECT_H_
#define LOADLOCK_SANDBOX_FORMATS_BOOSTERS_BOOSTER_OBJECT_H_

#include <optional>
#include <string_view>

#include "sandbox/formats/format.h"

namespace loadlock::formats {

// An object of a class whose state is {key: record}, as if it had been pickled, or the refusal.
void PutBooster(std::string_view module, std::string_view key, graph::NodeId record,
                std::optional<graph::Refusal> refusal, Output* output);

}  // namespace loadlock::formats

#endif  // LOADLOCK_SANDBOX_FORMATS_BOOSTERS_BOOSTER_OBJECT_H_
