#ifndef LOADLOCK_SERVER_VERIFY_BOOSTERS_LIGHTGBM_TREES_H_
#define LOADLOCK_SERVER_VERIFY_BOOSTERS_LIGHTGBM_TREES_H_

#include <array>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "server/verify/boosters/record.h"

namespace loadlock::verify {

// Keys of the columns of trees, and of the texts with one element a tree.
inline constexpr std::array<absl::string_view, 22> kLightgbmTreeKeys = {
    "num_leaves",    "num_cat",        "is_linear",       "split_feature", "left_child",
    "right_child",   "decision_type",  "internal_count",  "leaf_count",    "cat_boundaries",
    "cat_threshold", "num_features",   "leaf_features",   "shrinkage",     "threshold",
    "split_gain",    "internal_value", "internal_weight", "leaf_value",    "leaf_weight",
    "leaf_const",    "leaf_coeff"};

// The columns of all trees, which are a multiple of `trees_a_round`. False: the record has the
// message.
bool CheckLightgbmTrees(Record* record, int64_t features, int64_t trees_a_round);

}  // namespace loadlock::verify

#endif  // LOADLOCK_SERVER_VERIFY_BOOSTERS_LIGHTGBM_TREES_H_
