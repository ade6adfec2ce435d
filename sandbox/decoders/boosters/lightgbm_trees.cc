#include "sandbox/decoders/boosters/lightgbm_trees.h"

#include <limits>

#include "sandbox/bytes/text.h"
#include "sandbox/decoders/boosters/decimals.h"
#include "sandbox/decoders/boosters/fields.h"

namespace loadlock::boosters {
namespace {

constexpr int64_t kMaxInt = std::numeric_limits<int32_t>::max();
constexpr int64_t kMaxLeaves = int64_t{1} << 20;

}  // namespace

bool LightgbmTrees::Fail(Key key, std::string_view what) {
  return lines_.Fail(
      bytes::Concat({kNames[key], " of tree ", std::to_string(num_leaves_.size()), ": ", what}));
}

bool LightgbmTrees::Read() {
  std::string_view line;
  values_ = {};
  while (lines_.Next(&line) && line.empty()) {
  }
  // Blank lines at the end of the last tree.
  if (line.empty()) return true;
  do {
    if (!lines_.Store(line, kNames, &values_)) return false;
  } while (lines_.Next(&line) && !line.empty());
  return ReadShape() && ReadNodes() && ReadLeaves() && ReadCategories() && ReadLinear();
}

bool LightgbmTrees::ReadInt(Key key, int64_t low, int64_t high, int64_t* out) {
  if (!values_[key]) return Fail(key, "it is missing");
  const std::optional<int64_t> number = ParseInt(*values_[key], low, high);
  if (!number) return Fail(key, "no integer, or out of range");
  *out = *number;
  return true;
}

template <typename T>
bool LightgbmTrees::ReadInts(Key key, size_t count, int64_t low, int64_t high,
                             std::vector<T>* out) {
  if (!values_[key]) return Fail(key, "it is missing");
  std::string_view rest = *values_[key];
  if (CountTokens(rest) != count) return Fail(key, "its length");
  if (!lines_.budget()->ChargeHeap(count * 2 * sizeof(T))) return lines_.Fail("");
  for (size_t i = 0; i < count; ++i) {
    const std::optional<int64_t> number = ParseInt(NextToken(&rest), low, high);
    if (!number) return Fail(key, "it holds something else than integers in range");
    out->push_back(static_cast<T>(*number));
  }
  return true;
}

bool LightgbmTrees::ReadDecimals(Key key, size_t count) {
  if (!lines_.budget()->ChargeHeap(sizeof(std::string_view) * 2)) return lines_.Fail("");
  if (!values_[key]) return Fail(key, "it is missing");
  std::string_view rest = *values_[key];
  if (CountTokens(rest) != count) return Fail(key, "its length");
  for (size_t i = 0; i < count; ++i) {
    if (!IsDecimal(NextToken(&rest))) {
      return Fail(key, "it holds something else than finite decimal numbers");
    }
  }
  Keep(key, *values_[key]);
  return true;
}

bool LightgbmTrees::ReadShape() {
  int64_t number = 0;
  const auto id = static_cast<int64_t>(num_leaves_.size());
  if (!ReadInt(kTree, id, id, &number) || !ReadInt(kNumLeaves, 1, kMaxLeaves, &leaves_) ||
      !ReadInt(kNumCat, 0, leaves_ - 1, &cats_)) {
    return false;
  }
  linear_ = 0;
  if (values_[kIsLinear] && !ReadInt(kIsLinear, 0, 1, &linear_)) return false;
  if (!ReadDecimals(kShrinkage, 1)) return false;
  num_leaves_.push_back(static_cast<int32_t>(leaves_));
  num_cat_.push_back(static_cast<int32_t>(cats_));
  is_linear_.push_back(static_cast<uint8_t>(linear_));
  return true;
}

bool LightgbmTrees::ReadNodes() {
  const auto inner = static_cast<size_t>(leaves_ - 1);
  constexpr int64_t kMaxDecision = 11;
  return ReadInts(kSplitFeature, inner, 0, kMaxInt, &split_feature_) &&
         ReadInts(kLeftChild, inner, -leaves_, leaves_ - 2, &left_) &&
         ReadInts(kRightChild, inner, -leaves_, leaves_ - 2, &right_) &&
         ReadInts(kDecisionType, inner, 0, kMaxDecision, &decision_type_) &&
         ReadInts(kInternalCount, inner, 0, kMaxInt, &internal_count_) &&
         ReadDecimals(kThreshold, inner) && ReadDecimals(kSplitGain, inner) &&
         ReadDecimals(kInternalValue, inner) && ReadDecimals(kInternalWeight, inner);
}

// A tree of one leaf may say nothing of its weight and count.
bool LightgbmTrees::ReadLeaves() {
  const auto leaves = static_cast<size_t>(leaves_);
  if (!ReadDecimals(kLeafValue, leaves)) return false;
  const auto silent = [&](Key key) {
    return leaves == 1 && (!values_[key] || values_[key]->empty());
  };
  if (silent(kLeafWeight)) {
    Keep(kLeafWeight, "0");
  } else if (!ReadDecimals(kLeafWeight, leaves)) {
    return false;
  }
  if (silent(kLeafCount)) {
    leaf_count_.push_back(0);
    return true;
  }
  return ReadInts(kLeafCount, leaves, 0, kMaxInt, &leaf_count_);
}

bool LightgbmTrees::ReadCategories() {
  if (cats_ == 0) {
    return (!values_[kCatBoundaries] && !values_[kCatThreshold]) ||
           Fail(kCatBoundaries, "the tree has no categories");
  }
  constexpr int64_t kMaxWords = int64_t{1} << 24;
  if (!ReadInts(kCatBoundaries, static_cast<size_t>(cats_) + 1, 0, kMaxWords, &cat_boundaries_)) {
    return false;
  }
  const auto words = static_cast<size_t>(cat_boundaries_.back());
  constexpr int64_t kMaxWord = std::numeric_limits<uint32_t>::max();
  return ReadInts(kCatThreshold, words, 0, kMaxWord, &cat_threshold_);
}

bool LightgbmTrees::ReadGrouped(Key key, std::string* out) const {
  if (!values_[key]) return false;
  std::string_view rest = *values_[key];
  while (!rest.empty()) {
    const std::string_view token = NextToken(&rest);
    if (token.empty()) continue;
    if (!out->empty()) out->push_back(' ');
    out->append(token);
  }
  return true;
}

bool LightgbmTrees::ReadLinear() {
  if (linear_ == 0) {
    for (const Key key : {kLeafConst, kNumFeatures, kLeafFeatures, kLeafCoeff}) {
      if (values_[key]) return Fail(key, "the tree is not linear");
    }
    Keep(kLeafConst, "");
    Keep(kLeafCoeff, "");
    return true;
  }
  const auto leaves = static_cast<size_t>(leaves_);
  const size_t before = num_features_.size();
  if (!ReadDecimals(kLeafConst, leaves) ||
      !ReadInts(kNumFeatures, leaves, 0, kMaxLeaves, &num_features_)) {
    return false;
  }
  size_t total = 0;
  for (size_t i = before; i < num_features_.size(); ++i) {
    total += static_cast<size_t>(num_features_[i]);
  }
  std::string features;
  std::string coefficients;
  if (!lines_.budget()->ChargeHeap(2 * values_[kLeafCoeff].value_or("").size())) {
    return lines_.Fail("");
  }
  if (!ReadGrouped(kLeafFeatures, &features)) return Fail(kLeafFeatures, "it is missing");
  if (!ReadGrouped(kLeafCoeff, &coefficients)) return Fail(kLeafCoeff, "it is missing");
  values_[kLeafFeatures] = features;
  values_[kLeafCoeff] = coefficients;
  if (!ReadInts(kLeafFeatures, total, 0, kMaxInt, &leaf_features_) ||
      !ReadDecimals(kLeafCoeff, total)) {
    return false;
  }
  // What was kept is a view of a string that ends here.
  coefficient_places_.emplace_back(num_leaves_.size() - 1, coefficients_.size());
  coefficients_.push_back(std::move(coefficients));
  return true;
}

bool LightgbmTrees::Put(const Target& target, Record* record) const {
  for (const Key key : kTexts) {
    std::vector<std::string_view> texts = texts_[key];
    if (key == kLeafCoeff) {
      for (const auto& [tree, place] : coefficient_places_) {
        texts[tree] = target.builder->Keep(coefficients_[place]);
      }
    }
    std::vector<graph::NodeId> nodes;
    nodes.reserve(texts.size());
    for (const std::string_view text : texts) nodes.push_back(target.builder->Str(text));
    const graph::NodeId list = target.builder->List();
    target.builder->Extend(list, nodes);
    record->Put(kNames[key], list);
  }
  return record->PutColumn("num_leaves", num_leaves_) && record->PutColumn("num_cat", num_cat_) &&
         record->PutColumn("is_linear", is_linear_) &&
         record->PutColumn("split_feature", split_feature_) &&
         record->PutColumn("left_child", left_) && record->PutColumn("right_child", right_) &&
         record->PutColumn("decision_type", decision_type_) &&
         record->PutColumn("internal_count", internal_count_) &&
         record->PutColumn("leaf_count", leaf_count_) &&
         record->PutColumn("cat_boundaries", cat_boundaries_) &&
         record->PutColumn("cat_threshold", cat_threshold_) &&
         record->PutColumn("num_features", num_features_) &&
         record->PutColumn("leaf_features", leaf_features_);
}

}  // namespace loadlock::boosters
