#ifndef LOADLOCK_SERVER_VERIFY_BOOSTERS_XGBOOST_TREES_H_
#define LOADLOCK_SERVER_VERIFY_BOOSTERS_XGBOOST_TREES_H_

#include <array>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "server/verify/boosters/record.h"

namespace loadlock::verify {

// Keys of a record that has trees.
inline constexpr std::array<absl::string_view, 17> kXgboostTreeKeys = {
    "num_parallel_tree", "tree_info",   "num_nodes",     "num_deleted",      "left_children",
    "right_children",    "parents",     "split_indices", "split_conditions", "base_weights",
    "loss_changes",      "sum_hessian", "default_left",  "split_type",       "categories_nodes",
    "categories_sizes",  "categories"};

// The columns of all trees. False: the record has the message.
bool CheckXgboostTrees(Record* record, int64_t features, int64_t groups, bool dart);

}  // namespace loadlock::verify

#endif  // LOADLOCK_SERVER_VERIFY_BOOSTERS_XGBOOST_TREES_H_
