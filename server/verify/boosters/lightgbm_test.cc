// LIGHTGBM and its owners: sound records pass, every clause broken once does not.
#include "server/verify/boosters/lightgbm.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/verify/boosters/decimals.h"
#include "server/verify/testing/make.h"

namespace loadlock::verify::testing {
namespace {

Maker Bytes8(const std::vector<uint8_t>& values) {
  const auto size = static_cast<int64_t>(values.size());
  return Raw(DType("|u1"), {size}, Bytes(values));
}

Maker Strs(const std::vector<std::string>& texts) {
  Makers items;
  for (const std::string& text : texts) items.push_back(Str(text));
  return List(std::move(items));
}

// Two trees: three leaves with a category; one linear leaf.
Attrs Lgb() {
  return {{"version", Str("v4")},
          {"objective", Str("binary sigmoid:1")},
          {"num_class", Int(1)},
          {"num_tree_per_iteration", Int(1)},
          {"label_index", Int(0)},
          {"max_feature_idx", Int(1)},
          {"average_output", Int(0)},
          {"feature_names", Strs({"a", "b=\xc3\xa9"})},
          {"feature_infos", Strs({"0:1:2", "[-1:1]"})},
          {"monotone_constraints", None()},
          {"pandas_categorical", List({Strs({"x"}), List({Int(1), Float(2)})})},
          {"num_leaves", Vec<int32_t>({3, 1})},
          {"num_cat", Vec<int32_t>({1, 0})},
          {"is_linear", Bytes8({0, 1})},
          {"split_feature", Vec<int32_t>({0, 1})},
          {"left_child", Vec<int32_t>({1, -1})},
          {"right_child", Vec<int32_t>({-2, -3})},
          {"decision_type", Bytes8({1, 10})},
          {"internal_count", Vec<int32_t>({5, 3})},
          {"leaf_count", Vec<int32_t>({1, 2, 2, 5})},
          {"cat_boundaries", Vec<int32_t>({0, 2})},
          {"cat_threshold", Vec<uint32_t>({5, 4294967295U})},
          {"num_features", Vec<int32_t>({2})},
          {"leaf_features", Vec<int32_t>({0, 1})},
          {"shrinkage", Strs({"1", "0.1"})},
          {"threshold", Strs({"0 -1.5e-05", ""})},
          {"split_gain", Strs({"8 1", ""})},
          {"internal_value", Strs({"0 1", ""})},
          {"internal_weight", Strs({"0 1", ""})},
          {"leaf_value", Strs({"1 -2 3", "4"})},
          {"leaf_weight", Strs({"1 2 3", "0"})},
          {"leaf_const", Strs({"", "1"})},
          {"leaf_coeff", Strs({"", "0.5 2"})}};
}

std::string LgbOutcome(Attrs record) {
  const Maker booster = Obj("lightgbm.basic.Booster", {{"_handle", Dict(std::move(record))}});
  return Outcome(VerifyMade(booster, "boosters"));
}

TEST(Lightgbm, SoundRecordsPass) {
  EXPECT_EQ(LgbOutcome(Lgb()), "ACCEPTED");
  EXPECT_EQ(LgbOutcome(With(Lgb(), "objective", None())), "ACCEPTED");
  EXPECT_EQ(LgbOutcome(With(Lgb(), "monotone_constraints", List({Int(-1), Int(1)}))), "ACCEPTED");
  EXPECT_EQ(LgbOutcome(With(Lgb(), "pandas_categorical", None())), "ACCEPTED");
}

TEST(Lightgbm, EveryClauseIsChecked) {
  const Attrs good = Lgb();
  const std::vector<Attrs> broken = {
      With(good, "version", Str("v9")),
      With(good, "objective", Str("")),
      With(good, "objective", Str("evil")),
      With(good, "objective", Str("binary sigmoid:1\nTree=0")),
      With(good, "objective", Str("binary evil:1")),
      With(good, "objective", Str("binary sigmoid:")),
      With(good, "objective", Str("multiclass num_class:3")),
      With(good, "num_class", Int(0)),
      With(good, "num_class", Int(2)),
      With(good, "num_tree_per_iteration", Int(0)),
      With(good, "num_tree_per_iteration", Int(2)),
      With(good, "label_index", Int(-1)),
      With(good, "max_feature_idx", Int(0)),
      With(good, "max_feature_idx", Int(2)),
      With(good, "average_output", Int(2)),
      With(good, "feature_names", Strs({"a", "b c"})),
      With(good, "feature_names", Strs({"a", ""})),
      With(good, "feature_names", Strs({"a", "b\nTree=0"})),
      With(good, "feature_names", Strs({"a"})),
      With(good, "feature_infos", Strs({"0:1:2", "x"})),
      With(good, "feature_infos", Strs({"0:1:2", "0 1"})),
      With(good, "monotone_constraints", List({Int(1)})),
      With(good, "monotone_constraints", List({Int(1), Int(2)})),
      With(good, "pandas_categorical", List({Int(1)})),
      With(good, "pandas_categorical", List({List({List({})})})),
      With(good, "num_leaves", Vec<int32_t>({4, 1})),
      With(good, "num_leaves", Vec<int32_t>({3, 0})),
      With(good, "num_leaves", Vec<int32_t>({})),
      With(good, "num_cat", Vec<int32_t>({0, 0})),
      With(good, "num_cat", Vec<int32_t>({2, 0})),
      With(good, "num_cat", Vec<int32_t>({1, 1})),
      With(good, "is_linear", Bytes8({0, 0})),
      With(good, "is_linear", Bytes8({1, 1})),
      With(good, "is_linear", Bytes8({0, 2})),
      With(good, "split_feature", Vec<int32_t>({0, 2})),
      With(good, "split_feature", Vec<int32_t>({-1, 0})),
      With(good, "split_feature", Vec<int32_t>({0})),
      With(good, "left_child", Vec<int32_t>({0, -1})),
      With(good, "left_child", Vec<int32_t>({2, -1})),
      With(good, "left_child", Vec<int32_t>({1, 0})),
      With(good, "left_child", Vec<int32_t>({1, -2})),
      With(good, "left_child", Vec<int32_t>({1, -2147483647 - 1})),
      With(good, "right_child", Vec<int32_t>({-2, -4})),
      With(good, "right_child", Vec<int32_t>({-3, -2147483647})),
      With(good, "decision_type", Bytes8({1, 12})),
      With(good, "decision_type", Bytes8({1, 11})),
      With(good, "decision_type", Bytes8({0, 0})),
      With(good, "internal_count", Vec<int32_t>({5, -1})),
      With(good, "leaf_count", Vec<int32_t>({1, 2, -2, 5})),
      With(good, "leaf_count", Vec<int32_t>({1, 2, 2})),
      With(good, "cat_boundaries", Vec<int32_t>({0, 3})),
      With(good, "cat_boundaries", Vec<int32_t>({0, 1})),
      With(good, "cat_boundaries", Vec<int32_t>({0, 0})),
      With(good, "cat_boundaries", Vec<int32_t>({1, 2})),
      With(good, "cat_boundaries", Vec<int32_t>({0})),
      With(good, "cat_boundaries", Vec<int32_t>({0, 2, 2})),
      With(good, "cat_threshold", Vec<uint32_t>({5})),
      With(good, "cat_threshold", Vec<int32_t>({5, 4})),
      With(good, "num_features", Vec<int32_t>({1})),
      With(good, "num_features", Vec<int32_t>({-2})),
      With(good, "num_features", Vec<int32_t>({2, 0})),
      With(good, "leaf_features", Vec<int32_t>({0, 2})),
      With(good, "leaf_features", Vec<int32_t>({0})),
      With(good, "shrinkage", Strs({"1", ""})),
      With(good, "shrinkage", Strs({"1"})),
      With(good, "threshold", Strs({"1 -1.5", ""})),
      With(good, "threshold", Strs({"0.0 -1.5", ""})),
      With(good, "threshold", Strs({"0 -1.5 3", ""})),
      With(good, "threshold", Strs({"0 -1.5", "1"})),
      With(good, "threshold", Strs({"0  -1.5", ""})),
      With(good, "split_gain", Strs({"8 nan", ""})),
      With(good, "internal_value", Strs({"0 1\nTree=1", ""})),
      With(good, "internal_weight", Strs({"0 1 ", ""})),
      With(good, "leaf_value", Strs({"1 -2 1e999", "4"})),
      With(good, "leaf_value", Strs({"1 -2 +3", "4"})),
      With(good, "leaf_weight", Strs({"1 2", "0"})),
      With(good, "leaf_const", Strs({"1 2 3", "1"})),
      With(good, "leaf_const", Strs({"", ""})),
      With(good, "leaf_coeff", Strs({"", "0.5"})),
      With(good, "leaf_coeff", nullptr),
      With(good, "more", Int(1)),
  };
  for (size_t i = 0; i < broken.size(); ++i) {
    EXPECT_TRUE(LgbOutcome(broken[i]).starts_with("INVARIANT_LIGHTGBM"))
        << i << ": " << LgbOutcome(broken[i]);
  }
}

TEST(Lightgbm, WhatPredictHandsOverSetsNoParameterOfItsOwn) {
  const auto outcome = [](const Attrs& state) {
    Attrs all = {{"_Booster", Obj("lightgbm.basic.Booster", {{"_handle", Dict(Lgb())}})},
                 {"_other_params", Dict({})},
                 {"_n_classes", Int(2)},
                 {"_n_features", Int(2)}};
    for (auto& [key, value] : state) all[key] = value;
    return Outcome(VerifyMade(Obj("lightgbm.sklearn.LGBMClassifier", all), "boosters"));
  };
  EXPECT_EQ(outcome({}), "ACCEPTED");
  EXPECT_EQ(outcome({{"_other_params", Dict({{"verbose", Int(-1)},
                                             {"metric", Strs({"auc", "l2"})},
                                             {"monotone_constraints", List({Int(1), Int(0)})}})}}),
            "ACCEPTED");
  const std::vector<Attrs> broken = {
      {{"_other_params", Dict({{"predict_disable_shape_check", Bool(true)}})}},
      {{"_other_params", Dict({{"num_threads", Int(1'000'000)}})}},
      {{"_other_params", Dict({{"input_model", Str("/etc/passwd")}})}},
      {{"_other_params", Dict({{"metric", Str("auc predict_disable_shape_check=true")}})}},
      {{"_other_params", Dict({{"metric", Strs({"auc\tnthread=9"})}})}},
      {{"_other_params", Dict({{"metric", Dict({})}})}},
      {{"boosting_type", Str("gbdt num_threads=100000")}},
      {{"_objective", Str("binary predict_disable_shape_check=1")}},
      {{"_eval_at", List({Str("1 nthread=9")})}},
      {{"_n_classes", Int(3)}},
      {{"_n_features", Int(3)}},
  };
  for (size_t i = 0; i < broken.size(); ++i) {
    EXPECT_TRUE(outcome(broken[i]).starts_with("INVARIANT_LIGHTGBM_OWNER"))
        << i << outcome(broken[i]);
  }
  EXPECT_NE(outcome({{"_Booster", Str("tree")}}), "ACCEPTED");
  EXPECT_NE(outcome({{"learning_rate", Zeros({1})}}), "ACCEPTED");
}

TEST(Decimals, AreWhatAPrinterWrites) {
  for (const char* good : {"0", "-0", "1", "-12", "0.5", "1e-05", "1.0000000000000001e+300",
                           "-3.4028234663852886e+38", "4.9406564584124654e-324"}) {
    EXPECT_TRUE(IsDecimal(good)) << good;
  }
  for (const char* bad : {"",       "-",   "+1",  "01",   "00",
                          ".5",     "1.",  "1e5", "1e+5", "1e+0005",
                          "1e+999", "inf", "nan", "0x1",  "1 ",
                          " 1",     "1,5", "1_0", "--1",  "1.00000000000000000000000000000001"}) {
    EXPECT_FALSE(IsDecimal(bad)) << bad;
  }
  EXPECT_TRUE(IsIndex("0", 1));
  EXPECT_FALSE(IsIndex("1", 1));
  EXPECT_FALSE(IsIndex("-0", 1));
  EXPECT_FALSE(IsIndex("00", 1));
  EXPECT_FALSE(IsIndex("0.0", 1));
}

}  // namespace
}  // namespace loadlock::verify::testing
