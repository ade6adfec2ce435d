// The stages by the names that the test gives them.
#ifndef LOADLOCK_TESTS_FAULTS_STAGE_NAMES_H_
#define LOADLOCK_TESTS_FAULTS_STAGE_NAMES_H_

#include <array>
#include <cstddef>

#include "sandbox/faults/fault_point.h"

namespace loadlock::faults {

// In the order of Stage.
inline constexpr std::array kStageNames = {
    "received",   "admitted",      "opened",      "copied",        "sealed",          "hashed",
    "acquired",   "job-sent",      "output-read", "verified",      "leased",          "answering",
    "answered",   "uploading",     "fetch-begun", "fetch-middle",  "fd-asked",        "fd-handed",
    "unloading",  "draining",      "store-begun", "store-written", "store-synced",    "store-named",
    "store-kept", "store-evicted", "spawning",    "spawned",       "reaped",          "locked-down",
    "job-read",   "parsing",       "parsed",      "answer-middle", "answer-complete",
};
static_assert(kStageNames.size() == static_cast<size_t>(Stage::kAnswerComplete) + 1);

constexpr const char* NameOf(Stage stage) { return kStageNames.at(static_cast<size_t>(stage)); }

}  // namespace loadlock::faults

#endif  // LOADLOCK_TESTS_FAULTS_STAGE_NAMES_H_
