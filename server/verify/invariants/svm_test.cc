// SVC, SVR: every clause broken once; dense and sparse.
#include "server/verify/invariants/svm.h"

#include <gtest/gtest.h>

#include "server/verify/testing/make.h"

namespace loadlock::verify::testing {
namespace {

constexpr char kSvc[] = "sklearn.svm._classes.SVC";
constexpr char kSvr[] = "sklearn.svm._classes.SVR";

// Three classes, four support vectors, two features.
Attrs Svc() {
  return {{"kernel", Str("rbf")},
          {"_sparse", Bool(false)},
          {"n_features_in_", Int(2)},
          {"classes_", Vec<int64_t>({0, 1, 2})},
          {"support_", Vec<int32_t>({0, 3, 4, 7})},
          {"support_vectors_", Zeros({4, 2})},
          {"_n_support", Vec<int32_t>({2, 1, 1})},
          {"_dual_coef_", Zeros({2, 4})},
          {"dual_coef_", Zeros({2, 4})},
          {"_intercept_", Zeros({3})},
          {"_probA", Zeros({3})},
          {"_probB", Zeros({3})},
          {"shape_fit_", Tuple({Int(9), Int(2)})},
          {"probability", Bool(true)},
          {"_effective_probability", Bool(true)}};
}

Maker Csr(int64_t rows, int64_t columns, const std::vector<int32_t>& indices,
          const std::vector<int32_t>& indptr) {
  return Obj("scipy.sparse._csr.csr_matrix",
             {{"_shape", Tuple({Int(rows), Int(columns)})},
              {"data", Zeros({static_cast<int64_t>(indices.size())})},
              {"indices", Vec<int32_t>(indices)},
              {"indptr", Vec<int32_t>(indptr)}});
}

Attrs SparseSvc() {
  Attrs attrs = Svc();
  const Maker dual = Csr(2, 4, {0, 1, 2, 3, 0, 1, 2, 3}, {0, 4, 8});
  attrs["_sparse"] = Bool(true);
  attrs["support_vectors_"] = Csr(4, 2, {0, 1, 0}, {0, 1, 2, 3, 3});
  attrs["_dual_coef_"] = dual;
  attrs["dual_coef_"] = dual;
  return attrs;
}

TEST(Svm, SoundOnesPass) {
  EXPECT_EQ(OutcomeOf(Obj(kSvc, Svc())), "ACCEPTED");
  EXPECT_EQ(OutcomeOf(Obj(kSvc, SparseSvc())), "ACCEPTED");
  EXPECT_EQ(OutcomeOf(Obj(kSvc, {{"kernel", Str("linear")}})), "ACCEPTED") << "not fitted";
}

TEST(Svm, EveryClauseOfAClassifierIsChecked) {
  const Attrs good = Svc();
  const std::vector<Attrs> broken = {
      With(good, "support_", Vec<int64_t>({0, 1, 2, 3})),
      With(good, "support_", Vec<int32_t>({0, 1, 2, -1})),
      With(good, "support_", Vec<int32_t>({0, 1, 2})),
      With(good, "support_", Vec<int32_t>({0, 1, 2, 3, 4})),
      With(good, "support_", None()),
      With(good, "support_vectors_", Zeros({3, 2})),
      With(good, "support_vectors_", Zeros({4, 3})),
      With(good, "support_vectors_", Zeros({4, 0})),
      With(good, "support_vectors_", Arr<double>({4, 2}, {1, 2, 3, 4, 5, 6, 7, 8}, true)),
      With(good, "support_vectors_", nullptr),
      With(good, "_n_support", Vec<int32_t>({2, 1})),
      With(good, "_n_support", Vec<int32_t>({2, 1, 2})),
      With(good, "_n_support", Vec<int32_t>({5, 1, -2})),
      With(good, "_n_support", Vec<int64_t>({2, 1, 1})),
      With(good, "_n_support", nullptr),
      With(good, "_dual_coef_", Zeros({2, 3})),
      With(good, "_dual_coef_", Zeros({1, 4})),
      With(good, "_dual_coef_", Zeros({0, 0})),
      With(good, "_dual_coef_", nullptr),
      With(good, "dual_coef_", Zeros({2, 3})),
      With(good, "_intercept_", Zeros({2})),
      With(good, "_intercept_", None()),
      With(good, "_probA", Zeros({2})),
      With(good, "_probB", Zeros({0})),
      With(good, "_probB", nullptr),
      With(With(good, "_probA", Zeros({0})), "_probB", Zeros({0})),
      With(good, "classes_", Vec<int64_t>({0, 1})),
      With(good, "classes_", nullptr),
      With(With(With(good, "_probA", Zeros({0})), "_probB", Zeros({0})), "probability", Int(1)),
      With(good, "_effective_probability", Int(1)),
      With(good, "probability", Str("yes")),
      With(good, "n_features_in_", Int(3)),
      With(good, "n_features_in_", nullptr),
      With(good, "_sparse", Bool(true)),
      With(good, "_sparse", nullptr),
      With(good, "kernel", nullptr),
      // A precomputed kernel makes support_ an index.
      With(With(good, "kernel", Str("precomputed")), "shape_fit_", Tuple({Int(5), Int(5)})),
  };
  for (size_t i = 0; i < broken.size(); ++i) {
    const std::string outcome = OutcomeOf(Obj(kSvc, broken[i]));
    EXPECT_TRUE(outcome.starts_with("INVARIANT_SVC") || outcome.starts_with("STATE_RULE"))
        << i << ": " << outcome;
  }
  EXPECT_TRUE(
      OutcomeOf(Obj(kSvc, With(good, "kernel", Str("callable")))).starts_with("INVARIANT_SVC"));
  EXPECT_TRUE(OutcomeOf(Obj(kSvc, {{"kernel", Str("callable")}})).starts_with("INVARIANT_SVC"))
      << "not fitted";
}

// A function computes the kernel against the rows of the fit, one column each.
TEST(Svm, KernelsThatAreCalledSeeTheRowsOfTheFit) {
  Attrs good = With(Svc(), "kernel", Name("sklearn.metrics.pairwise.rbf_kernel"));
  good["_BaseLibSVM__Xfit"] = Zeros({9, 2});
  good["support_vectors_"] = Zeros({0, 0});
  good.erase("n_features_in_");
  EXPECT_EQ(OutcomeOf(Obj(kSvc, good)), "ACCEPTED");
  for (const Attrs& bad :
       {With(good, "_BaseLibSVM__Xfit", nullptr), With(good, "_BaseLibSVM__Xfit", Zeros({8, 2})),
        With(good, "_BaseLibSVM__Xfit", Zeros({9, 1})), With(good, "_BaseLibSVM__Xfit", None()),
        With(good, "shape_fit_", Tuple({Int(9)})), With(good, "shape_fit_", nullptr),
        With(good, "shape_fit_", Tuple({Int(7), Int(2)})), With(good, "_sparse", Bool(true)),
        With(good, "support_", Vec<int32_t>({0, 3, 4, 9})),
        With(good, "support_", Vec<int32_t>({0, 3, 4, -1})),
        With(good, "kernel", Name("sklearn.metrics._ranking.dcg_score")),
        With(good, "kernel", Name("builtins.eval"))}) {
    EXPECT_NE(OutcomeOf(Obj(kSvc, bad)), "ACCEPTED");
  }
}

TEST(Svm, PrecomputedSupportIsWithinTheColumns) {
  Attrs attrs = With(Svc(), "kernel", Str("precomputed"));
  attrs["n_features_in_"] = Int(8);
  attrs["shape_fit_"] = Tuple({Int(8), Int(8)});
  attrs["support_vectors_"] = Zeros({0, 0});
  EXPECT_EQ(OutcomeOf(Obj(kSvc, attrs)), "ACCEPTED");
  attrs["support_"] = Vec<int32_t>({0, 3, 4, 8});
  EXPECT_TRUE(OutcomeOf(Obj(kSvc, attrs)).starts_with("INVARIANT_SVC"));
}

TEST(Svm, SparseOnesStoreEveryElement) {
  const Attrs good = SparseSvc();
  for (const Attrs& bad : {With(good, "_dual_coef_", Csr(2, 4, {0, 1, 2, 3, 0, 1, 2}, {0, 4, 7})),
                           With(good, "dual_coef_", Csr(2, 5, {0, 1, 2, 3, 0, 1, 2, 3}, {0, 4, 8})),
                           With(good, "_dual_coef_", Zeros({2, 4})),
                           With(good, "support_vectors_", Csr(4, 3, {0}, {0, 1, 1, 1, 1})),
                           With(good, "support_vectors_", Csr(3, 2, {0}, {0, 1, 1, 1})),
                           With(good, "support_vectors_", Zeros({4, 2}))}) {
    EXPECT_TRUE(OutcomeOf(Obj(kSvc, bad)).starts_with("INVARIANT_SVC"))
        << OutcomeOf(Obj(kSvc, bad));
  }
}

TEST(Svm, RegressionHasTwoCounts) {
  Attrs good = Svc();
  good.erase("classes_");
  good["_n_support"] = Vec<int32_t>({3, 3});
  good["_dual_coef_"] = good["dual_coef_"] = Zeros({1, 4});
  good["_intercept_"] = Zeros({1});
  good["_probA"] = good["_probB"] = Zeros({0});
  good["probability"] = good["_effective_probability"] = Bool(false);
  EXPECT_EQ(OutcomeOf(Obj(kSvr, good)), "ACCEPTED");
  for (const Attrs& bad :
       {With(good, "_n_support", Vec<int32_t>({3})), With(good, "_intercept_", Zeros({0})),
        With(good, "_effective_probability", Bool(true)), With(good, "probability", Bool(true)),
        With(good, "_dual_coef_", Zeros({1, 3}))}) {
    EXPECT_TRUE(OutcomeOf(Obj(kSvr, bad)).starts_with("INVARIANT_SVR"));
  }
}

}  // namespace
}  // namespace loadlock::verify::testing
