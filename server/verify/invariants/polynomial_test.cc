// POLYNOMIAL: the numbers of columns are those of scikit-learn, and no others.
#include <gtest/gtest.h>

#include "server/verify/testing/make.h"

namespace loadlock::verify::testing {
namespace {

struct Fitted {
  int64_t features;
  int64_t least;
  int64_t most;
  bool interactions;
  bool bias;
  int64_t columns;
  int64_t room;
};

Attrs Polynomial(const Fitted& fitted) {
  return {{"n_features_in_", Int(fitted.features)},
          {"degree", Tuple({Int(fitted.least), Int(fitted.most)})},
          {"_min_degree", Int(fitted.least)},
          {"_max_degree", Int(fitted.most)},
          {"interaction_only", Bool(fitted.interactions)},
          {"include_bias", Bool(fitted.bias)},
          {"n_output_features_", Int(fitted.columns)},
          {"_n_out_full", Int(fitted.room)}};
}

std::string OutcomeWith(const Attrs& attrs) {
  return OutcomeOf(Obj("sklearn.preprocessing._polynomial.PolynomialFeatures", attrs));
}

TEST(Polynomial, ColumnsAreTheTermsOfTheDegrees) {
  // Counted by scikit-learn.
  for (const Fitted& fitted : std::vector<Fitted>{{4, 0, 2, false, true, 15, 15},
                                                  {4, 0, 3, false, false, 34, 34},
                                                  {4, 2, 3, false, true, 31, 35},
                                                  {4, 0, 3, true, true, 15, 15},
                                                  {4, 2, 9, true, false, 11, 15},
                                                  {1, 0, 20, false, true, 21, 21},
                                                  {3, 0, 0, false, true, 1, 1},
                                                  {4000, 0, 2, false, true, 8006001, 8006001}}) {
    EXPECT_EQ(OutcomeWith(Polynomial(fitted)), "ACCEPTED") << fitted.columns;
  }
  Attrs plain = Polynomial({4, 0, 2, false, true, 15, 15});
  plain["degree"] = Int(2);
  EXPECT_EQ(OutcomeWith(plain), "ACCEPTED");
}

TEST(Polynomial, EveryClauseIsChecked) {
  const Attrs good = Polynomial({4, 2, 3, false, true, 31, 35});
  const std::vector<Attrs> broken = {
      With(good, "n_output_features_", Int(32)),
      With(good, "n_output_features_", Int(35)),
      With(good, "n_output_features_", nullptr),
      With(good, "_n_out_full", Int(36)),
      With(good, "_n_out_full", Int(31)),
      With(good, "_n_out_full", nullptr),
      With(good, "n_features_in_", Int(5)),
      With(good, "n_features_in_", Int(int64_t{1} << 62)),
      With(good, "n_features_in_", Int(-4)),
      With(good, "n_features_in_", nullptr),
      With(good, "degree", Int(3)),
      With(good, "degree", Tuple({Int(3), Int(2)})),
      With(good, "_min_degree", Int(1)),
      With(good, "_max_degree", Int(4)),
      With(good, "include_bias", Bool(false)),
      With(good, "include_bias", Int(1)),
      With(good, "interaction_only", Bool(true)),
      With(good, "interaction_only", None()),
  };
  for (size_t i = 0; i < broken.size(); ++i) {
    const std::string outcome = OutcomeWith(broken[i]);
    EXPECT_TRUE(outcome.starts_with("INVARIANT_POLYNOMIAL")) << i << ": " << outcome;
  }
}

}  // namespace
}  // namespace loadlock::verify::testing
