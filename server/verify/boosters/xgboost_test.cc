// XGBOOST: sound records pass, every clause broken once does not.
#include "server/verify/boosters/xgboost.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/verify/testing/make.h"

namespace loadlock::verify::testing {
namespace {

constexpr int32_t kNobody = 2147483647;

Maker Bytes8(const std::vector<uint8_t>& values) {
  const auto size = static_cast<int64_t>(values.size());
  return Raw(DType("|u1"), {size}, Bytes(values));
}

Maker Strs(const std::vector<std::string>& texts) {
  Makers items;
  for (const std::string& text : texts) items.push_back(Str(text));
  return List(std::move(items));
}

// Two trees: a root with two leaves, one of them by category; and a pruned one with two deleted
// nodes.
Attrs Xgb() {
  return {{"version", List({Int(3), Int(2), Int(0)})},
          {"num_class", Int(0)},
          {"num_feature", Int(2)},
          {"num_target", Int(1)},
          {"boost_from_average", Int(1)},
          {"base_score", List({Float(0.5)})},
          {"base_score_is_scalar", Int(0)},
          {"attributes", Dict({{"best_iteration", Str("1")}})},
          {"feature_names", Strs({"a", "b"})},
          {"feature_types", Strs({"c", "q"})},
          {"objective", Str("reg:squarederror")},
          {"objective_params", Dict({{"reg_loss_param", Dict({{"scale_pos_weight", Str("1")}})}})},
          {"booster", Str("gbtree")},
          {"num_parallel_tree", Int(1)},
          {"tree_info", Vec<int32_t>({0, 0})},
          {"num_nodes", Vec<int32_t>({3, 3})},
          {"num_deleted", Vec<int32_t>({0, 2})},
          {"left_children", Vec<int32_t>({1, -1, -1, -1, -1, -1})},
          {"right_children", Vec<int32_t>({2, -1, -1, -1, -1, -1})},
          {"parents", Vec<int32_t>({kNobody, 0, 0, kNobody, 0, 0})},
          {"split_indices", Vec<int32_t>({0, 0, 0, 0, kNobody, kNobody})},
          {"split_conditions", Vec<float>({1, 2, 3, 4, 5, 6})},
          {"base_weights", Vec<float>({1, 2, 3, 4, 5, 6})},
          {"loss_changes", Vec<float>({1, 2, 3, 4, 5, 6})},
          {"sum_hessian", Vec<float>({1, 2, 3, 4, 5, 6})},
          {"default_left", Bytes8({1, 0, 0, 0, 1, 1})},
          {"split_type", Bytes8({1, 0, 0, 0, 0, 0})},
          {"categories_nodes", Vec<int32_t>({0})},
          {"categories_sizes", Vec<int32_t>({2})},
          {"categories", Vec<int32_t>({3, 1})}};
}

std::string XgbOutcome(Attrs record) {
  const Maker booster = Obj("xgboost.core.Booster", {{"handle", Dict(std::move(record))}});
  return Outcome(VerifyMade(booster, "boosters"));
}

TEST(Xgboost, SoundRecordsPass) {
  EXPECT_EQ(XgbOutcome(Xgb()), "ACCEPTED");
  Attrs dart = With(Xgb(), "booster", Str("dart"));
  dart["weight_drop"] = Vec<float>({1, 0.5});
  EXPECT_EQ(XgbOutcome(dart), "ACCEPTED");
  Attrs classes = With(Xgb(), "num_class", Int(2));
  classes["tree_info"] = Vec<int32_t>({0, 1});
  classes["base_score"] = List({Float(0.5), Float(1)});
  EXPECT_EQ(XgbOutcome(classes), "ACCEPTED");
}

TEST(Xgboost, EveryClauseIsChecked) {
  const Attrs good = Xgb();
  const std::vector<Attrs> broken = {
      With(good, "version", List({Int(3), Int(2)})),
      With(good, "version", List({Int(3), Int(2), Int(1000)})),
      With(good, "num_class", Int(-1)),
      With(good, "num_class", Int(3)),
      With(good, "num_class", Str("0")),
      With(good, "num_feature", Int(0)),
      With(good, "num_feature", Int(int64_t{1} << 31)),
      With(good, "num_target", Int(0)),
      With(good, "num_target", Int(3)),
      With(good, "num_target", Int(10'001)),
      With(good, "boost_from_average", Int(2)),
      With(good, "base_score", List({})),
      With(good, "base_score", List({Float(0.5), Float(0.5)})),
      With(good, "base_score", List({Float(1e300 * 1e300)})),
      With(good, "base_score", List({Str("0.5")})),
      With(good, "base_score_is_scalar", Int(2)),
      With(good, "attributes", Dict({{"a", Int(1)}})),
      With(good, "attributes", List({})),
      With(good, "feature_names", Strs({"a"})),
      With(good, "feature_names", List({Int(1), Int(2)})),
      With(good, "feature_types", Strs({"c", "x"})),
      With(good, "objective", Str("reg:evil")),
      With(good, "objective", Str("")),
      With(good, "objective_params", Dict({{"p", Dict({{"num_class", Str("7")}})}})),
      With(good, "objective_params", Dict({{"p", Str("x")}})),
      With(good, "objective_params", Dict({{"name", Dict({})}})),
      With(good, "booster", Str("gblinear")),
      With(good, "booster", Str("dart")),
      With(good, "booster", Str("gbforest")),
      With(good, "num_parallel_tree", Int(0)),
      With(good, "num_parallel_tree", Int(4)),
      With(good, "tree_info", Vec<int32_t>({0, 1})),
      With(good, "tree_info", Vec<int32_t>({0, -1})),
      With(good, "tree_info", Vec<int32_t>({0})),
      With(good, "tree_info", Vec<int64_t>({0, 0})),
      With(good, "num_nodes", Vec<int32_t>({3, 4})),
      With(good, "num_nodes", Vec<int32_t>({6, 0})),
      With(good, "num_nodes", Vec<int32_t>({7, -1})),
      With(good, "num_deleted", Vec<int32_t>({0, 0})),
      With(good, "num_deleted", Vec<int32_t>({2, 0})),
      With(good, "left_children", Vec<int32_t>({3, -1, -1, -1, -1, -1})),
      With(good, "left_children", Vec<int32_t>({0, -1, -1, -1, -1, -1})),
      With(good, "left_children", Vec<int32_t>({-2, -1, -1, -1, -1, -1})),
      With(good, "left_children", Vec<int32_t>({-1, -1, -1, -1, -1, -1})),
      With(good, "left_children", Vec<int32_t>({2, -1, -1, -1, -1, -1})),
      With(good, "left_children", Vec<int32_t>({1, -1, -1, -1, -1})),
      With(good, "left_children", Vec<float>({1, -1, -1, -1, -1, -1})),
      With(good, "right_children", Vec<int32_t>({1 << 30, -1, -1, -1, -1, -1})),
      With(good, "right_children", Vec<int32_t>({2, 1, -1, -1, -1, -1})),
      With(good, "parents", Vec<int32_t>({0, 0, 0, kNobody, 0, 0})),
      With(good, "parents", Vec<int32_t>({kNobody, 1, 0, kNobody, 0, 0})),
      With(good, "parents", Vec<int32_t>({kNobody, 0, 0, kNobody, 0, 3})),
      With(good, "split_indices", Vec<int32_t>({2, 0, 0, 0, kNobody, kNobody})),
      With(good, "split_indices", Vec<int32_t>({-1, 0, 0, 0, kNobody, kNobody})),
      With(good, "split_indices", Vec<int32_t>({0, 0, kNobody, 0, kNobody, kNobody})),
      With(good, "split_indices", Vec<int32_t>({0, 0, 0, 0, 0, kNobody})),
      With(good, "split_conditions", Vec<float>({1, 2, __builtin_nanf(""), 4, 5, 6})),
      With(good, "sum_hessian", Vec<float>({1, 2, 3, 4, 5})),
      With(good, "loss_changes", Vec<double>({1, 2, 3, 4, 5, 6})),
      With(good, "base_weights", Arr<float>({2, 3}, {1, 2, 3, 4, 5, 6})),
      With(good, "base_weights", Raw(DType(">f4"), {6}, std::string(24, '\0'))),
      With(good, "default_left", Bytes8({2, 0, 0, 0, 1, 1})),
      With(good, "default_left", Bytes8({1, 0, 0, 0, 0, 1})),
      With(good, "split_type", Bytes8({0, 0, 0, 0, 0, 0})),
      With(good, "split_type", Bytes8({2, 0, 0, 0, 0, 0})),
      With(good, "split_type", Bytes8({1, 1, 0, 0, 0, 0})),
      With(good, "categories_nodes", Vec<int32_t>({1})),
      With(good, "categories_nodes", Vec<int32_t>({})),
      With(good, "categories_sizes", Vec<int32_t>({0})),
      With(good, "categories_sizes", Vec<int32_t>({1})),
      With(good, "categories_sizes", Vec<int32_t>({3})),
      With(good, "categories_sizes", Vec<int32_t>({-1})),
      With(good, "categories", Vec<int32_t>({3, -1})),
      With(good, "categories", Vec<int32_t>({3, 1 << 20})),
      With(good, "categories", nullptr),
      With(good, "more", Int(1)),
  };
  for (size_t i = 0; i < broken.size(); ++i) {
    EXPECT_TRUE(XgbOutcome(broken[i]).starts_with("INVARIANT_XGBOOST"))
        << i << ": " << XgbOutcome(broken[i]);
  }
}

TEST(Xgboost, AChainIsRefusedByItsDepth) {
  const auto chain = [](int32_t inner) {
    // Node 0, then for each inner node its two children: the first goes on, the second is a leaf.
    const int32_t size = 2 * inner + 1;
    std::vector<int32_t> left(static_cast<size_t>(size), -1);
    std::vector<int32_t> right = left;
    std::vector<int32_t> parents(static_cast<size_t>(size), 0);
    parents[0] = kNobody;
    int32_t node = 0;
    for (int32_t i = 0; i < inner; ++i) {
      const int32_t child = 2 * i + 1;
      left[static_cast<size_t>(node)] = child;
      right[static_cast<size_t>(node)] = child + 1;
      parents[static_cast<size_t>(child)] = node;
      parents[static_cast<size_t>(child) + 1] = node;
      node = child;
    }
    Attrs record = Xgb();
    const std::vector<int32_t> zeros(static_cast<size_t>(size), 0);
    const std::vector<float> numbers(static_cast<size_t>(size), 1);
    const std::vector<uint8_t> flags(static_cast<size_t>(size), 0);
    record["tree_info"] = Vec<int32_t>({0});
    record["num_nodes"] = Vec<int32_t>({size});
    record["num_deleted"] = Vec<int32_t>({0});
    record["left_children"] = Vec(left);
    record["right_children"] = Vec(right);
    record["parents"] = Vec(parents);
    record["split_indices"] = Vec(zeros);
    for (const char* key : {"split_conditions", "base_weights", "loss_changes", "sum_hessian"}) {
      record[key] = Vec(numbers);
    }
    record["default_left"] = Bytes8(flags);
    record["split_type"] = Bytes8(flags);
    for (const char* key : {"categories_nodes", "categories_sizes", "categories"}) {
      record[key] = Vec<int32_t>({});
    }
    return XgbOutcome(record);
  };
  EXPECT_EQ(chain(512), "ACCEPTED");
  EXPECT_TRUE(chain(513).find("deeper") != std::string::npos) << chain(513);
}

TEST(Xgboost, ALinearModelHasAWeightAFeatureAndGroup) {
  Attrs record = Xgb();
  for (const char* key :
       {"num_parallel_tree", "tree_info", "num_nodes", "num_deleted", "left_children",
        "right_children", "parents", "split_indices", "split_conditions", "base_weights",
        "loss_changes", "sum_hessian", "default_left", "split_type", "categories_nodes",
        "categories_sizes", "categories"}) {
    record.erase(key);
  }
  record["booster"] = Str("gblinear");
  record["boosted_rounds"] = Int(3);
  record["weights"] = Vec<float>({1, 2, 3});
  EXPECT_EQ(XgbOutcome(record), "ACCEPTED");
  for (const Attrs& bad :
       {With(record, "weights", Vec<float>({1, 2})), With(record, "weights", nullptr),
        With(record, "weights", Vec<float>({1, 2, __builtin_inff()})),
        With(record, "boosted_rounds", Int(-1)), With(record, "num_feature", Int(3))}) {
    EXPECT_TRUE(XgbOutcome(bad).starts_with("INVARIANT_XGBOOST")) << XgbOutcome(bad);
  }
}

TEST(Xgboost, BytesAreNeverAModel) {
  for (const Maker& handle : {None(), Int(1), Str("{"), Dict({}), List({})}) {
    const Maker booster = Obj("xgboost.core.Booster", {{"handle", handle}});
    EXPECT_NE(Outcome(VerifyMade(booster, "boosters")), "ACCEPTED");
  }
  EXPECT_NE(Outcome(VerifyMade(Obj("xgboost.core.Booster", {}), "boosters")), "ACCEPTED");
  EXPECT_NE(Outcome(VerifyMade(ObjWith("xgboost.core.Booster", nullptr, nullptr), "boosters")),
            "ACCEPTED");
}

}  // namespace
}  // namespace loadlock::verify::testing
