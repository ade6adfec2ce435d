// Small graphs whose parts are shared so that naive checks would not end: each of these took hours
// before there was a bound.
#include <gtest/gtest.h>

#include <string>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/verify/testing/make.h"
#include "server/verify/testing/models.h"

namespace loadlock::verify::testing {
namespace {

constexpr uint32_t kMany = 100'000;
const std::string kScaler = "sklearn.preprocessing._data.StandardScaler";

// Generous for a slow machine under sanitizers; without the bound it would be hours.
constexpr absl::Duration kPatience = absl::Seconds(60);

std::string TimedOutcome(Draft& draft, NodeId root) {
  const absl::Time start = absl::Now();
  std::string outcome = Outcome(VerifyDraft(draft, root));
  EXPECT_LT(absl::Now() - start, kPatience);
  return outcome;
}

// Keys that are str, and one at the end that is none, so that each look has to go to the end.
NodeId PairsEndingInAnInt(Draft& draft, NodeId value) {
  const NodeId key = Str("k")(draft);
  std::vector<uint32_t> operands;
  for (uint32_t i = 0; i < kMany; ++i) operands.insert(operands.end(), {key, value});
  operands.insert(operands.end(), {Int(1)(draft), value});
  return draft.Node(v1::NODE_KIND_DICT, std::move(operands));
}

NodeId ManyObjects(Draft& draft, const std::string& name, NodeId state) {
  const NodeId cls = Name(name)(draft);
  std::vector<uint32_t> objects;
  for (uint32_t i = 0; i < kMany; ++i) {
    objects.push_back(draft.Node(v1::NODE_KIND_OBJECT, {cls, kAbsent, state, kAbsent, kAbsent}));
  }
  return draft.Node(v1::NODE_KIND_LIST, std::move(objects));
}

TEST(Sharing, OfOneStateByManyObjects) {
  Draft draft;
  const NodeId state = PairsEndingInAnInt(draft, None()(draft));
  EXPECT_TRUE(TimedOutcome(draft, ManyObjects(draft, kScaler, state)).starts_with("BUDGET_CHECKS"));
}

// Each pair holds the one before twice: a few nodes, and 2^60 steps to hash.
NodeId DoubledPairs(Draft& draft, int times) {
  NodeId pair = draft.Node(v1::NODE_KIND_TUPLE, {});
  for (int i = 0; i < times; ++i) pair = draft.Node(v1::NODE_KIND_TUPLE, {pair, pair});
  return pair;
}

TEST(Sharing, OfTuplesInAKey) {
  Draft dict;
  const NodeId key = DoubledPairs(dict, 60);
  EXPECT_TRUE(TimedOutcome(dict, dict.Node(v1::NODE_KIND_DICT, {key, None()(dict)}))
                  .starts_with("BUDGET_CHECKS"));
  Draft set;
  EXPECT_TRUE(TimedOutcome(set, set.Node(v1::NODE_KIND_FROZENSET, {DoubledPairs(set, 60)}))
                  .starts_with("BUDGET_CHECKS"));
  // As a value they are harmless, and so are few of them in a key.
  Draft value;
  EXPECT_EQ(TimedOutcome(value, DoubledPairs(value, 60)), "ACCEPTED");
  Draft small;
  const NodeId little = DoubledPairs(small, 5);
  EXPECT_EQ(TimedOutcome(small, small.Node(v1::NODE_KIND_DICT, {little, None()(small)})),
            "ACCEPTED");
}

TEST(Sharing, OfOneNameByManyKeys) {
  Draft draft;
  const NodeId state = PairsEndingInAnInt(draft, Name("numpy.log1p")(draft));
  const NodeId object =
      draft.Node(v1::NODE_KIND_OBJECT, {Name(kScaler)(draft), kAbsent, state, kAbsent, kAbsent});
  EXPECT_TRUE(TimedOutcome(draft, object).starts_with("BUDGET_CHECKS"));
}

TEST(Sharing, OfOneTreeByManyForests) {
  Draft draft;
  const NodeId tree = RegressionTree()(draft);
  const NodeId trees = draft.Node(v1::NODE_KIND_LIST, std::vector<uint32_t>(kMany, tree));
  const NodeId cls = Name("sklearn.ensemble._forest.RandomForestRegressor")(draft);
  const NodeId features = Int(2)(draft);
  const uint32_t keys[] = {draft.String("estimators_"), draft.String("n_features_in_")};
  std::vector<uint32_t> forests;
  for (uint32_t i = 0; i < kMany; ++i) {
    const NodeId state = draft.Node(v1::NODE_KIND_DICT_STR, {keys[0], keys[1], trees, features});
    forests.push_back(draft.Node(v1::NODE_KIND_OBJECT, {cls, kAbsent, state, kAbsent, kAbsent}));
  }
  const NodeId root = draft.Node(v1::NODE_KIND_LIST, std::move(forests));
  EXPECT_TRUE(TimedOutcome(draft, root).starts_with("BUDGET_CHECKS"));
}

// A model that shares what models share is not refused.
TEST(Sharing, AsModelsDoItIsAccepted) {
  Draft draft;
  const NodeId tree = RegressionTree()(draft);
  const NodeId trees = draft.Node(v1::NODE_KIND_LIST, std::vector<uint32_t>(kMany, tree));
  EXPECT_EQ(TimedOutcome(draft, trees), "ACCEPTED");
}

TEST(Sharing, OfBytesByManyArraysIsBounded) {
  const auto outcome = [](int arrays) {
    Draft draft;
    const NodeId dtype = DType("|u1")(draft);
    const uint32_t shape = draft.Ints({1000});
    draft.Buffer(std::string(1000, 'x'));
    std::vector<uint32_t> items;
    for (int i = 0; i < arrays; ++i) {
      draft.graph().add_buffer_sources(v1::BUFFER_SOURCE_DECODED);
      draft.graph().add_buffer_offsets(1);
      draft.graph().add_buffer_lengths(1000);
      items.push_back(
          draft.Node(v1::NODE_KIND_NDARRAY, {dtype, static_cast<uint32_t>(i) + 1, 0, 1, shape}));
    }
    const NodeId root = draft.Node(v1::NODE_KIND_LIST, std::move(items));
    return Outcome(VerifyDraft(draft, root));
  };
  EXPECT_EQ(outcome(2), "ACCEPTED");
  EXPECT_TRUE(outcome(100).starts_with("ARRAY_BOUNDS $: the arrays share their bytes so often"));
}

// The path of a reason is found without walking there for each of them.
TEST(Sharing, OfALongWayByManyReasons) {
  Draft draft;
  Makers names;
  for (int i = 0; i < 200; ++i) names.push_back(Name("posix.system" + std::to_string(i)));
  NodeId inner = List(names)(draft);
  for (uint32_t i = 0; i < 10 * kMany; ++i) inner = draft.Node(v1::NODE_KIND_LIST, {inner});
  const absl::StatusOr<Verdict> verdict = VerifyDraft(draft, inner);
  ASSERT_TRUE(verdict.ok());
  EXPECT_EQ(verdict->report.findings(0).rule_id(), "BUDGET_DEPTH");
  EXPECT_EQ(verdict->report.findings(1).object_path().rfind("$...[0][0]", 0), 0U);
  EXPECT_EQ(verdict->report.findings(2).object_path().rfind("[0]"),
            verdict->report.findings(2).object_path().size() - 3);
}

}  // namespace
}  // namespace loadlock::verify::testing
