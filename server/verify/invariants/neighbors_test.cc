// KD_TREE, BALL_TREE, NEIGHBORS and newObj: every clause broken once.
#include "server/verify/invariants/neighbors.h"

#include <gtest/gtest.h>

#include <cmath>
#include <utility>

#include "server/verify/invariants/neighbor_tree.h"
#include "server/verify/testing/make.h"

namespace loadlock::verify::testing {
namespace {

constexpr char kKnn[] = "sklearn.neighbors._classification.KNeighborsClassifier";
constexpr char kKd[] = "sklearn.neighbors._kd_tree";
constexpr char kBall[] = "sklearn.neighbors._ball_tree";
constexpr char kMetrics[] = "sklearn.metrics._dist_metrics";

Maker DistanceWith(const std::string& name, double p, Maker vector) {
  return Call(std::string(kMetrics) + ".newObj", {Name(std::string(kMetrics) + "." + name)},
              Tuple({Float(p), std::move(vector), Zeros({1, 1})}));
}

Maker Distance(const std::string& name, double p = 2.0) {
  return DistanceWith(name, p, Vec<double>({0}));
}

struct TreeNode {
  int64_t start, end, leaf;
  double radius;
};

Maker NodeType(const char* first = "idx_start") {
  return [first](Draft& draft) {
    std::vector<uint32_t> operands = {draft.Int(32)};
    const char* names[] = {first, "idx_end", "is_leaf", "radius"};
    for (int i = 0; i < 4; ++i) {
      const NodeId type = DType(i == 3 ? "<f8" : "<i8")(draft);
      operands.push_back(draft.String(names[i]));
      operands.push_back(type);
      operands.push_back(draft.Int(8 * i));
    }
    return draft.Node(v1::NODE_KIND_DTYPE_RECORD, operands);
  };
}

Maker Nodes(const std::vector<TreeNode>& nodes) {
  return Raw(NodeType(), {static_cast<int64_t>(nodes.size())}, Bytes(nodes));
}

// Four points of two columns; a root and two leaves.
Makers Parts(int64_t boxes = 2) {
  return {Zeros({4, 2}),
          Vec<int64_t>({2, 0, 3, 1}),
          Nodes({{0, 4, 0, 1}, {0, 2, 1, 1}, {2, 4, 1, 1}}),
          Zeros({boxes, 3, 2}),
          Int(2),
          Int(2),
          Int(3),
          Int(0),
          Int(2),
          Int(1),
          Int(0),
          Distance("EuclideanDistance64"),
          None()};
}

Makers Replace(size_t part, Maker value) {
  Makers parts = Parts();
  parts[part] = std::move(value);
  return parts;
}

Maker KdTree(Makers parts) {
  return Call(std::string(kKd) + ".newObj", {Name(std::string(kKd) + ".KDTree")},
              Tuple(std::move(parts)));
}

TEST(NeighborTree, SoundOnesPass) {
  EXPECT_EQ(OutcomeOf(KdTree(Parts())), "ACCEPTED");
  EXPECT_EQ(OutcomeOf(KdTree(Replace(12, Zeros({4})))), "ACCEPTED");
  EXPECT_EQ(OutcomeOf(KdTree(Replace(11, Distance("HaversineDistance64", 0)))), "ACCEPTED");
  EXPECT_EQ(OutcomeOf(Call(std::string(kBall) + ".newObj", {Name(std::string(kBall) + ".BallTree")},
                           Tuple(Parts(1)))),
            "ACCEPTED");
}

TEST(NeighborTree, EveryClauseIsChecked) {
  const std::vector<Makers> broken = {
      Replace(0, Zeros({3, 2})),
      Replace(0, Zeros({4, 3})),
      Replace(0, Zeros({8})),
      Replace(0, Arr<double>({4, 2}, {1, 2, 3, 4, 5, 6, 7, 8}, true)),
      Replace(0, Arr<float>({4, 2}, {1, 2, 3, 4, 5, 6, 7, 8})),
      Replace(0, Zeros({0, 2})),
      Replace(1, Vec<int64_t>({2, 0, 3})),
      Replace(1, Vec<int64_t>({2, 0, 3, 3})),
      Replace(1, Vec<int64_t>({2, 0, 3, 4})),
      Replace(1, Vec<int64_t>({2, 0, 3, -1})),
      Replace(1, Vec<int32_t>({2, 0, 3, 1})),
      Replace(1, None()),
      Replace(2, Nodes({})),
      Replace(2, Nodes({{0, 4, 0, 1}, {0, 2, 0, 1}, {2, 4, 1, 1}})),
      Replace(2, Nodes({{0, 4, 0, 1}, {0, 2, 1, 1}})),
      Replace(2, Nodes({{-1, 4, 0, 1}, {0, 2, 1, 1}, {2, 4, 1, 1}})),
      Replace(2, Nodes({{0, 5, 0, 1}, {0, 2, 1, 1}, {2, 4, 1, 1}})),
      Replace(2, Nodes({{0, 4, 0, 1}, {2, 2, 1, 1}, {2, 4, 1, 1}})),
      Replace(2, Raw(NodeType("other"), {1}, Bytes<TreeNode>({{0, 4, 1, 1}}))),
      Replace(2, Zeros({12})),
      Replace(3, Zeros({1, 3, 2})),
      Replace(3, Zeros({2, 2, 2})),
      Replace(3, Zeros({2, 3, 1})),
      Replace(3, None()),
      Replace(4, Int(0)),
      Replace(4, None()),
      Replace(5, Int(0)),
      Replace(5, Int(1000)),
      Replace(6, Int(4)),
      Replace(7, Str("x")),
      Replace(11, None()),
      Replace(11, Name("builtins.list")),
      Replace(12, Zeros({3})),
      Makers(12, Int(1)),
  };
  for (size_t i = 0; i < broken.size(); ++i) {
    EXPECT_NE(OutcomeOf(KdTree(broken[i])), "ACCEPTED") << i;
  }
  EXPECT_TRUE(OutcomeOf(KdTree(Replace(4, Int(0)))).starts_with("SCHEMA"));
  // Haversine reads two columns.
  Makers wide = Parts();
  wide[0] = Zeros({4, 3});
  wide[3] = Zeros({2, 3, 3});
  EXPECT_EQ(OutcomeOf(KdTree(wide)), "ACCEPTED");
  wide[11] = Distance("HaversineDistance64", 0);
  EXPECT_TRUE(OutcomeOf(KdTree(wide)).starts_with("SCHEMA"));
}

TEST(NewObj, MakesOnlyItsOwnClasses) {
  const std::string kd = std::string(kKd) + ".newObj";
  const std::string metric = std::string(kMetrics) + ".newObj";
  const Maker state = Tuple({Float(2), Vec<double>({0}), Zeros({1, 1})});
  for (const Maker& bad :
       {Call(kd, {Name(std::string(kBall) + ".BallTree")}, Tuple(Parts(1))),
        Call(kd, {Name(std::string(kKd) + ".KDTree")}), Call(kd, {None()}, Tuple(Parts())),
        Call(kd, {}, Tuple(Parts())),
        Call(kd, {Obj("sklearn.preprocessing._label.LabelEncoder", {})}, Tuple(Parts())),
        Call(metric, {Name(std::string(kMetrics) + ".PyFuncDistance")}, state),
        Call(metric, {Name(std::string(kMetrics) + ".MahalanobisDistance")}, state),
        Call(metric, {Name(std::string(kMetrics) + ".EuclideanDistance")},
             Tuple({Float(3), Vec<double>({0}), Zeros({1, 1})})),
        Call(metric, {Name(std::string(kMetrics) + ".EuclideanDistance")},
             Tuple({Float(2), Vec<double>({0, 1}), Zeros({1, 1})})),
        Call(metric, {Name(std::string(kMetrics) + ".EuclideanDistance")},
             Tuple({Float(2), Vec<double>({0}), Zeros({2, 2})})),
        Call(metric, {Name(std::string(kMetrics) + ".EuclideanDistance")}, Tuple({}))}) {
    EXPECT_NE(OutcomeOf(bad), "ACCEPTED");
  }
  EXPECT_EQ(OutcomeOf(Distance("ManhattanDistance", 1)), "ACCEPTED");
  EXPECT_EQ(OutcomeOf(Distance("ChebyshevDistance64", INFINITY)), "ACCEPTED");
  EXPECT_EQ(OutcomeOf(Distance("CanberraDistance64")), "ACCEPTED");
}

TEST(NewObj, VectorsOfDistancesAreAsLongAsTheRows) {
  const auto tree = [](Maker distance) {
    return OutcomeOf(KdTree(Replace(11, std::move(distance))));
  };
  EXPECT_EQ(tree(DistanceWith("MinkowskiDistance64", 3, Vec<double>({}))), "ACCEPTED");
  EXPECT_EQ(tree(DistanceWith("MinkowskiDistance", 1.5, Vec<double>({0, 2}))), "ACCEPTED");
  EXPECT_EQ(tree(DistanceWith("SEuclideanDistance64", 2, Vec<double>({1, 2}))), "ACCEPTED");
  for (const Maker& bad : {DistanceWith("MinkowskiDistance64", 3, Vec<double>({1})),
                           DistanceWith("MinkowskiDistance64", 3, Vec<double>({1, 2, 3})),
                           DistanceWith("MinkowskiDistance64", 3, Vec<double>({1, -2})),
                           DistanceWith("MinkowskiDistance64", 3, Vec<double>({1, NAN})),
                           DistanceWith("MinkowskiDistance64", 3, Vec<int64_t>({1, 2})),
                           DistanceWith("MinkowskiDistance64", 0.5, Vec<double>({})),
                           DistanceWith("MinkowskiDistance64", INFINITY, Vec<double>({})),
                           DistanceWith("MinkowskiDistance64", NAN, Vec<double>({})),
                           DistanceWith("SEuclideanDistance64", 2, Vec<double>({})),
                           DistanceWith("SEuclideanDistance64", 2, Vec<double>({1})),
                           DistanceWith("SEuclideanDistance64", 2, Vec<double>({1, 0})),
                           DistanceWith("SEuclideanDistance64", 2, None()),
                           DistanceWith("EuclideanDistance64", 2, Vec<double>({1, 2})),
                           Distance("MahalanobisDistance64"), Distance("PyFuncDistance64")}) {
    EXPECT_NE(tree(bad), "ACCEPTED");
  }
}

TEST(NewObj, ADistanceThatIsNeverMadeSaysWhatToDoInstead) {
  for (const auto& [name, advice] :
       {std::pair{"MahalanobisDistance64", "PCA(whiten=True)"},
        std::pair{"PyFuncDistance64", "name one"}, std::pair{"WMinkowskiDistance", "weights w"}}) {
    const auto verdict = VerifyMade(Distance(name));
    ASSERT_TRUE(verdict.ok());
    bool told = false;
    for (const v1::Finding& finding : verdict->report.findings()) {
      told = told ||
             (finding.rule_id() == "SCHEMA" && finding.message().find(advice) != std::string::npos);
    }
    EXPECT_TRUE(told) << name;
  }
}

Attrs Knn() {
  return {{"_fit_X", Zeros({4, 2})},
          {"_tree", KdTree(Parts())},
          {"_fit_method", Str("kd_tree")},
          {"n_features_in_", Int(2)},
          {"n_samples_fit_", Int(4)},
          {"effective_metric_", Str("euclidean")},
          {"effective_metric_params_", Dict({{"p", Int(2)}})},
          {"_y", Vec<int64_t>({0, 1, 1, 0})},
          {"classes_", Vec<int64_t>({7, 9})}};
}

TEST(Neighbors, SoundOnesPass) {
  EXPECT_EQ(OutcomeOf(Obj(kKnn, Knn())), "ACCEPTED");
  Attrs brute = With(With(Knn(), "_fit_method", Str("brute")), "_tree", None());
  EXPECT_EQ(OutcomeOf(Obj(kKnn, brute)), "ACCEPTED");
  EXPECT_EQ(OutcomeOf(Obj(kKnn, {{"n_neighbors", Int(3)}})), "ACCEPTED") << "not fitted";
  for (const Maker& params :
       {Dict({{"p", Float(0.5)}, {"w", None()}}), Dict({{"w", Vec<int64_t>({1, 2})}}),
        Dict({{"V", Zeros({2})}}), Dict({{"V", List({Float(1), Float(2)})}})}) {
    EXPECT_EQ(OutcomeOf(Obj(kKnn, With(brute, "effective_metric_params_", params))), "ACCEPTED");
  }
  Attrs square = With(With(brute, "_fit_X", Zeros({4, 4})), "n_features_in_", Int(4));
  square = With(square, "effective_metric_", Str("precomputed"));
  EXPECT_EQ(OutcomeOf(Obj(kKnn, square)), "ACCEPTED");
}

TEST(Neighbors, EveryClauseIsChecked) {
  const Attrs good = Knn();
  const std::vector<Attrs> broken = {
      With(good, "_fit_X", Zeros({4, 1})),
      With(good, "_fit_X", Zeros({3, 2})),
      With(good, "_fit_X", Zeros({0, 2})),
      With(good, "_fit_X", Zeros({8})),
      With(good, "_fit_X", Arr<double>({4, 2}, {1, 2, 3, 4, 5, 6, 7, 8}, true)),
      With(good, "_fit_X", Raw(DType(">f8"), {4, 2}, std::string(64, '\0'))),
      With(good, "_fit_X", nullptr),
      With(good, "n_features_in_", nullptr),
      With(good, "n_features_in_", Int(3)),
      With(good, "n_samples_fit_", Int(5)),
      With(good, "_tree", None()),
      With(good, "_tree", nullptr),
      With(good, "_fit_method", Str("brute")),
      With(good, "_fit_method", Str("other")),
      With(good, "_fit_method", nullptr),
      With(good, "effective_metric_params_", Dict({{"p", Float(0.5)}})),
      With(good, "effective_metric_params_", Dict({{"V", Zeros({3})}})),
      With(good, "effective_metric_params_", Dict({{"w", Zeros({1})}})),
      With(good, "effective_metric_params_", Dict({{"w", List({Int(1), Str("2")})}})),
      With(good, "effective_metric_params_", Dict({{"VI", Zeros({2, 2})}})),
      With(good, "effective_metric_", Str("precomputed")),
      With(good, "_y", Vec<int64_t>({0, 1, 1})),
      With(good, "_y", Vec<int64_t>({0, 1, 1, 2})),
      With(good, "_y", Vec<int64_t>({0, 1, 1, -1})),
      With(good, "_y", Zeros({4})),
      With(good, "classes_", List({Vec<int64_t>({1}), Vec<int64_t>({1})})),
  };
  for (size_t i = 0; i < broken.size(); ++i) {
    EXPECT_TRUE(OutcomeOf(Obj(kKnn, broken[i])).starts_with("INVARIANT_NEIGHBORS"))
        << i << ": " << OutcomeOf(Obj(kKnn, broken[i]));
  }
  for (const char* metric : {"mahalanobis", "wminkowski", "pyfunc"}) {
    EXPECT_TRUE(OutcomeOf(Obj(kKnn, With(good, "effective_metric_", Str(metric))))
                    .starts_with("STATE_RULE"));
  }
  EXPECT_TRUE(
      OutcomeOf(Obj(kKnn, With(good, "metric", Name("numpy.log1p")))).starts_with("NAME_NOT_HERE"));
}

}  // namespace
}  // namespace loadlock::verify::testing
