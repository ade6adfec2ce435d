#include "server/verify/boosters/lightgbm_trees.h"

#include <optional>
#include <utility>

#include "server/verify/boosters/decimals.h"
#include "server/verify/boosters/tree_walk.h"

namespace loadlock::verify {
namespace {

constexpr uint64_t kMaxTrees = uint64_t{1} << 20;
constexpr int32_t kMaxLeaves = 1 << 20;
constexpr int32_t kMaxWords = 1 << 24;
// Bits of decision_type: 1 by category, 2 default left, 4 and 8 the kind of missing value (0-2).
constexpr uint8_t kMaxDecision = 11;

class TreesChecker {
 public:
  TreesChecker(Record* record, int64_t features) : record_(*record), features_(features) {}

  bool Check(int64_t trees_a_round) {
    if (!Counts(static_cast<uint64_t>(trees_a_round)) || !Columns()) return false;
    for (tree_ = 0; tree_ < leaves_.size(); ++tree_) {
      if (!Tree()) return false;
    }
    return (boundary_ == boundaries_.size() && word_ == words_ &&
            counted_ == num_features_.size() && linear_ == leaf_features_.size()) ||
           record_.Fail("columns hold more than the trees");
  }

 private:
  bool Fail(absl::string_view what) {
    return record_.Fail(absl::StrCat("tree ", tree_, ": ", what));
  }

  bool Counts(uint64_t trees_a_round) {
    if (!record_.Get("num_leaves", &leaves_)) return false;
    const uint64_t trees = leaves_.size();
    if (trees == 0 || trees > kMaxTrees || trees % trees_a_round != 0) {
      return record_.Fail("the trees are no whole number of rounds");
    }
    if (!record_.Get("num_cat", trees, &cats_) || !record_.Get("is_linear", trees, &is_linear_)) {
      return false;
    }
    for (uint64_t i = 0; i < trees; ++i) {
      if (leaves_[i] < 1 || leaves_[i] > kMaxLeaves || cats_[i] < 0 || cats_[i] >= leaves_[i] ||
          is_linear_[i] > 1) {
        return record_.Fail(absl::StrCat("tree ", i, ": its counts"));
      }
      total_leaves_ += static_cast<uint64_t>(leaves_[i]);
    }
    total_inner_ = total_leaves_ - trees;
    return true;
  }

  bool Columns() {
    Column<uint32_t> thresholds;
    const uint64_t trees = leaves_.size();
    const bool got = record_.Get("split_feature", total_inner_, &split_feature_) &&
                     record_.Get("left_child", total_inner_, &left_) &&
                     record_.Get("right_child", total_inner_, &right_) &&
                     record_.Get("decision_type", total_inner_, &decision_) &&
                     record_.Get("internal_count", total_inner_, &internal_count_) &&
                     record_.Get("leaf_count", total_leaves_, &leaf_count_) &&
                     record_.Get("cat_boundaries", &boundaries_) &&
                     record_.Get("cat_threshold", &thresholds) &&
                     record_.Get("num_features", &num_features_) &&
                     record_.Get("leaf_features", &leaf_features_);
    words_ = thresholds.size();
    return got && record_.Texts("shrinkage", trees, &shrinkage_) &&
           record_.Texts("threshold", trees, &threshold_) &&
           record_.Texts("split_gain", trees, &gain_) &&
           record_.Texts("internal_value", trees, &internal_value_) &&
           record_.Texts("internal_weight", trees, &internal_weight_) &&
           record_.Texts("leaf_value", trees, &leaf_value_) &&
           record_.Texts("leaf_weight", trees, &leaf_weight_) &&
           record_.Texts("leaf_const", trees, &leaf_const_) &&
           record_.Texts("leaf_coeff", trees, &leaf_coeff_);
  }

  bool Tree() {
    const auto leaves = static_cast<uint64_t>(leaves_[tree_]);
    const uint64_t inner = leaves - 1;
    const bool sound = Shape(static_cast<uint32_t>(inner)) && Nodes(inner) && Thresholds(inner) &&
                       Decimals(gain_, inner) && Decimals(internal_value_, inner) &&
                       Decimals(internal_weight_, inner) && Decimals(leaf_value_, leaves) &&
                       Decimals(leaf_weight_, leaves) && Decimals(shrinkage_, 1) && Words() &&
                       Linear(leaves);
    if (!sound) return Fail("its numbers");
    for (uint64_t i = 0; i < leaves; ++i) {
      if (leaf_count_[first_leaf_ + i] < 0) return Fail("a count is negative");
    }
    first_ += inner;
    first_leaf_ += leaves;
    return true;
  }

  // The place of a child among inner nodes, then leaves; nullopt if there is none.
  static std::optional<uint32_t> Place(int32_t child, uint32_t inner) {
    if (child >= 0) {
      return static_cast<uint32_t>(child) < inner ? std::optional(static_cast<uint32_t>(child))
                                                  : std::nullopt;
    }
    const auto leaf = static_cast<uint32_t>(-(child + 1));
    return leaf <= inner ? std::optional(inner + leaf) : std::nullopt;
  }

  bool Shape(uint32_t inner) {
    for (uint32_t i = 0; i < inner; ++i) {
      if (!Place(left_[first_ + i], inner) || !Place(right_[first_ + i], inner)) {
        return Fail("a child is out of range");
      }
    }
    if (inner == 0) return true;
    const uint32_t all = 2 * inner + 1;
    const TreeWalk::Result result =
        walk_.Walk(all, [&](uint32_t node) -> std::optional<std::pair<uint32_t, uint32_t>> {
          if (node >= inner) return std::nullopt;
          return std::pair(*Place(left_[first_ + node], inner),
                           *Place(right_[first_ + node], inner));
        });
    if (result == TreeWalk::Result::kTwoParents) return Fail("a node with two parents, or a cycle");
    if (result == TreeWalk::Result::kTooDeep) return Fail("it is deeper than 512");
    return walk_.reached() == all || Fail("a node cannot be reached");
  }

  bool Nodes(uint64_t inner) {
    int32_t by_category = 0;
    for (uint64_t i = first_; i < first_ + inner; ++i) {
      if (split_feature_[i] < 0 || split_feature_[i] >= features_) {
        return Fail("a feature is out of range");
      }
      if (decision_[i] > kMaxDecision) return Fail("a decision is of an unknown type");
      if (internal_count_[i] < 0) return Fail("a count is negative");
      by_category += decision_[i] & 1;
    }
    return by_category == cats_[tree_] || Fail("num_cat is not the number of its categories");
  }

  absl::string_view TextOf(const Sequence& texts) {
    const absl::string_view text = *record_.scope().view().Str(texts[static_cast<uint32_t>(tree_)]);
    // An exhausted view refuses the graph, whatever is found.
    (void)record_.scope().view().Spend(text.size() / sizeof(uint64_t));
    return text;
  }

  bool Decimals(const Sequence& texts, uint64_t count) {
    return ForEachToken(TextOf(texts), count,
                        [](uint64_t, absl::string_view token) { return IsDecimal(token); }) ||
           Fail("its decimal numbers");
  }

  // Of a node that splits by categories: which of the tree's sets.
  bool Thresholds(uint64_t inner) {
    return ForEachToken(TextOf(threshold_), inner,
                        [&](uint64_t i, absl::string_view token) {
                          return (decision_[first_ + i] & 1) != 0 ? IsIndex(token, cats_[tree_])
                                                                  : IsDecimal(token);
                        }) ||
           Fail("its thresholds");
  }

  // cat_boundaries of this tree rise from 0; so many words of categories follow.
  bool Words() {
    if (cats_[tree_] == 0) return true;
    const auto count = static_cast<uint64_t>(cats_[tree_]) + 1;
    if (count > boundaries_.size() - boundary_ || boundaries_[boundary_] != 0) {
      return Fail("its categories");
    }
    for (uint64_t i = boundary_ + 1; i < boundary_ + count; ++i) {
      if (boundaries_[i] <= boundaries_[i - 1] || boundaries_[i] > kMaxWords) {
        return Fail("cat_boundaries do not rise");
      }
    }
    boundary_ += count;
    const auto words = static_cast<uint64_t>(boundaries_[boundary_ - 1]);
    if (words > words_ - word_) return Fail("cat_threshold is too short");
    word_ += words;
    return true;
  }

  bool Linear(uint64_t leaves) {
    if (is_linear_[tree_] == 0) {
      return (TextOf(leaf_const_).empty() && TextOf(leaf_coeff_).empty()) ||
             Fail("it is not linear");
    }
    if (leaves > num_features_.size() - counted_) return Fail("num_features is too short");
    uint64_t total = 0;
    for (uint64_t i = 0; i < leaves; ++i) {
      const int32_t count = num_features_[counted_++];
      if (count < 0) return Fail("num_features is negative");
      total += static_cast<uint64_t>(count);
    }
    if (total > leaf_features_.size() - linear_) return Fail("leaf_features is too short");
    for (uint64_t i = 0; i < total; ++i) {
      const int32_t feature = leaf_features_[linear_++];
      if (feature < 0 || feature >= features_) return Fail("a feature of a leaf is out of range");
    }
    return Decimals(leaf_const_, leaves) && Decimals(leaf_coeff_, total);
  }

  Record& record_;
  const int64_t features_;
  TreeWalk walk_;
  uint64_t total_leaves_ = 0;
  uint64_t total_inner_ = 0;
  uint64_t words_ = 0;
  // Of the tree that is looked at, and how far each column of its own length has been used.
  uint64_t tree_ = 0;
  uint64_t first_ = 0;
  uint64_t first_leaf_ = 0;
  uint64_t boundary_ = 0;
  uint64_t word_ = 0;
  uint64_t counted_ = 0;
  uint64_t linear_ = 0;

  Column<int32_t> leaves_, cats_, split_feature_, left_, right_, internal_count_, leaf_count_;
  Column<int32_t> boundaries_, num_features_, leaf_features_;
  Column<uint8_t> is_linear_, decision_;
  Sequence shrinkage_ = Nothing(), threshold_ = Nothing(), gain_ = Nothing(),
           internal_value_ = Nothing(), internal_weight_ = Nothing(), leaf_value_ = Nothing(),
           leaf_weight_ = Nothing(), leaf_const_ = Nothing(), leaf_coeff_ = Nothing();
  Sequence Nothing() const {
    return {record_.scope().view(), Value::Node(record_.scope().view().root())};
  }
};

}  // namespace

bool CheckLightgbmTrees(Record* record, int64_t features, int64_t trees_a_round) {
  return TreesChecker(record, features).Check(trees_a_round);
}

}  // namespace loadlock::verify
