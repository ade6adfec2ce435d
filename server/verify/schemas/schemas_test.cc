// Losses and containers of the standard library, as calls.
#include "server/verify/schemas/schemas.h"

#include <gtest/gtest.h>

#include <cmath>

#include "server/verify/testing/make.h"

namespace loadlock::verify::testing {
namespace {

const std::string kLoss = "sklearn._loss._loss.";

TEST(Losses, TakeTheirParameters) {
  EXPECT_EQ(OutcomeOf(Call(kLoss + "CyHalfSquaredError", {})), "ACCEPTED");
  EXPECT_EQ(OutcomeOf(Call(kLoss + "CyPinballLoss", {Float(0.5)})), "ACCEPTED");
  EXPECT_EQ(OutcomeOf(Call("sklearn.linear_model._sgd_fast.Hinge", {Float(1)})), "ACCEPTED");
  for (const Maker& bad :
       {Call(kLoss + "CyHalfSquaredError", {Float(1)}), Call(kLoss + "CyPinballLoss", {}),
        Call(kLoss + "CyPinballLoss", {Float(2)}), Call(kLoss + "CyPinballLoss", {Float(NAN)}),
        Call(kLoss + "CyPinballLoss", {Str("1")}),
        Call(kLoss + "CyHalfSquaredError", {}, Dict({{"predict", Int(1)}})),
        Call("sklearn.linear_model._sgd_fast.Hinge", {Float(INFINITY)})}) {
    EXPECT_TRUE(OutcomeOf(bad).starts_with("SCHEMA")) << OutcomeOf(bad);
  }
}

TEST(Losses, UnpicklingNamesItsOwnClass) {
  const std::string name = kLoss + "__pyx_unpickle_CyHalfTweedieLoss";
  const Maker cls = Name(kLoss + "CyHalfTweedieLoss");
  EXPECT_EQ(OutcomeOf(Call(name, {cls, Int(123), Tuple({Float(1.5)})})), "ACCEPTED");
  EXPECT_EQ(OutcomeOf(Call(name, {cls, Int(123), None()}, Tuple({Float(1.5)}))), "ACCEPTED");
  for (const Maker& bad :
       {Call(name, {Name(kLoss + "CyHalfPoissonLoss"), Int(1), Tuple({Float(1.5)})}),
        Call(name, {None(), Int(1), Tuple({Float(1.5)})}),
        Call(name, {cls, Str("1"), Tuple({Float(1.5)})}), Call(name, {cls, Int(1), Tuple({})}),
        Call(name, {cls, Int(1), List({Float(1.5)})}),
        Call(name, {cls, Int(1), Tuple({Float(1.5), Dict({})})}), Call(name, {cls, Int(1)}),
        Call(name, {cls, Int(1), Tuple({Float(1)})}, Tuple({Float(1)})),
        Call(name, {cls, Int(1), None()})}) {
    EXPECT_TRUE(OutcomeOf(bad).starts_with("SCHEMA")) << OutcomeOf(bad);
  }
  // No other factory's class may stand there.
  const Maker tree = Name("sklearn.tree._tree.Tree");
  EXPECT_TRUE(OutcomeOf(Call(name, {tree, Int(1), None()})).starts_with("NAME_NOT_HERE"));
}

// defaultdict() with items.
Maker DefaultDict(const Maker& key, const Maker& value) {
  return [=](Draft& draft) {
    const NodeId callee = Name("collections.defaultdict")(draft);
    const NodeId args = Tuple({})(draft);
    const NodeId first = key(draft);
    const NodeId pairs = draft.Node(v1::NODE_KIND_DICT, {first, value(draft)});
    return draft.Node(v1::NODE_KIND_CALL, {callee, args, kAbsent, kAbsent, pairs});
  };
}

TEST(Containers, HashPlainKeysOnly) {
  const Maker estimator = Obj("sklearn.preprocessing._label.LabelEncoder", {});
  EXPECT_EQ(OutcomeOf(DefaultDict(Str("a"), estimator)), "ACCEPTED");
  EXPECT_EQ(OutcomeOf(Call("collections.deque", {List({estimator})})), "ACCEPTED");
  EXPECT_EQ(OutcomeOf(Call("collections.defaultdict", {Name("builtins.set")})), "ACCEPTED");
  EXPECT_NE(OutcomeOf(DefaultDict(estimator, Int(1))), "ACCEPTED");
  EXPECT_NE(OutcomeOf(DefaultDict(Tuple({estimator}), Int(1))), "ACCEPTED");
}

TEST(Containers, HoldPlainItems) {
  const Maker estimator = Obj("sklearn.preprocessing._label.LabelEncoder", {});
  EXPECT_EQ(OutcomeOf(Call("collections.defaultdict", {Name("builtins.list")})), "ACCEPTED");
  EXPECT_EQ(OutcomeOf(Call("collections.defaultdict", {})), "ACCEPTED");
  EXPECT_EQ(OutcomeOf(Call("collections.Counter", {Dict({{"a", Int(1)}})})), "ACCEPTED");
  EXPECT_EQ(OutcomeOf(Call("collections.deque", {List({Int(1)}), Int(3)})), "ACCEPTED");
  for (const Maker& bad :
       {Call("collections.defaultdict", {Int(1)}),
        Call("collections.defaultdict", {Int(1), Int(2)}),
        Call("collections.defaultdict", {estimator}),
        Call("collections.defaultdict", {}, Dict({{"a", Int(1)}})),
        Call("collections.Counter", {List({})}),
        Call("collections.Counter", {Dict({{"a", estimator}})}),
        Call("collections.deque", {Int(1)}), Call("collections.deque", {List({}), Int(-1)})}) {
    EXPECT_TRUE(OutcomeOf(bad).starts_with("SCHEMA")) << OutcomeOf(bad);
  }
  EXPECT_TRUE(OutcomeOf(Call("collections.defaultdict", {Name("numpy.float64")}))
                  .starts_with("NAME_NOT_HERE"));
}

}  // namespace
}  // namespace loadlock::verify::testing
