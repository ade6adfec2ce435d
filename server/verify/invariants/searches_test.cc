// SEARCH, FUNCTION, VOTING, BUNCH: every clause broken once.
#include <gtest/gtest.h>

#include "server/verify/testing/make.h"

namespace loadlock::verify::testing {
namespace {

constexpr char kSearch[] = "sklearn.model_selection._search.GridSearchCV";
constexpr char kVoting[] = "sklearn.ensemble._voting.VotingClassifier";
constexpr char kEncoder[] = "sklearn.preprocessing._label.LabelEncoder";
constexpr char kBayes[] = "sklearn.naive_bayes.GaussianNB";

std::string Tried(const std::string& key, Attrs parameters) {
  return OutcomeOf(Obj(kSearch, {{key, Dict(std::move(parameters))}}));
}

TEST(Search, TriesWhatAModelMayHave) {
  for (const std::string key : {"param_grid", "param_distributions", "best_params_"}) {
    EXPECT_EQ(Tried(key, {{"C", List({Float(1), Float(2)})},
                          {"n_jobs", List({Int(-1), Int(8), None()})},
                          {"text__ngram_range", List({Tuple({Int(1), Int(2)})})},
                          {"text__input", List({Str("content")})},
                          {"pipe__memory", List({None()})},
                          {"dtype", List({Str("float32"), Name("numpy.float64")})}}),
              "ACCEPTED");
    EXPECT_EQ(Tried(key, {{"ngram_range", Tuple({Int(1), Int(2)})}}), "ACCEPTED");
    const std::vector<Attrs> broken = {
        {{"memory", Str("/tmp")}},
        {{"memory", List({None(), Str("/tmp")})}},
        {{"a__memory", Tuple({Str("/tmp")})}},
        {{"a__b__memory", Objects({1}, {Str("/tmp")})}},
        {{"text__input", List({Str("content"), Str("filename")})}},
        {{"input", Objects({2}, {Str("file"), Str("content")})}},
        {{"n_jobs", Int(1000)}},
        {{"n_jobs", List({Str("1")})}},
        {{"dtype", List({Str("f8,f8")})}},
        {{"dtype", Zeros({1})}},
        {{"ngram_range", List({Tuple({Int(1), Int(1 << 20)})})}},
        {{"any", List({Dict({{"memory", Str("/tmp")}})})}},
    };
    for (const Attrs& parameters : broken) {
      EXPECT_TRUE(Tried(key, parameters).starts_with("INVARIANT_SEARCH "))
          << Tried(key, parameters);
    }
  }
}

// As cv_results_ keeps what was tried: a masked array of objects.
Maker Masked(const Makers& values) {
  return [=](Draft& draft) {
    const auto count = static_cast<int64_t>(values.size());
    const Maker bytes = [&](Draft& inner) {
      return inner.Node(v1::NODE_KIND_BYTES, {inner.Blob(std::string(values.size(), '\0'))});
    };
    const Maker state =
        Tuple({Int(1), Tuple({Int(count)}), DType("|O"), Bool(false), List(values), bytes, None()});
    return Call("numpy.ma.core._mareconstruct",
                {Name("numpy.ma.MaskedArray"), Name("numpy.ndarray"), Tuple({Int(0)}), Str("b")},
                state)(draft);
  };
}

TEST(Search, LooksIntoMaskedArrays) {
  const auto tried = [](const std::string& key, const Maker& value) {
    return Tried("cv_results_", {{key, Masked({value, value})}});
  };
  EXPECT_EQ(tried("param_text__ngram_range", Tuple({Int(1), Int(2)})), "ACCEPTED");
  EXPECT_EQ(tried("param_C", Float(1)), "ACCEPTED");
  EXPECT_EQ(tried("param_n_jobs", Int(2)), "ACCEPTED");
  for (const std::string& outcome :
       {tried("param_text__ngram_range", Tuple({Int(1), Int(1 << 20)})),
        tried("param_pipe__memory", Str("/tmp")), tried("param_text__input", Str("file"))}) {
    EXPECT_TRUE(outcome.starts_with("INVARIANT_SEARCH ")) << outcome;
  }
}

constexpr char kFunction[] = "sklearn.preprocessing._function_transformer.FunctionTransformer";
constexpr char kSelect[] = "sklearn.feature_selection._from_model.SelectFromModel";

TEST(Functions, GetNumbersAndTruths) {
  const auto with = [](Attrs arguments) {
    return OutcomeOf(Obj(
        kFunction, {{"func", Name("numpy.nan_to_num")}, {"kw_args", Dict(std::move(arguments))}}));
  };
  EXPECT_EQ(with({{"nan", Float(0)}, {"copy", Bool(true)}}), "ACCEPTED");
  EXPECT_EQ(with({{"decimals", Int(2)}}), "ACCEPTED");
  for (const Attrs& broken : std::vector<Attrs>{{{"out", Zeros({1})}},
                                                {{"nan", Zeros({1})}},
                                                {{"copy", Int(1)}},
                                                {{"decimals", Int(1 << 30)}},
                                                {{"norm", Str("other")}},
                                                {{"dtype", Str("O")}}}) {
    EXPECT_TRUE(with(broken).starts_with("INVARIANT_FUNCTION ")) << with(broken);
  }
}

TEST(Functions, ImportancesHavePlainNames) {
  const auto by = [](const std::string& getter) {
    return OutcomeOf(Obj(kSelect, {{"importance_getter", Str(getter)}}));
  };
  EXPECT_EQ(by("auto"), "ACCEPTED");
  EXPECT_EQ(by("named_steps.my-step.coef_"), "ACCEPTED");
  EXPECT_EQ(by("best_estimator_.feature_importances_"), "ACCEPTED");
  for (const std::string getter : {"__class__.coef_", "coef_.__init__", "named_steps._x.coef_",
                                   "fit", "a..coef_", "", "a(1).coef_"}) {
    EXPECT_TRUE(by(getter).starts_with("STATE_RULE ")) << getter;
  }
}

Attrs Voting(const std::string& key, Maker value) {
  return {{"estimators_", List({Obj(kBayes, {{key, std::move(value)}})})},
          {"voting", Str("hard")},
          {"le_", Obj(kEncoder, {{"classes_", Vec<int64_t>({10, 20, 30})}})}};
}

TEST(Voting, PartsAnswerWithNumbersOfClasses) {
  const Maker three = Vec<int64_t>({0, 1, 2});
  EXPECT_EQ(OutcomeOf(Obj(kVoting, Voting("classes_", three))), "ACCEPTED");
  const Maker far = Vec<int64_t>({0, 1, int64_t{1} << 40});
  Attrs soft = With(Voting("classes_", far), "voting", Str("soft"));
  EXPECT_EQ(OutcomeOf(Obj(kVoting, soft)), "ACCEPTED");
  const Maker deep =
      List({Obj("sklearn.pipeline.Pipeline",
                {{"steps", List({Tuple({Str("a"), Obj(kBayes, {{"classes_", far}})})})}})});
  for (const Attrs& broken : {Voting("classes_", far), Voting("classes_", Vec<int64_t>({0, 1, 3})),
                              Voting("classes_", Vec<uint64_t>({0, 1, uint64_t{1} << 63})),
                              Voting("constant", Raw(DType(">i8"), {1}, std::string(8, '\x01'))),
                              Voting("constant", Int(3)), Voting("outlier_label_", far),
                              With(Voting("classes_", three), "le_", Obj(kEncoder, {})),
                              With(Voting("classes_", three), "estimators_", deep)}) {
    const std::string outcome = OutcomeOf(Obj(kVoting, broken));
    EXPECT_TRUE(outcome.starts_with("INVARIANT_VOTING ")) << outcome;
  }
}

// sklearn.utils.Bunch with items, a state and arguments.
Maker Bunch(const Attrs& items, const Maker& state = nullptr, const Maker& args = nullptr) {
  return [=](Draft& draft) {
    const NodeId cls = Name("sklearn.utils._bunch.Bunch")(draft);
    const NodeId given = args ? args(draft) : kAbsent;
    const NodeId set = state ? state(draft) : kAbsent;
    const NodeId pairs = Dict(items)(draft);
    return draft.Node(v1::NODE_KIND_OBJECT, {cls, given, set, kAbsent, pairs});
  };
}

TEST(Bunch, HoldsObjectsByNameOrPlainValues) {
  const Maker estimator = Obj(kBayes, {});
  EXPECT_EQ(OutcomeOf(Bunch({{"a", estimator}, {"b", Str("drop")}, {"c", Zeros({2, 2})}},
                            Dict({{"old", Int(1)}}), Tuple({}))),
            "ACCEPTED");
  for (const Maker& broken :
       {Bunch({{"__array_interface__", Dict({})}}), Bunch({{"a", List({estimator})}}),
        Bunch({}, Dict({{"a", estimator}})), Bunch({}, List({})),
        Bunch({}, nullptr, Tuple({Int(1)}))}) {
    const std::string outcome = OutcomeOf(broken);
    EXPECT_TRUE(outcome.starts_with("INVARIANT_BUNCH ")) << outcome;
  }
  EXPECT_TRUE(OutcomeOf(Bunch({{"a", Name("numpy.mean")}})).starts_with("NAME_NOT_HERE "));
  EXPECT_TRUE(OutcomeOf(Bunch({{"a", List({Name("numpy.mean")})}})).starts_with("NAME_NOT_HERE "));
}

}  // namespace
}  // namespace loadlock::verify::testing
