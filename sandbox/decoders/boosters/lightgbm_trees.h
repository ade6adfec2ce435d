// The trees of a LightGBM model text, read into columns.
#ifndef LOADLOCK_SANDBOX_DECODERS_BOOSTERS_LIGHTGBM_TREES_H_
#define LOADLOCK_SANDBOX_DECODERS_BOOSTERS_LIGHTGBM_TREES_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sandbox/decoders/boosters/record.h"
#include "sandbox/decoders/boosters/text_lines.h"

namespace loadlock::boosters {

class LightgbmTrees {
 public:
  explicit LightgbmTrees(TextLines* lines) : lines_(*lines) {}

  // The next tree, from its line "Tree=" on. False: the lines have the refusal.
  bool Read();
  bool Put(const Target& target, Record* record) const;

 private:
  // clang-format off
  enum Key : size_t {
    kTree, kNumLeaves, kNumCat, kSplitFeature, kSplitGain, kThreshold, kDecisionType, kLeftChild,
    kRightChild, kLeafValue, kLeafWeight, kLeafCount, kInternalValue, kInternalWeight,
    kInternalCount, kCatBoundaries, kCatThreshold, kIsLinear, kShrinkage, kLeafConst, kNumFeatures,
    kLeafFeatures, kLeafCoeff, kKeys
  };
  static constexpr std::array<std::string_view, kKeys> kNames = {
      "Tree", "num_leaves", "num_cat", "split_feature", "split_gain", "threshold", "decision_type",
      "left_child", "right_child", "leaf_value", "leaf_weight", "leaf_count", "internal_value",
      "internal_weight", "internal_count", "cat_boundaries", "cat_threshold", "is_linear",
      "shrinkage", "leaf_const", "num_features", "leaf_features", "leaf_coeff"};
  // clang-format on
  // Floating-point numbers: kept as text, one string a tree.
  static constexpr std::array<Key, 9> kTexts = {kShrinkage,     kThreshold,      kSplitGain,
                                                kInternalValue, kInternalWeight, kLeafValue,
                                                kLeafWeight,    kLeafConst,      kLeafCoeff};

  bool ReadShape();
  bool ReadNodes();
  bool ReadLeaves();
  bool ReadCategories();
  bool ReadLinear();
  bool ReadInt(Key key, int64_t low, int64_t high, int64_t* out);
  // `count` integers of [low, high], appended.
  template <typename T>
  bool ReadInts(Key key, size_t count, int64_t low, int64_t high, std::vector<T>* out);
  // `count` decimal numbers, kept as they are; none if the line is missing and may be.
  bool ReadDecimals(Key key, size_t count);
  // The same for runs that are grouped by leaf: more spaces than one are taken for one.
  bool ReadGrouped(Key key, std::string* out) const;
  void Keep(Key key, std::string_view text) { texts_[key].push_back(text); }
  bool Fail(Key key, std::string_view what);

  TextLines& lines_;
  std::array<std::optional<std::string_view>, kKeys> values_;
  int64_t leaves_ = 0;
  int64_t cats_ = 0;
  int64_t linear_ = 0;

  std::vector<int32_t> num_leaves_, num_cat_, split_feature_, left_, right_, internal_count_;
  std::vector<int32_t> leaf_count_, cat_boundaries_, num_features_, leaf_features_;
  std::vector<uint32_t> cat_threshold_;
  std::vector<uint8_t> is_linear_, decision_type_;
  std::array<std::vector<std::string_view>, kKeys> texts_;
  // Of linear trees: number of the tree, place in `coefficients_`.
  std::vector<std::pair<size_t, size_t>> coefficient_places_;
  std::vector<std::string> coefficients_;
};

}  // namespace loadlock::boosters

#endif  // LOADLOCK_SANDBOX_DECODERS_BOOSTERS_LIGHTGBM_TREES_H_
