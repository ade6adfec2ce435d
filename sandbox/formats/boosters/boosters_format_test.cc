// Model files of xgboost and LightGBM: detection, and texts broken in one place each.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sandbox/formats/boosters/lightgbm_format.h"
#include "sandbox/formats/boosters/xgboost_format.h"
#include "sandbox/formats/testing.h"

namespace loadlock::formats {
namespace {

using testing::HasSubstr;

// As xgboost 3.2 writes one tree of three nodes.
constexpr std::string_view kJson =
    R"({"learner":{"attributes":{},"feature_names":[],"feature_types":[],"gradient_booster":{"model":{)"
    R"("cats":{"enc":[],"feature_segments":[],"sorted_idx":[]},)"
    R"("gbtree_model_param":{"num_parallel_tree":"1","num_trees":"1"},"iteration_indptr":[0,1],)"
    R"("tree_info":[0],"trees":[{"base_weights":[-0E0,-2.4000001E-1,2.4000001E-1],"categories":[],)"
    R"("categories_nodes":[],"categories_segments":[],"categories_sizes":[],"default_left":[0,0,0],)"
    R"("id":0,"left_children":[1,-1,-1],"loss_changes":[6.4E0,0E0,0E0],"parents":[2147483647,0,0],)"
    R"("right_children":[2,-1,-1],"split_conditions":[4E0,-2.4000001E-1,2.4000001E-1],)"
    R"("split_indices":[0,0,0],"split_type":[0,0,0],"sum_hessian":[8E0,4E0,4E0],"tree_param":{)"
    R"("num_deleted":"0","num_feature":"2","num_nodes":"3","size_leaf_vector":"1"}}]},"name":"gbtree"},)"
    R"("learner_model_param":{"base_score":"[1.5E0]","boost_from_average":"1","num_class":"0",)"
    R"("num_feature":"2","num_target":"1"},"objective":{"name":"reg:squarederror","reg_loss_param":{)"
    R"("scale_pos_weight":"1"}}},"version":[3,2,0]})";

// As LightGBM 4.7 writes one tree of three leaves.
constexpr std::string_view kText =
    "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\nmax_feature_idx=1\n"
    "objective=regression\nfeature_names=Column_0 Column_1\nfeature_infos=[0:7] 3:-1:4\n"
    "tree_sizes=374\n\nTree=0\nnum_leaves=3\nnum_cat=0\nsplit_feature=0 0\nsplit_gain=8 1\n"
    "threshold=3.5000000000000004 1e-05\ndecision_type=2 2\nleft_child=1 -1\nright_child=-2 -3\n"
    "leaf_value=1.35 1.6 1.45\nleaf_weight=2 4 2\nleaf_count=2 4 2\ninternal_value=1.5 1.4\n"
    "internal_weight=8 4\ninternal_count=8 4\nis_linear=0\nshrinkage=1\n\n\nend of trees\n\n"
    "feature_importances:\nColumn_0=2\n\nparameters:\n[boosting: gbdt]\nend of parameters\n\n"
    "pandas_categorical:[[\"a\", 1.5, true], [3]]\n";

std::string Replaced(std::string_view text, std::string_view from, std::string_view to) {
  std::string changed(text);
  const size_t place = changed.find(from);
  EXPECT_NE(place, std::string::npos) << from;
  if (place != std::string::npos) changed.replace(place, from.size(), to);
  return changed;
}

std::string RuleOf(std::string_view text) {
  const Blob artifact = ToBlob(text);
  return Parsed(artifact).rule();
}

TEST(Xgboost, AModelBecomesABooster) {
  const Blob artifact = ToBlob(kJson);
  const Parsed parsed(artifact);
  ASSERT_EQ(parsed.rule(), "") << parsed.message();
  EXPECT_EQ(parsed.format(), "xgboost-json");
  EXPECT_TRUE(parsed.Names("xgboost.core", "Booster"));
  EXPECT_GT(parsed.decoded().size(), 0u);
  EXPECT_EQ(RuleOf(std::string(" \n") + std::string(kJson) + "\n"), "");
}

TEST(Xgboost, EveryTruncationIsRefused) {
  for (size_t length = 0; length < kJson.size(); ++length) {
    ASSERT_NE(RuleOf(kJson.substr(0, length)), "") << length;
  }
}

TEST(Xgboost, OneWrongPlaceIsRefused) {
  const std::vector<std::pair<std::string_view, std::string_view>> edits = {
      {"\"attributes\"", "\"atributes\""},
      {"\"attributes\":{}", "\"attributes\":{\"a\":1}"},
      {"\"feature_names\":[]", "\"feature_names\":[\"a\"]"},
      {"\"feature_names\":[]", "\"feature_names\":[1,2]"},
      {"\"enc\":[]", "\"enc\":[1]"},
      {"\"enc\":[]", "\"enc\":\"x\""},
      {"\"enc\":[]", "\"enc\":{}"},
      {"\"num_trees\":\"1\"", "\"num_trees\":\"2\""},
      {"\"num_trees\":\"1\"", "\"num_trees\":1"},
      {"\"num_parallel_tree\":\"1\"", "\"num_parallel_tree\":\"0\""},
      {"[0,1],\"tree_info\"", "[0,2],\"tree_info\""},
      {"[0,1],\"tree_info\"", "[],\"tree_info\""},
      {"\"tree_info\":[0]", "\"tree_info\":[]"},
      {"\"tree_info\":[0]", "\"tree_info\":[0.5]"},
      {"\"tree_info\":[0]", "\"tree_info\":[4294967296]"},
      {"[-0E0,", "[1E39,"},
      {"[-0E0,", "[null,"},
      {"\"categories\":[]", "\"categories\":[1]"},
      {"\"categories_sizes\":[]", "\"categories_sizes\":[1]"},
      {"\"id\":0", "\"id\":1"},
      {"\"left_children\":[1,-1,-1]", "\"left_children\":[1,-1]"},
      {"\"split_type\":[0,0,0]", "\"split_type\":[0,0,256]"},
      {"\"num_deleted\":\"0\"", "\"num_deleted\":\"3\""},
      {"\"num_feature\":\"2\",\"num_nodes\"", "\"num_feature\":\"3\",\"num_nodes\""},
      {"\"num_nodes\":\"3\"", "\"num_nodes\":\"4\""},
      {"\"num_nodes\":\"3\"", "\"num_nodes\":\" 3\""},
      {"\"size_leaf_vector\":\"1\"", "\"size_leaf_vector\":\"2\""},
      {"\"name\":\"gbtree\"", "\"name\":\"gbforest\""},
      {"\"base_score\":\"[1.5E0]\"", "\"base_score\":\"[nan]\""},
      {"\"base_score\":\"[1.5E0]\"", "\"base_score\":\"0x10\""},
      {"\"base_score\":\"[1.5E0]\"", "\"base_score\":\"[]\""},
      {"\"num_class\":\"0\"", "\"num_class\":\"-1\""},
      {"\"num_target\":\"1\"", "\"num_target\":\"99999\""},
      {"\"num_feature\":\"2\",\"num_target\"", "\"num_feature\":\"2147483648\",\"num_target\""},
      {"\"scale_pos_weight\":\"1\"", "\"scale_pos_weight\":1"},
      {"\"version\":[3,2,0]", "\"version\":[3,2]"},
      {"\"version\"", "\"learner\""},
  };
  for (const auto& [from, to] : edits) {
    const Blob artifact = ToBlob(Replaced(kJson, from, to));
    const Parsed parsed(artifact);
    EXPECT_EQ(parsed.rule(), "MALFORMED") << from << " -> " << to;
    EXPECT_EQ(parsed.format(), "xgboost-json");
  }
}

TEST(Xgboost, ModelsOfOlderVersionsAreRead) {
  std::string old =
      Replaced(kJson, R"("cats":{"enc":[],"feature_segments":[],"sorted_idx":[]},)", "");
  old = Replaced(old, R"("iteration_indptr":[0,1],)", "");
  old = Replaced(old, "\"[1.5E0]\"", "\"1.5E0\"");
  old = Replaced(old, R"("boost_from_average":"1",)", "");
  old = Replaced(old, "\"default_left\":[0,0,0]", "\"default_left\":[true,false,false]");
  EXPECT_EQ(RuleOf(old), "");
}

TEST(Xgboost, OtherJsonIsNotTaken) {
  for (const std::string_view text :
       {"{}", "[]", "{\"version\": 1}", "{\"model\": \"learner\"}", "{"}) {
    EXPECT_EQ(IdentifyXgboost(ToBlob(text)), nullptr) << text;
  }
}

TEST(Xgboost, TheOldBinaryFormIsNamed) {
  std::string header(136, '\0');
  const auto name = [](std::string_view text) {
    std::string out(8, '\0');
    out[0] = static_cast<char>(text.size());
    return out.append(text);
  };
  const Blob artifact = ToBlob(header + name("binary:logistic") + name("gbtree") + "rest");
  const Parsed parsed(artifact);
  EXPECT_EQ(parsed.rule(), "UNKNOWN_FORMAT");
  EXPECT_EQ(parsed.format(), "xgboost-binary");
  EXPECT_THAT(parsed.message(), HasSubstr("JSON or UBJSON"));
}

TEST(Lightgbm, AModelBecomesABooster) {
  const Blob artifact = ToBlob(kText);
  const Parsed parsed(artifact);
  ASSERT_EQ(parsed.rule(), "") << parsed.message();
  EXPECT_EQ(parsed.format(), "lightgbm");
  EXPECT_TRUE(parsed.Names("lightgbm.basic", "Booster"));
}

TEST(Lightgbm, EveryTruncationOfTheTreesIsRefused) {
  const size_t end = kText.find("end of trees\n") + 13;
  for (size_t length = 0; length < end; ++length) {
    ASSERT_NE(RuleOf(kText.substr(0, length)), "") << length;
  }
  EXPECT_EQ(RuleOf(kText.substr(0, end)), "");
}

TEST(Lightgbm, OneWrongPlaceIsRefused) {
  const std::vector<std::pair<std::string_view, std::string_view>> edits = {
      {"num_class=1\n", "num_class=1\nnum_class=1\n"},
      {"num_class=1\n", "num_classes=1\n"},
      {"num_class=1\n", ""},
      {"num_class=1\n", "num_class=01\n"},
      {"num_class=1\n", "num_class=99999\n"},
      {"max_feature_idx=1", "max_feature_idx=2"},
      {"max_feature_idx=1", "max_feature_idx=2097152"},
      {"Column_0 Column_1", "Column_0  Column_1"},
      {"Column_0 Column_1", "Column_0 Column_\x01"},
      {"[0:7]", "[0:7:8]"},
      {"[0:7]", "[0:x]"},
      {"[0:7]", "[0:7"},
      {"3:-1:4", "3:-2:4"},
      {"Tree=0", "Tree=1"},
      {"num_leaves=3", "num_leaves=4"},
      {"num_leaves=3", "num_leaves=0"},
      {"num_leaves=3", "num_leaves=1048577"},
      {"num_cat=0", "num_cat=3"},
      {"num_cat=0", "num_cat=1"},
      {"split_feature=0 0", "split_feature=0 -1"},
      {"split_feature=0 0", "split_feature=0"},
      {"split_gain=8 1", "split_gain=8 inf"},
      {"split_gain=8 1", "split_gain=8 0x1"},
      {"threshold=3.5000000000000004 1e-05", "threshold=3.5 1e999"},
      {"threshold=3.5000000000000004 1e-05", "threshold=3.5 "},
      {"threshold=3.5000000000000004 1e-05", "threshold=3.5 1 2"},
      {"decision_type=2 2", "decision_type=2 12"},
      {"left_child=1 -1", "left_child=2 -1"},
      {"right_child=-2 -3", "right_child=-2 -4"},
      {"leaf_value=1.35 1.6 1.45", "leaf_value=1.35 1.6 nan"},
      {"leaf_value=1.35 1.6 1.45", "leaf_value=1.35\t1.6 1.45"},
      {"leaf_count=2 4 2", "leaf_count=2 4 -2"},
      {"leaf_count=2 4 2", "leaf_count=2 4 2147483648"},
      {"is_linear=0", "is_linear=1"},
      {"is_linear=0", "is_linear=2"},
      {"is_linear=0", "leaf_const=1 2 3"},
      {"is_linear=0", "cat_boundaries=0 1"},
      {"shrinkage=1", "shrinkage="},
      {"shrinkage=1\n", ""},
      {"shrinkage=1\n", "shrinkage=1\r\n"},
      {"shrinkage=1\n", "shrinkage=1\nanother=1\n"},
      {"[[\"a\", 1.5", "[[\"a\", NaN"},
      {"[[\"a\", 1.5", "[{\"a\": 1.5}, ["},
  };
  for (const auto& [from, to] : edits) {
    const Blob artifact = ToBlob(Replaced(kText, from, to));
    const Parsed parsed(artifact);
    EXPECT_EQ(parsed.rule(), "MALFORMED") << from << " -> " << to;
    EXPECT_EQ(parsed.format(), "lightgbm");
  }
  std::string with_nul(kText);
  with_nul[with_nul.find("Column_0")] = '\0';
  EXPECT_EQ(RuleOf(with_nul), "MALFORMED");
}

TEST(Catboost, IsNamedWithWhatToDo) {
  const Blob artifact = ToBlob("CBM1\x10 and so on");
  const Parsed parsed(artifact);
  EXPECT_EQ(parsed.format(), "catboost");
  EXPECT_THAT(parsed.message(), HasSubstr("ask for ONNX"));
  const Blob pickled = ToBlob(
      "\x80\x02"
      "ccatboost.core\nCatBoostClassifier\n)\x81}b.");
  const Parsed inside(pickled);
  EXPECT_EQ(inside.rule(), "UNKNOWN_FORMAT");
  EXPECT_THAT(inside.message(), HasSubstr("ask for ONNX"));
}

}  // namespace
}  // namespace loadlock::formats
