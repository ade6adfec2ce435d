// LightGBM's text format lowered to columns.
//
// Sources: src/boosting/gbdt_model_text.cpp and src/io/tree.cpp of LightGBM 3 and 4, and what those
// write. Here the grammar is checked: known keys, once each, lengths, numbers. That indices are in
// range and trees are trees, the daemon proves (server/verify/boosters).
//
// The record: version, objective (str, or None); num_class, num_tree_per_iteration, label_index,
// max_feature_idx, average_output (ints); feature_names, feature_infos (lists of str);
// monotone_constraints (list of ints or None); pandas_categorical (None, or lists of plain values).
// One element a tree: num_leaves, num_cat <i4, is_linear |u1. One an inner node, tree after tree:
// split_feature, left_child, right_child, internal_count <i4, decision_type |u1. One a leaf:
// leaf_count <i4. cat_boundaries <i4 (num_cat + 1 a tree that has categories), cat_threshold <u4.
// num_features <i4 (one a leaf of a linear tree), leaf_features <i4.
// Floating-point numbers stay decimal text, so that they are read back bit for bit: lists of one
// str a tree with one space between numbers: shrinkage, threshold, split_gain, internal_value,
// internal_weight, leaf_value, leaf_weight, leaf_const, leaf_coeff.
#ifndef LOADLOCK_SANDBOX_DECODERS_BOOSTERS_LIGHTGBM_H_
#define LOADLOCK_SANDBOX_DECODERS_BOOSTERS_LIGHTGBM_H_

#include <optional>

#include "sandbox/decoders/boosters/record.h"
#include "sandbox/graph/refusal.h"

namespace loadlock::boosters {

// A whole model text, valid UTF-8, which must outlive the builder. `base` is where it begins in
// the stream.
std::optional<graph::Refusal> LowerLightgbm(std::string_view text, uint64_t base,
                                            const Target& target, graph::NodeId* out);

}  // namespace loadlock::boosters

#endif  // LOADLOCK_SANDBOX_DECODERS_BOOSTERS_LIGHTGBM_H_
