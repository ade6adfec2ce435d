// Attributes that are left out.
#include "server/verify/state_edges.h"

#include <gtest/gtest.h>

#include "server/verify/testing/make.h"

namespace loadlock::verify::testing {
namespace {

constexpr char kBoosting[] =
    "sklearn.ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoostingClassifier";
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
