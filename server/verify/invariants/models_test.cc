// RANDOM, VOCABULARY, TFIDF, MLP, KMEANS, LINEAR: every clause broken once.
#include <gtest/gtest.h>

#include "server/verify/testing/make.h"

namespace loadlock::verify::testing {
namespace {

void ExpectAll(const std::string& cls, const std::vector<Attrs>& broken, const std::string& rule) {
  for (size_t i = 0; i < broken.size(); ++i) {
    const std::string outcome = OutcomeOf(Obj(cls, broken[i]));
    EXPECT_TRUE(outcome.starts_with(rule)) << i << ": " << outcome;
  }
}

Maker Generator(const std::string& name, Attrs state) {
  return [name, state = std::move(state)](Draft& draft) {
    const NodeId dict = Dict(state)(draft);
    return draft.Node(v1::NODE_KIND_BIT_GENERATOR, {draft.String(name), dict});
  };
}

Maker Twister(int64_t pos, size_t words = 624) {
  return Generator(
      "MT19937",
      {{"bit_generator", Str("MT19937")},
       {"state", Dict({{"key", Vec(std::vector<uint32_t>(words, 1))}, {"pos", Int(pos)}})}});
}

TEST(Random, PositionsStayWithinTheWords) {
  EXPECT_EQ(OutcomeOf(Twister(0)), "ACCEPTED");
  EXPECT_EQ(OutcomeOf(Twister(624)), "ACCEPTED");
  for (const Maker& bad :
       {Twister(625), Twister(-1), Twister(1 << 30), Twister(0, 623), Generator("MT19937", {}),
        Generator("Other", {}), Generator("PCG64", {{"state", Dict({})}})}) {
    EXPECT_TRUE(OutcomeOf(bad).starts_with("INVARIANT_RANDOM")) << OutcomeOf(bad);
  }
  const auto philox = [](int64_t pos) {
    const std::vector<uint64_t> four(4, 1);
    return Generator(
        "Philox",
        {{"state", Dict({{"counter", Vec(four)}, {"key", Vec(std::vector<uint64_t>(2, 1))}})},
         {"buffer", Vec(four)},
         {"buffer_pos", Int(pos)},
         {"has_uint32", Int(0)},
         {"uinteger", Int(0)}});
  };
  EXPECT_EQ(OutcomeOf(philox(4)), "ACCEPTED");
  EXPECT_TRUE(OutcomeOf(philox(5)).starts_with("INVARIANT_RANDOM"));
  const Maker other = Generator(
      "MT19937", {{"bit_generator", Str("PCG64")},
                  {"state", Dict({{"key", Vec(std::vector<uint32_t>(624, 1))}, {"pos", Int(0)}})}});
  EXPECT_TRUE(OutcomeOf(other).starts_with("INVARIANT_RANDOM"));
}

constexpr char kCount[] = "sklearn.feature_extraction.text.CountVectorizer";
constexpr char kTfidf[] = "sklearn.feature_extraction.text.TfidfTransformer";

TEST(Vocabulary, IsAPermutation) {
  const auto words = [](Maker a, Maker b) {
    return Attrs{{"vocabulary_", Dict({{"a", a}, {"b", b}})}};
  };
  EXPECT_EQ(OutcomeOf(Obj(kCount, words(Int(1), Int(0)))), "ACCEPTED");
  EXPECT_EQ(OutcomeOf(Obj(kCount, words(NumpyInt(1), NumpyInt(0)))), "ACCEPTED");
  ExpectAll(kCount,
            {words(Int(0), Int(0)),
             words(Int(0), Int(2)),
             words(Int(-1), Int(0)),
             words(Int(0), Int(int64_t{1} << 31)),
             words(Int(0), Str("1")),
             words(Int(0), Float(1)),
             {{"vocabulary_", List({})}},
             {{"vocabulary_", None()}}},
            "INVARIANT_VOCABULARY");
  // A word twice would leave a number without a word.
  Draft draft;
  const uint32_t first = draft.String("a");
  draft.String("a");
  const NodeId vocabulary = draft.Node(v1::NODE_KIND_DICT_STR_INT, {first, draft.Ints({0, 1}), 2});
  const NodeId state =
      draft.Node(v1::NODE_KIND_DICT_STR, {draft.String("vocabulary_"), vocabulary});
  const NodeId cls = Name(kCount)(draft);
  const NodeId root = draft.Node(v1::NODE_KIND_OBJECT, {cls, kAbsent, state, kAbsent, kAbsent});
  EXPECT_TRUE(Outcome(VerifyDraft(draft, root)).starts_with("INVARIANT_VOCABULARY"));
}

TEST(Vocabulary, WeightsAreOneAWord) {
  const std::string cls = "sklearn.feature_extraction.text.TfidfVectorizer";
  const auto with = [](int64_t features, int64_t weights) {
    return Attrs{
        {"vocabulary_", Dict({{"a", Int(0)}, {"b", Int(1)}})},
        {"_tfidf", Obj(kTfidf, {{"n_features_in_", Int(features)}, {"idf_", Zeros({weights})}})}};
  };
  EXPECT_EQ(OutcomeOf(Obj(cls, with(2, 2))), "ACCEPTED");
  ExpectAll(cls, {with(3, 3)}, "INVARIANT_VOCABULARY");
  EXPECT_TRUE(OutcomeOf(Obj(cls, with(2, 3))).starts_with("INVARIANT_TFIDF"));
}

TEST(Vectorizer, TakesNoPatternsOrCallablesOfItsOwn) {
  EXPECT_TRUE(OutcomeOf(Obj(kCount, {{"tokenizer", Str("x")}})).starts_with("STATE_RULE"));
  EXPECT_TRUE(
      OutcomeOf(Obj(kCount, {{"preprocessor", Obj(kTfidf, {})}})).starts_with("STATE_RULE"));
  EXPECT_TRUE(
      OutcomeOf(Obj(kCount, {{"analyzer", Name("builtins.list")}})).starts_with("NAME_NOT_HERE"));
  EXPECT_TRUE(OutcomeOf(Obj(kCount, {{"token_pattern", Str("(a+)+$")}})).starts_with("STATE_RULE"));
  EXPECT_EQ(OutcomeOf(Obj(kCount, {{"token_pattern", Str("(?u)\\b\\w\\w+\\b")}})), "ACCEPTED");
}

TEST(Tfidf, WeightsAreAsWideAsTheFeatures) {
  const Attrs good = {{"n_features_in_", Int(2)}, {"idf_", Zeros({2})}};
  EXPECT_EQ(OutcomeOf(Obj(kTfidf, good)), "ACCEPTED");
  const Maker diagonal = Obj("scipy.sparse._csr.csr_matrix", {{"_shape", Tuple({Int(2), Int(3)})},
                                                              {"data", Zeros({0})},
                                                              {"indices", Vec<int32_t>({})},
                                                              {"indptr", Vec<int32_t>({0, 0, 0})}});
  ExpectAll(kTfidf,
            {With(good, "idf_", Zeros({3})), With(good, "n_features_in_", nullptr),
             With(good, "idf_", Zeros({2, 1})), With(good, "_idf_diag", diagonal)},
            "INVARIANT_TFIDF");
}

TEST(Mlp, LayersFormAChain) {
  const std::string cls = "sklearn.neural_network._multilayer_perceptron.MLPRegressor";
  const Attrs good = {{"coefs_", List({Zeros({2, 3}), Zeros({3, 1})})},
                      {"intercepts_", List({Zeros({3}), Zeros({1})})},
                      {"n_features_in_", Int(2)},
                      {"n_outputs_", Int(1)},
                      {"n_layers_", Int(3)}};
  EXPECT_EQ(OutcomeOf(Obj(cls, good)), "ACCEPTED");
  ExpectAll(cls,
            {With(good, "coefs_", List({Zeros({2, 3}), Zeros({4, 1})})),
             With(good, "coefs_", List({Zeros({2, 3})})), With(good, "coefs_", List({})),
             With(good, "intercepts_", List({Zeros({2}), Zeros({1})})),
             With(good, "intercepts_", nullptr), With(good, "n_features_in_", Int(3)),
             With(good, "n_features_in_", nullptr), With(good, "n_outputs_", Int(2)),
             With(good, "n_layers_", Int(9))},
            "INVARIANT_MLP");
  EXPECT_TRUE(
      OutcomeOf(Obj(cls, With(good, "activation", Str("predict")))).starts_with("STATE_RULE"));
}

TEST(Kmeans, CentersAreAsWideAsTheFeatures) {
  const std::string cls = "sklearn.cluster._kmeans.MiniBatchKMeans";
  const Attrs good = {{"cluster_centers_", Zeros({2, 3})},
                      {"n_features_in_", Int(3)},
                      {"n_clusters", Int(2)},
                      {"_n_threads", Int(2)},
                      {"_counts", Zeros({2})}};
  EXPECT_EQ(OutcomeOf(Obj(cls, good)), "ACCEPTED");
  ExpectAll(
      cls,
      {With(good, "cluster_centers_", Zeros({2, 1})), With(good, "cluster_centers_", Zeros({3, 3})),
       With(good, "cluster_centers_", Zeros({0, 3})),
       With(good, "cluster_centers_", Vec<int64_t>({1, 2, 3})),
       With(good, "cluster_centers_", Arr<double>({2, 3}, {1, 2, 3, 4, 5, 6}, true)),
       With(good, "n_features_in_", nullptr), With(good, "n_clusters", Int(3)),
       With(good, "_n_threads", nullptr), With(good, "_counts", Zeros({1})),
       With(good, "_counts", Vec<float>({1, 2}))},
      "INVARIANT_KMEANS");
}

TEST(Linear, CoefficientsAreAsWideAsTheFeatures) {
  const std::string cls = "sklearn.linear_model._stochastic_gradient.SGDClassifier";
  const Attrs good = {{"coef_", Zeros({3, 2})},
                      {"intercept_", Zeros({3})},
                      {"_standard_coef", Zeros({3, 2})},
                      {"_average_coef", None()},
                      {"_standard_intercept", Zeros({3})},
                      {"n_features_in_", Int(2)},
                      {"classes_", Vec<int64_t>({0, 1, 2})}};
  EXPECT_EQ(OutcomeOf(Obj(cls, good)), "ACCEPTED");
  ExpectAll(cls,
            {With(good, "coef_", Zeros({3, 1})), With(good, "coef_", Zeros({0, 2})),
             With(good, "coef_", Vec<int64_t>({1, 2})), With(good, "n_features_in_", nullptr),
             With(good, "n_features_in_", Int(3)), With(good, "classes_", Vec<int64_t>({0, 1})),
             With(good, "intercept_", Zeros({2})), With(good, "_standard_coef", Zeros({3, 1})),
             With(good, "_average_coef", Zeros({2, 2})),
             With(good, "_standard_coef", Arr<double>({3, 2}, {1, 2, 3, 4, 5, 6}, true)),
             With(good, "_standard_intercept", Zeros({1}))},
            "INVARIANT_LINEAR");
  const std::string regression = "sklearn.linear_model._base.LinearRegression";
  EXPECT_EQ(
      OutcomeOf(Obj(regression,
                    {{"coef_", Zeros({2})}, {"n_features_in_", Int(2)}, {"intercept_", Float(0)}})),
      "ACCEPTED");
}

TEST(Scaler, VectorsAreAsLongAsTheFeatures) {
  const std::string cls = "sklearn.preprocessing._data.StandardScaler";
  EXPECT_EQ(OutcomeOf(Obj(cls, {{"mean_", Zeros({2})}, {"n_features_in_", Int(2)}})), "ACCEPTED");
  EXPECT_TRUE(OutcomeOf(Obj(cls, {{"mean_", Zeros({2})}})).starts_with("STATE_RULE"));
  EXPECT_TRUE(OutcomeOf(Obj(cls, {{"mean_", Zeros({2})}, {"n_features_in_", Int(3)}}))
                  .starts_with("STATE_RULE"));
}

}  // namespace
}  // namespace loadlock::verify::testing
