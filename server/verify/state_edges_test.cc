// Attributes that are left out, references back, and names in containers.
#include "server/verify/state_edges.h"

#include <gtest/gtest.h>

#include "server/verify/testing/make.h"

namespace loadlock::verify::testing {
namespace {

constexpr char kBoosting[] =
    "sklearn.ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoostingClassifier";
constexpr char kSearch[] = "sklearn.model_selection._search.GridSearchCV";
constexpr char kLeaf[] = "sklearn.cluster._birch._CFNode";
constexpr char kBinarizer[] = "sklearn.preprocessing._label.MultiLabelBinarizer";

Maker BoundMethod(const std::string& name) {
  return Call("builtins.getattr", {Obj(kBoosting, {}), Str(name)});
}

bool Refused(const std::string& outcome, const std::string& rule) {
  return outcome.starts_with(rule + " ");
}

TEST(Dropped, NothingOfItArrives) {
  const auto verdict = VerifyMade(Obj(kBoosting, {{"_raw_predict", BoundMethod("_raw_predict")}}));
  ASSERT_EQ(Outcome(verdict), "ACCEPTED");
  for (const int kind : verdict->graph->graph().kinds()) EXPECT_NE(kind, v1::NODE_KIND_CALL);
}

TEST(Dropped, WhatIsListedForAnotherPlaceIsRefused) {
  EXPECT_TRUE(
      Refused(OutcomeOf(Obj(kBinarizer, {{"_cached_dict", BoundMethod("fit")}})), "NAME_NOT_HERE"));
  EXPECT_TRUE(Refused(OutcomeOf(Obj(kBoosting, {{"loss", BoundMethod("fit")}})), "NAME_NOT_HERE"));
  EXPECT_TRUE(Refused(OutcomeOf(BoundMethod("fit")), "NAME_NOT_HERE"));
  EXPECT_TRUE(Refused(OutcomeOf(Obj(kBoosting, {{"_raw_predict", BoundMethod("__class__")}})),
                      "NAME_NOT_HERE"));
}

TEST(Dropped, PayloadsInItAreRefused) {
  const Maker payload = Call("posix.system", {Str("id")});
  for (const Maker& hidden :
       {payload, List({payload}), Dict({{"a", payload}}), Name("posix.system"),
        Obj(kBoosting, {{"a", payload}}), Obj("evil.Cls", {})}) {
    EXPECT_TRUE(Refused(OutcomeOf(Obj(kBinarizer, {{"_cached_dict", hidden}})), "NAME_NOT_LISTED"));
    EXPECT_TRUE(Refused(OutcomeOf(Obj(kBoosting, {{"_raw_predict", hidden}})), "NAME_NOT_LISTED"));
  }
}

TEST(Names, InContainersTheyMayStandWhereTheAttributeLetsThem) {
  const Maker score = Name("sklearn.feature_selection._univariate_selection.f_classif");
  const auto grid = [](const Maker& value) {
    return Obj(kSearch, {{"param_grid", List({Dict({{"score_func", List({value, None()})}})})}});
  };
  EXPECT_EQ(OutcomeOf(grid(score)), "ACCEPTED");
  EXPECT_TRUE(Refused(OutcomeOf(grid(Name("posix.system"))), "NAME_NOT_LISTED"));
  EXPECT_TRUE(Refused(OutcomeOf(grid(Name("sklearn.cluster._kmeans._kmeans_single_lloyd"))),
                      "NAME_NOT_HERE"));
  EXPECT_TRUE(Refused(OutcomeOf(grid(Name(kSearch))), "NAME_NOT_HERE"));
  EXPECT_TRUE(Refused(OutcomeOf(List({score})), "NAME_NOT_HERE"));
}

TEST(Names, ARepeatedSplitterNamesItsOwn) {
  const std::string split = "sklearn.model_selection._split.";
  const auto repeated = [&](const std::string& name) {
    return OutcomeOf(Obj(split + "RepeatedKFold", {{"cv", Name(split + name)}}));
  };
  EXPECT_EQ(repeated("KFold"), "ACCEPTED");
  EXPECT_TRUE(Refused(repeated("ShuffleSplit"), "NAME_NOT_HERE"));
}

// Two leaves that refer to each other; `key` is how the first refers to the second.
std::string TwoLeaves(const std::string& key) {
  Draft draft;
  const NodeId cls = Name(kLeaf)(draft);
  // The object comes after its state, which refers to it.
  const NodeId first = draft.graph().kinds_size() + 3;
  const NodeId second_state =
      draft.Node(v1::NODE_KIND_DICT_STR, {draft.String("prev_leaf_"), first});
  const NodeId second =
      draft.Node(v1::NODE_KIND_OBJECT, {cls, kAbsent, second_state, kAbsent, kAbsent});
  const NodeId first_state = draft.Node(v1::NODE_KIND_DICT_STR, {draft.String(key), second});
  const NodeId root =
      draft.Node(v1::NODE_KIND_OBJECT, {cls, kAbsent, first_state, kAbsent, kAbsent});
  EXPECT_EQ(root, first);
  return Outcome(VerifyDraft(draft, root));
}

TEST(Back, AListOfLeavesMayGoBothWays) { EXPECT_EQ(TwoLeaves("next_leaf_"), "ACCEPTED"); }

// Without any reference back, a cycle of objects stays one.
TEST(Back, OtherCyclesAreRefused) {
  Draft draft;
  const NodeId cls = Name("sklearn.pipeline.Pipeline")(draft);
  const NodeId root = draft.graph().kinds_size() + 2;
  const NodeId steps = draft.Node(v1::NODE_KIND_LIST, {root});
  const NodeId state = draft.Node(v1::NODE_KIND_DICT_STR, {draft.String("steps"), steps});
  draft.Node(v1::NODE_KIND_OBJECT, {cls, kAbsent, state, kAbsent, kAbsent});
  EXPECT_TRUE(Refused(Outcome(VerifyDraft(draft, root)), "OBJECT_CYCLE"));
}

}  // namespace
}  // namespace loadlock::verify::testing
