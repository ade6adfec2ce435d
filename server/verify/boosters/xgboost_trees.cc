#include "server/verify/boosters/xgboost_trees.h"

#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "server/verify/boosters/tree_walk.h"

namespace loadlock::verify {
namespace {

constexpr int64_t kMaxTrees = int64_t{1} << 20;
constexpr int32_t kMaxCategory = 1 << 20;
// Parent of a root, and split index of a node that was pruned away.
constexpr int32_t kNobody = std::numeric_limits<int32_t>::max();

class TreesChecker {
 public:
  TreesChecker(Record* record, int64_t features, int64_t groups)
      : record_(*record), features_(static_cast<int32_t>(features)), groups_(groups) {}

  bool Check(bool dart) {
    if (!Counts(dart) || !Columns()) return false;
    for (tree_ = 0; tree_ < info_.size(); ++tree_) {
      if (!Tree()) return false;
      first_ += static_cast<uint64_t>(nodes_[tree_]);
    }
    return (first_category_ == categories_.size() && first_split_ == category_nodes_.size()) ||
           record_.Fail("categories belong to no tree");
  }

 private:
  bool Fail(absl::string_view what) {
    return record_.Fail(absl::StrCat("tree ", tree_, ": ", what));
  }

  bool Counts(bool dart) {
    int64_t parallel = 0;
    if (!record_.Int("num_parallel_tree", 1, kMaxTrees, &parallel) ||
        !record_.Get("tree_info", &info_)) {
      return false;
    }
    const uint64_t trees = info_.size();
    if (trees > kMaxTrees || trees % static_cast<uint64_t>(parallel * groups_) != 0) {
      return record_.Fail("the trees are no whole number of rounds");
    }
    if (!record_.Get("num_nodes", trees, &nodes_) ||
        !record_.Get("num_deleted", trees, &deleted_)) {
      return false;
    }
    for (uint64_t i = 0; i < trees; ++i) {
      if (info_[i] < 0 || info_[i] >= groups_) return record_.Fail("tree_info is out of range");
      if (nodes_[i] < 1) return record_.Fail("a tree has no nodes");
      total_ += static_cast<uint64_t>(nodes_[i]);
    }
    if (!dart) return true;
    Column<float> weights;
    if (!record_.Get("weight_drop", trees, &weights)) return false;
    for (uint64_t i = 0; i < trees; ++i) {
      if (!std::isfinite(weights[i])) return record_.Fail("weight_drop is not finite");
    }
    return true;
  }

  bool Columns() {
    Column<float> unread;
    return record_.Get("left_children", total_, &left_) &&
           record_.Get("right_children", total_, &right_) &&
           record_.Get("parents", total_, &parents_) &&
           record_.Get("split_indices", total_, &split_indices_) &&
           record_.Get("split_conditions", total_, &conditions_) &&
           record_.Get("base_weights", total_, &unread) &&
           record_.Get("loss_changes", total_, &unread) &&
           record_.Get("sum_hessian", total_, &unread) &&
           record_.Get("default_left", total_, &default_left_) &&
           record_.Get("split_type", total_, &split_type_) &&
           record_.Get("categories_nodes", &category_nodes_) &&
           record_.Get("categories_sizes", category_nodes_.size(), &category_sizes_) &&
           record_.Get("categories", &categories_);
  }

  bool Tree() {
    size_ = static_cast<uint32_t>(nodes_[tree_]);
    if (parents_[first_] != kNobody) return Fail("the root has a parent");
    for (uint32_t node = 0; node < size_; ++node) {
      if (!Children(node)) return false;
    }
    const TreeWalk::Result result =
        walk_.Walk(size_, [this](uint32_t node) -> std::optional<std::pair<uint32_t, uint32_t>> {
          if (left_[first_ + node] == -1) return std::nullopt;
          return std::pair(static_cast<uint32_t>(left_[first_ + node]),
                           static_cast<uint32_t>(right_[first_ + node]));
        });
    if (result == TreeWalk::Result::kTwoParents) return Fail("a node with two parents, or a cycle");
    if (result == TreeWalk::Result::kTooDeep) return Fail("it is deeper than 512");
    for (uint32_t node = 0; node < size_; ++node) {
      if (!(walk_.IsReached(node) ? Node(node) : Deleted(node))) return false;
    }
    return size_ - walk_.reached() == static_cast<uint32_t>(deleted_[tree_]) ||
           Fail("nodes that cannot be reached are not those that are deleted");
  }

  bool Children(uint32_t node) {
    const int32_t left = left_[first_ + node];
    const int32_t right = right_[first_ + node];
    const auto size = static_cast<int32_t>(size_);
    if (left == -1 && right == -1) return true;
    if (left <= 0 || left >= size || right <= 0 || right >= size) {
      return Fail("a child is out of range");
    }
    const auto self = static_cast<int32_t>(node);
    return (parents_[first_ + static_cast<uint32_t>(left)] == self &&
            parents_[first_ + static_cast<uint32_t>(right)] == self) ||
           Fail("parents and children do not agree");
  }

  bool Node(uint32_t node) {
    const uint64_t at = first_ + node;
    const bool leaf = left_[at] == -1;
    const int32_t index = split_indices_[at];
    if (index < 0 || (leaf ? index == kNobody : index >= features_)) {
      return Fail("a split index is out of range");
    }
    if (default_left_[at] > 1 || split_type_[at] > 1 || (leaf && split_type_[at] != 0)) {
      return Fail("flags of a node");
    }
    if (std::isnan(conditions_[at])) return Fail("a condition is no number");
    return split_type_[at] == 0 || Categories(node);
  }

  // As the library marks it; everything else of it is never read.
  bool Deleted(uint32_t node) {
    const uint64_t at = first_ + node;
    const bool marked = left_[at] == -1 && right_[at] == -1 && split_indices_[at] == kNobody &&
                        default_left_[at] == 1 && split_type_[at] == 0 && parents_[at] >= 0 &&
                        parents_[at] < static_cast<int32_t>(size_) && !std::isnan(conditions_[at]);
    return marked || Fail("a node cannot be reached and is not deleted");
  }

  // The nodes that split by categories, in order.
  bool Categories(uint32_t node) {
    if (first_split_ >= category_nodes_.size() ||
        category_nodes_[first_split_] != static_cast<int32_t>(node)) {
      return Fail("categories_nodes are not the nodes that split by categories");
    }
    const int32_t size = category_sizes_[first_split_++];
    if (size <= 0 || static_cast<uint64_t>(size) > categories_.size() - first_category_) {
      return Fail("the number of categories of a node");
    }
    for (int32_t i = 0; i < size; ++i) {
      const int32_t category = categories_[first_category_++];
      if (category < 0 || category >= kMaxCategory) return Fail("a category is out of range");
    }
    return true;
  }

  Record& record_;
  const int32_t features_;
  const int64_t groups_;
  TreeWalk walk_;
  uint64_t total_ = 0;
  // Of the tree that is looked at.
  uint64_t tree_ = 0;
  uint32_t size_ = 0;
  uint64_t first_ = 0;
  uint64_t first_split_ = 0;
  uint64_t first_category_ = 0;

  Column<int32_t> info_, nodes_, deleted_, left_, right_, parents_, split_indices_;
  Column<int32_t> category_nodes_, category_sizes_, categories_;
  Column<float> conditions_;
  Column<uint8_t> default_left_, split_type_;
};

}  // namespace

bool CheckXgboostTrees(Record* record, int64_t features, int64_t groups, bool dart) {
  return TreesChecker(record, features, groups).Check(dart);
}

}  // namespace loadlock::verify
