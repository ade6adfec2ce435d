// xgboost's own model format (JSON and UBJSON) lowered to columns.
//
// Sources: xgboost/doc/model.schema, src/tree/tree_model.cc, src/learner.cc,
// src/gbm/gbtree_model.cc of xgboost 1.7 to 3.2, and what those libraries write. Here the grammar
// is checked: known keys, types, lengths, numbers. That indices are in range and trees are trees,
// the daemon proves over the columns (server/verify/boosters).
//
// The record: num_class, num_feature, num_target, boost_from_average, base_score_is_scalar (ints);
// base_score (list of floats); version (three ints); attributes (dict of str); feature_names,
// feature_types (lists of str); objective (str); objective_params (dict of dicts of str); booster
// ("gbtree", "dart", "gblinear"). gblinear: boosted_rounds, weights <f4. Trees: num_parallel_tree;
// one element a tree: tree_info <i4, num_nodes <i4, num_deleted <i4, weight_drop <f4 (dart only);
// one a node, tree after tree: left_children, right_children, parents, split_indices <i4,
// split_conditions, base_weights, loss_changes, sum_hessian <f4, default_left, split_type |u1; one
// a node that splits by categories: categories_nodes, categories_sizes <i4; then categories <i4.
#ifndef LOADLOCK_SANDBOX_DECODERS_BOOSTERS_XGBOOST_H_
#define LOADLOCK_SANDBOX_DECODERS_BOOSTERS_XGBOOST_H_

#include <optional>

#include "sandbox/decoders/boosters/record.h"
#include "sandbox/decoders/document/document.h"
#include "sandbox/graph/refusal.h"

namespace loadlock::boosters {

// A model document: {"learner": ..., "version": ...}. Sets *out.
std::optional<graph::Refusal> LowerXgboost(const document::Document& model, document::Index root,
                                           const Target& target, graph::NodeId* out);

// The state `handle` of a pickled Booster: UBJSON of {"Config": ..., "Model": ...}. The
// configuration is left out: predictions do not depend on it. `base`: see document::ReadUbjson.
std::optional<graph::Refusal> LowerXgboostHandle(bytes::Bytes handle, uint64_t base,
                                                 const Target& target, graph::NodeId* out);

}  // namespace loadlock::boosters

#endif  // LOADLOCK_SANDBOX_DECODERS_BOOSTERS_XGBOOST_H_
