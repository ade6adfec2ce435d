// TREE, TREE_OWNER, FOREST, ISOLATION_FOREST, GRADIENT_BOOSTING: every clause broken once.
#include "server/verify/invariants/tree.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "server/verify/testing/models.h"

namespace loadlock::verify::testing {
namespace {

constexpr char kClassifier[] = "sklearn.tree._classes.DecisionTreeClassifier";
constexpr char kForest[] = "sklearn.ensemble._forest.RandomForestRegressor";
constexpr char kIsolation[] = "sklearn.ensemble._iforest.IsolationForest";

struct TreeBreach {
  const char* what;
  std::function<void(TreeSpec&)> change;
};
void PrintTo(const TreeBreach& breach, std::ostream* out) { *out << breach.what; }

class BrokenTree : public ::testing::TestWithParam<TreeBreach> {};

TEST_P(BrokenTree, IsRefused) {
  for (const size_t size : {56, 64}) {
    TreeSpec spec;
    spec.node_size = size;
    GetParam().change(spec);
    EXPECT_TRUE(OutcomeOf(MakeTree(spec)).starts_with("INVARIANT_TREE")) << size;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Tree, BrokenTree,
    ::testing::Values(
        TreeBreach{"left is itself", [](TreeSpec& s) { s.left[0] = 0; }},
        TreeBreach{"left beyond", [](TreeSpec& s) { s.left[0] = 3; }},
        TreeBreach{"left huge", [](TreeSpec& s) { s.left[0] = int64_t{1} << 62; }},
        TreeBreach{"left negative", [](TreeSpec& s) { s.left[0] = INT64_MIN; }},
        TreeBreach{"left is a leaf, right is not", [](TreeSpec& s) { s.left[0] = -1; }},
        TreeBreach{"right is a leaf, left is not", [](TreeSpec& s) { s.right[0] = -1; }},
        TreeBreach{"right beyond", [](TreeSpec& s) { s.right[0] = 3; }},
        TreeBreach{"a cycle",
                   [](TreeSpec& s) {
                     s.left[1] = 0;
                     s.right[1] = 2;
                   }},
        TreeBreach{"both children the same", [](TreeSpec& s) { s.right[0] = 1; }},
        TreeBreach{"two parents",
                   [](TreeSpec& s) {
                     s.left = {1, 2, -1, -1};
                     s.right = {2, 3, -1, -1};
                     s.feature = {0, 0, 0, 0};
                     s.node_count = 4;
                     s.values_shape[0] = 4;
                     s.max_depth = 2;
                   }},
        TreeBreach{"no parent",
                   [](TreeSpec& s) {
                     s.left.push_back(-1);
                     s.right.push_back(-1);
                     s.feature.push_back(0);
                     s.node_count = 4;
                     s.values_shape[0] = 4;
                   }},
        TreeBreach{"feature negative", [](TreeSpec& s) { s.feature[0] = -2; }},
        TreeBreach{"feature beyond", [](TreeSpec& s) { s.feature[0] = 2; }},
        TreeBreach{"node_count -1", [](TreeSpec& s) { s.node_count = -1; }},
        TreeBreach{"node_count more", [](TreeSpec& s) { s.node_count = 4; }},
        TreeBreach{"max_depth below", [](TreeSpec& s) { s.max_depth = 0; }},
        TreeBreach{"max_depth overflows", [](TreeSpec& s) { s.max_depth = int64_t{1} << 40; }},
        TreeBreach{"values cut", [](TreeSpec& s) { s.values_shape[0] = 2; }},
        TreeBreach{"values without classes", [](TreeSpec& s) { s.values_shape[2] = 0; }},
        TreeBreach{"values flat",
                   [](TreeSpec& s) {
                     s.values_shape = {3, 1};
                   }},
        TreeBreach{"no class", [](TreeSpec& s) { s.n_classes = {0}; }},
        TreeBreach{"classes of another length",
                   [](TreeSpec& s) {
                     s.n_classes = {1, 1};
                   }},
        TreeBreach{"no output",
                   [](TreeSpec& s) {
                     s.n_outputs = 0;
                     s.n_classes = {};
                   }},
        TreeBreach{"outputs overflow", [](TreeSpec& s) { s.n_outputs = INT64_MAX; }},
        TreeBreach{"negative features", [](TreeSpec& s) { s.n_features = -1; }},
        TreeBreach{"another field", [](TreeSpec& s) { s.last_field = "x"; }},
        TreeBreach{"big-endian nodes", [](TreeSpec& s) { s.left_type = ">i8"; }},
        TreeBreach{"unsigned children", [](TreeSpec& s) { s.left_type = "<u8"; }},
        TreeBreach{"deeper than it has nodes", [](TreeSpec& s) { s.max_depth = 4; }},
        TreeBreach{"no nodes", [](TreeSpec& s) {
                     s.left = s.right = s.feature = {};
                     s.node_count = 0;
                     s.values_shape[0] = 0;
                   }}));

TEST(Tree, SoundOnesPass) {
  for (const size_t size : {56, 64}) {
    TreeSpec spec;
    spec.node_size = size;
    EXPECT_EQ(OutcomeOf(MakeTree(spec)), "ACCEPTED");
    spec.max_depth = 3;
    EXPECT_EQ(OutcomeOf(MakeTree(spec)), "ACCEPTED") << "deeper than it is, within its nodes";
  }
}

TEST(Tree, NeedsExactlyOneBuildWithItsKeys) {
  const Makers args = {Int(2), Vec<int64_t>({1}), Int(1)};
  EXPECT_TRUE(OutcomeOf(Call("sklearn.tree._tree.Tree", args)).starts_with("INVARIANT_TREE"));
  EXPECT_TRUE(
      OutcomeOf(Call("sklearn.tree._tree.Tree", args, None())).starts_with("INVARIANT_TREE"));
  EXPECT_TRUE(OutcomeOf(Call("sklearn.tree._tree.Tree", args, Dict({{"nodes", None()}})))
                  .starts_with("INVARIANT_TREE"));
  EXPECT_TRUE(
      OutcomeOf(Call("sklearn.tree._tree.Tree", {}, Dict({}))).starts_with("INVARIANT_TREE"));
}

TEST(TreeOwner, AgreesWithItsTree) {
  TreeSpec spec;
  spec.n_classes = {2};
  spec.values_shape = {3, 1, 2};
  const Attrs good =
      With(With(TreeOwner(spec), "n_classes_", NumpyInt(2)), "classes_", Vec<int64_t>({0, 1}));
  const auto outcome = [](Attrs attrs) { return OutcomeOf(Obj(kClassifier, std::move(attrs))); };
  EXPECT_EQ(outcome(good), "ACCEPTED");
  for (const Attrs& bad :
       {With(good, "n_features_in_", Int(3)), With(good, "n_features_in_", nullptr),
        With(good, "n_outputs_", Int(2)), With(good, "n_classes_", Int(3)),
        With(good, "n_classes_", nullptr), With(good, "classes_", Vec<int64_t>({0})),
        With(good, "n_classes_", Vec<int64_t>({2, 2}))}) {
    EXPECT_TRUE(outcome(bad).starts_with("INVARIANT_TREE_OWNER")) << outcome(bad);
  }
  EXPECT_TRUE(outcome(With(good, "tree_", None())).starts_with("STATE_RULE"));
  EXPECT_EQ(outcome({{"max_depth", Int(3)}}), "ACCEPTED") << "not fitted";
}

TEST(Forest, AllTreesAreAsWideAsTheForest) {
  const Attrs good = {{"estimators_", List({RegressionTree(), RegressionTree()})},
                      {"n_features_in_", Int(2)},
                      {"n_outputs_", Int(1)}};
  const auto outcome = [](Attrs attrs) { return OutcomeOf(Obj(kForest, std::move(attrs))); };
  EXPECT_EQ(outcome(good), "ACCEPTED");
  TreeSpec wide;
  wide.n_features = 3;
  TreeSpec two;
  two.n_outputs = 2;
  two.n_classes = {1, 1};
  two.values_shape = {3, 2, 1};
  for (const Attrs& bad :
       {With(good, "estimators_", List({RegressionTree(), RegressionTree(wide)})),
        With(good, "estimators_", List({RegressionTree(two)})),
        With(good, "estimators_", List({Obj("sklearn.tree._classes.DecisionTreeRegressor", {})})),
        With(good, "n_features_in_", Int(1)), With(good, "n_features_in_", nullptr),
        With(good, "n_outputs_", Int(2)), With(good, "n_outputs_", Str("1")),
        With(good, "n_classes_", Int(2)), With(good, "estimators_", None())}) {
    EXPECT_FALSE(outcome(bad) == "ACCEPTED") << outcome(bad);
  }
  EXPECT_TRUE(outcome(With(good, "n_features_in_", Int(1))).starts_with("INVARIANT_FOREST"));
}

TEST(IsolationForest, TreesSeeTheirColumns) {
  const Attrs good = {{"estimators_", List({RegressionTree()})},
                      {"estimators_features_", List({Vec<int64_t>({0, 2})})},
                      {"n_features_in_", Int(3)},
                      {"_max_features", Int(2)},
                      {"_decision_path_lengths", Tuple({Zeros({3})})}};
  const auto outcome = [](Attrs attrs) { return OutcomeOf(Obj(kIsolation, std::move(attrs))); };
  EXPECT_EQ(outcome(good), "ACCEPTED");
  for (const Attrs& bad :
       {With(good, "_max_features", Int(3)), With(good, "_max_features", nullptr),
        With(good, "n_features_in_", Int(2)), With(good, "n_features_in_", nullptr),
        With(good, "estimators_features_", List({Vec<int64_t>({0, -1})})),
        With(good, "estimators_features_", List({Vec<int64_t>({0})})),
        With(good, "estimators_features_", List({})),
        With(good, "estimators_features_", List({Zeros({2})})),
        With(good, "_decision_path_lengths", Tuple({Zeros({2})})),
        With(good, "_decision_path_lengths", Tuple({}))}) {
    EXPECT_TRUE(outcome(bad).starts_with("INVARIANT_ISOLATION_FOREST")) << outcome(bad);
  }
}

constexpr char kBoosting[] = "sklearn.ensemble._gb.GradientBoostingClassifier";

Maker ClassNumbers(int64_t count) {
  std::vector<int64_t> numbers;
  for (int64_t i = 0; i < count; ++i) numbers.push_back(i);
  return Vec(numbers);
}

Maker Dummy(int64_t classes, int64_t prior) {
  return Obj("sklearn.dummy.DummyClassifier", {{"n_outputs_", Int(1)},
                                               {"n_classes_", Int(classes)},
                                               {"classes_", ClassNumbers(classes)},
                                               {"class_prior_", Zeros({prior})}});
}

Maker Loss(const std::string& name, int64_t classes) {
  return Obj(absl::StrCat("sklearn._loss.loss.", name), {{"n_classes", Int(classes)}});
}

Attrs Boosting() {
  const Maker tree = RegressionTree();
  return {{"estimators_", Objects({2, 3}, {tree, tree, tree, tree, tree, tree})},
          {"n_features_in_", Int(2)},
          {"classes_", Vec<int64_t>({0, 1, 2})},
          {"n_classes_", Int(3)},
          {"n_trees_per_iteration_", Int(3)},
          {"_loss", Loss("HalfMultinomialLoss", 3)},
          {"init_", Dummy(3, 3)}};
}

TEST(GradientBoosting, SoundOnesPass) {
  const Attrs good = Boosting();
  EXPECT_EQ(OutcomeOf(Obj(kBoosting, good)), "ACCEPTED");
  EXPECT_EQ(OutcomeOf(Obj(kBoosting, With(good, "init_", Str("zero")))), "ACCEPTED");
  const Maker tree = RegressionTree();
  const Attrs regression = {
      {"estimators_", Objects({2, 1}, {tree, tree})},
      {"n_features_in_", Int(2)},
      {"_loss", Obj("sklearn.ensemble._gb_losses.LeastSquaresError", {{"K", Int(1)}})},
      {"init_", Obj("sklearn.dummy.DummyRegressor",
                    {{"n_outputs_", Int(1)}, {"constant_", Zeros({1, 1})}})}};
  const std::string regressor = "sklearn.ensemble._gb.GradientBoostingRegressor";
  EXPECT_EQ(OutcomeOf(Obj(regressor, regression)), "ACCEPTED");
  const Maker no_output =
      Obj("sklearn.dummy.DummyRegressor", {{"n_outputs_", Int(0)}, {"constant_", Zeros({1, 0})}});
  EXPECT_TRUE(OutcomeOf(Obj(regressor, With(regression, "init_", no_output)))
                  .starts_with("INVARIANT_GRADIENT_BOOSTING"));
  EXPECT_TRUE(
      OutcomeOf(Obj(regressor, With(regression, "init_", Obj("sklearn.pipeline.Pipeline", {}))))
          .starts_with("INVARIANT_GRADIENT_BOOSTING"));
}

// init_ must have one column: a LogisticRegression of two classes, or a regressor of one output.
TEST(GradientBoosting, InitHasTheModelsColumns) {
  const Maker tree = RegressionTree();
  const std::string logistic = "sklearn.linear_model._logistic.LogisticRegression";
  const std::string linear = "sklearn.linear_model._base.LinearRegression";
  const Attrs fitted = {
      {"coef_", Zeros({1, 2})}, {"n_features_in_", Int(2)}, {"classes_", Vec<int64_t>({0, 1})}};
  const Attrs line = {{"coef_", Zeros({2})}, {"n_features_in_", Int(2)}};
  Attrs two = {{"estimators_", Objects({2, 1}, {tree, tree})},
               {"n_features_in_", Int(2)},
               {"classes_", Vec<int64_t>({0, 1})},
               {"n_classes_", Int(2)},
               {"n_trees_per_iteration_", Int(1)},
               {"_loss", Loss("HalfBinomialLoss", 2)}};
  const auto classify = [&](Maker init) {
    return OutcomeOf(Obj(kBoosting, With(two, "init_", std::move(init))));
  };
  EXPECT_EQ(classify(Obj(logistic, fitted)), "ACCEPTED");
  const Attrs regression = {{"estimators_", Objects({2, 1}, {tree, tree})},
                            {"n_features_in_", Int(2)},
                            {"n_trees_per_iteration_", Int(1)},
                            {"_loss", Loss("HalfSquaredError", 1)}};
  const auto regress = [&](Maker init) {
    return OutcomeOf(Obj("sklearn.ensemble._gb.GradientBoostingRegressor",
                         With(regression, "init_", std::move(init))));
  };
  EXPECT_EQ(regress(Obj(linear, line)), "ACCEPTED");
  for (const std::string& outcome :
       {classify(Obj(linear, line)), classify(Obj(logistic, With(fitted, "classes_", nullptr))),
        classify(Obj("sklearn.linear_model._ridge.RidgeClassifier", fitted)), classify(Dummy(3, 3)),
        regress(Obj(logistic, fitted)), regress(Dummy(2, 2)),
        regress(Obj(linear, With(line, "coef_", Zeros({1, 2})))), regress(Obj(linear, {})),
        regress(Obj("sklearn.pipeline.Pipeline", {}))}) {
    EXPECT_TRUE(outcome.starts_with("INVARIANT_GRADIENT_BOOSTING")) << outcome;
  }
  for (const Maker& classes : {Zeros({2, 0}), Zeros({2, 1})}) {
    const std::string outcome = classify(Obj(logistic, With(fitted, "classes_", classes)));
    EXPECT_TRUE(outcome.starts_with("STATE_RULE")) << outcome;
  }
}

TEST(GradientBoosting, EveryClauseIsChecked) {
  const Attrs good = Boosting();
  const Maker tree = RegressionTree();
  TreeSpec wide;
  wide.n_features = 3;
  TreeSpec classes;
  classes.n_classes = {2};
  classes.values_shape = {3, 1, 2};
  const Makers three = {tree, tree, tree};
  const std::vector<Attrs> broken = {
      With(good, "estimators_", Objects({1, 3}, {tree, tree, RegressionTree(wide)})),
      With(good, "estimators_", Objects({1, 3}, {tree, tree, RegressionTree(classes)})),
      With(good, "estimators_", Objects({1, 3}, {tree, tree, None()})),
      With(good, "estimators_", Objects({1, 4}, {tree, tree, tree, tree})),
      With(good, "estimators_", Objects({3}, three)),
      With(good, "n_features_in_", nullptr),
      With(good, "n_classes_", Int(2)),
      With(good, "n_classes_", nullptr),
      With(good, "classes_", nullptr),
      With(good, "n_trees_per_iteration_", Int(2)),
      With(good, "n_trees_per_iteration_", nullptr),
      With(good, "_loss", Loss("HalfBinomialLoss", 2)),
      With(good, "_loss", Loss("HalfMultinomialLoss", 2)),
      With(good, "_loss", Obj("sklearn.ensemble._gb_losses.MultinomialDeviance", {{"K", Int(2)}})),
      With(good, "_loss", nullptr),
      With(good, "init_", Dummy(3, 2)),
      With(good, "init_", Dummy(2, 3)),
      With(good, "init_",
           Obj("sklearn.linear_model._logistic.LogisticRegression",
               {{"coef_", Zeros({3, 2})}, {"n_features_in_", Int(2)}})),
      With(good, "init_",
           Obj("sklearn.dummy.DummyRegressor",
               {{"n_outputs_", Int(1)}, {"constant_", Zeros({1, 1})}})),
      With(good, "init_", Str("other")),
      With(good, "init_", nullptr),
  };
  for (size_t i = 0; i < broken.size(); ++i) {
    EXPECT_TRUE(OutcomeOf(Obj(kBoosting, broken[i])).starts_with("INVARIANT_GRADIENT_BOOSTING"))
        << i << ": " << OutcomeOf(Obj(kBoosting, broken[i]));
  }
}

}  // namespace
}  // namespace loadlock::verify::testing
