#include "sandbox/decoders/boosters/xgboost_trees.h"

#include "sandbox/bytes/text.h"

namespace loadlock::boosters {
namespace {

using document::Type;

constexpr int64_t kMaxTrees = int64_t{1} << 20;
constexpr int64_t kMaxNodes = int64_t{1} << 22;

}  // namespace

bool XgboostTrees::Read(Index model, std::optional<Index> weight_drop) {
  if (!ReadHeader(model)) return false;
  const Index trees = fields_.At(model, "trees");
  int64_t id = 0;
  for (Index tree = doc_.First(trees); tree < doc_.at(trees).end; tree = doc_.Next(tree)) {
    if (!ReadTree(tree, id++)) return false;
  }
  if (!weight_drop) return true;
  return fields_.AppendNumbers(*weight_drop, "weight_drop", &weight_drop_.emplace());
}

bool XgboostTrees::ReadHeader(Index model) {
  if (!fields_.CheckKeys(model, "gbtree", {"gbtree_model_param", "tree_info", "trees"},
                         {"cats", "iteration_indptr"})) {
    return false;
  }
  const Index parameters = fields_.At(model, "gbtree_model_param");
  int64_t trees = 0;
  // Vector leaves have a count here in models of before 2.0; nobody but 0 ever wrote one.
  if (!fields_.CheckKeys(parameters, "gbtree_model_param", {"num_trees", "num_parallel_tree"},
                         {"size_leaf_vector"}) ||
      !fields_.ReadParameter(parameters, "num_trees", 0, kMaxTrees, &trees) ||
      !fields_.ReadParameter(parameters, "num_parallel_tree", 1, kMaxTrees, &num_parallel_tree_)) {
    return false;
  }
  const Index array = fields_.At(model, "trees");
  if (!doc_.Is(array, Type::kArray) || doc_.at(array).size != trees) {
    return fields_.Fail("num_trees is not the number of trees");
  }
  if (!fields_.AppendNumbers(fields_.At(model, "tree_info"), "tree_info", &tree_info_)) {
    return false;
  }
  if (tree_info_.size() != static_cast<size_t>(trees)) {
    return fields_.Fail("tree_info has not one element a tree");
  }
  if (const auto rounds = doc_.Find(model, "iteration_indptr"); rounds && !ReadRounds(*rounds)) {
    return false;
  }
  const auto cats = doc_.Find(model, "cats");
  return !cats || ReadCategoryNames(*cats);
}

// Follows from the number of trees; written anew by the client.
bool XgboostTrees::ReadRounds(Index rounds) {
  std::vector<int32_t> starts;
  if (!fields_.AppendNumbers(rounds, "iteration_indptr", &starts)) return false;
  const int64_t step = num_parallel_tree_ * groups_;
  const bool all = !starts.empty() && starts.front() == 0 &&
                   starts.back() == static_cast<int64_t>(tree_info_.size());
  for (size_t i = 1; all && i < starts.size(); ++i) {
    if (int64_t{starts[i]} - starts[i - 1] != step) {
      return fields_.Fail("iteration_indptr does not step by the trees of a round");
    }
  }
  return all || fields_.Fail("iteration_indptr does not go from 0 to the number of trees");
}

// Names of categories, which xgboost 3.1 and later keep if it was given a data frame with them.
bool XgboostTrees::ReadCategoryNames(Index cats) {
  if (!fields_.CheckKeys(cats, "cats", {"enc", "feature_segments", "sorted_idx"})) return false;
  for (const std::string_view key : {"enc", "feature_segments", "sorted_idx"}) {
    const document::Value& names = doc_.at(fields_.At(cats, key));
    if ((names.type != Type::kArray && names.type != Type::kTyped) || names.size != 0) {
      return fields_.Fail(
          "it keeps the names of categories (cats), which is not supported yet; train with the "
          "codes of the categories (Series.cat.codes, feature_types 'c')");
    }
  }
  return true;
}

bool XgboostTrees::ReadTree(Index tree, int64_t id) {
  if (!fields_.CheckKeys(tree, "a tree",
                         {"base_weights", "categories", "categories_nodes", "categories_segments",
                          "categories_sizes", "default_left", "id", "left_children", "loss_changes",
                          "parents", "right_children", "split_conditions", "split_indices",
                          "split_type", "sum_hessian", "tree_param"})) {
    return false;
  }
  int64_t stated = 0;
  int64_t nodes = 0;
  return fields_.ReadNumber(fields_.At(tree, "id"), "the id of a tree", id, id, &stated) &&
         ReadParameters(fields_.At(tree, "tree_param"), &nodes) &&
         ReadNodes(tree, static_cast<size_t>(nodes)) && ReadCategories(tree);
}

bool XgboostTrees::ReadParameters(Index object, int64_t* nodes) {
  int64_t deleted = 0;
  int64_t features = 0;
  int64_t leaf = 0;
  if (!fields_.CheckKeys(object, "tree_param",
                         {"num_deleted", "num_feature", "num_nodes", "size_leaf_vector"}) ||
      !fields_.ReadParameter(object, "num_nodes", 1, kMaxNodes, nodes) ||
      !fields_.ReadParameter(object, "num_deleted", 0, *nodes - 1, &deleted) ||
      !fields_.ReadParameter(object, "num_feature", num_feature_, num_feature_, &features)) {
    return false;
  }
  if (!fields_.ReadParameter(object, "size_leaf_vector", 0, 1, &leaf)) {
    return fields_.Fail(
        "its leaves are vectors (multi_strategy=multi_output_tree), which is not "
        "supported; train with multi_strategy=one_output_per_tree");
  }
  num_nodes_.push_back(static_cast<int32_t>(*nodes));
  num_deleted_.push_back(static_cast<int32_t>(deleted));
  return true;
}

template <typename T>
bool XgboostTrees::ReadColumn(Index tree, std::string_view key, size_t count,
                              std::vector<T>* column) {
  const size_t before = column->size();
  if (!fields_.AppendNumbers(fields_.At(tree, key), key, column)) return false;
  return column->size() - before == count ||
         fields_.Fail(bytes::Concat({key, " has not one element a node"}));
}

bool XgboostTrees::ReadNodes(Index tree, size_t nodes) {
  return ReadColumn(tree, "left_children", nodes, &left_) &&
         ReadColumn(tree, "right_children", nodes, &right_) &&
         ReadColumn(tree, "parents", nodes, &parents_) &&
         ReadColumn(tree, "split_indices", nodes, &split_indices_) &&
         ReadColumn(tree, "split_conditions", nodes, &conditions_) &&
         ReadColumn(tree, "base_weights", nodes, &weights_) &&
         ReadColumn(tree, "loss_changes", nodes, &gains_) &&
         ReadColumn(tree, "sum_hessian", nodes, &hessians_) &&
         ReadColumn(tree, "default_left", nodes, &default_left_) &&
         ReadColumn(tree, "split_type", nodes, &split_type_);
}

// Segments are the running sum of the sizes; written anew by the client.
bool XgboostTrees::ReadCategories(Index tree) {
  const size_t before_nodes = categories_nodes_.size();
  const size_t before = categories_.size();
  std::vector<int32_t> segments;
  if (!fields_.AppendNumbers(fields_.At(tree, "categories_nodes"), "categories_nodes",
                             &categories_nodes_)) {
    return false;
  }
  const size_t count = categories_nodes_.size() - before_nodes;
  if (!ReadColumn(tree, "categories_sizes", count, &categories_sizes_) ||
      !ReadColumn(tree, "categories_segments", count, &segments) ||
      !fields_.AppendNumbers(fields_.At(tree, "categories"), "categories", &categories_)) {
    return false;
  }
  int64_t sum = 0;
  for (size_t i = 0; i < count; ++i) {
    const int32_t size = categories_sizes_[before_nodes + i];
    if (segments[i] != sum || size <= 0) {
      return fields_.Fail("categories_segments are not the running sum of categories_sizes");
    }
    sum += size;
  }
  return static_cast<int64_t>(categories_.size() - before) == sum ||
         fields_.Fail("categories are not as many as their sizes say");
}

bool XgboostTrees::Put(Record* record) const {
  record->PutInt("num_parallel_tree", num_parallel_tree_);
  if (weight_drop_ && !record->PutColumn("weight_drop", *weight_drop_)) return false;
  return record->PutColumn("tree_info", tree_info_) && record->PutColumn("num_nodes", num_nodes_) &&
         record->PutColumn("num_deleted", num_deleted_) &&
         record->PutColumn("left_children", left_) && record->PutColumn("right_children", right_) &&
         record->PutColumn("parents", parents_) &&
         record->PutColumn("split_indices", split_indices_) &&
         record->PutColumn("split_conditions", conditions_) &&
         record->PutColumn("base_weights", weights_) && record->PutColumn("loss_changes", gains_) &&
         record->PutColumn("sum_hessian", hessians_) &&
         record->PutColumn("default_left", default_left_) &&
         record->PutColumn("split_type", split_type_) &&
         record->PutColumn("categories_nodes", categories_nodes_) &&
         record->PutColumn("categories_sizes", categories_sizes_) &&
         record->PutColumn("categories", categories_);
}

}  // namespace loadlock::boosters
