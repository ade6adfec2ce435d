#include "server/verify/invariants/gradient_boosting.h"

#include <algorithm>
#include <array>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/verify/invariants/labels.h"
#include "server/verify/invariants/tree.h"

namespace loadlock::verify {
namespace {

constexpr absl::string_view kDummyClassifier = "sklearn.dummy.DummyClassifier";
constexpr absl::string_view kDummyRegressor = "sklearn.dummy.DummyRegressor";
constexpr absl::string_view kGaussian = "sklearn.naive_bayes.GaussianNB";
constexpr absl::string_view kLinearModels = "sklearn.linear_model.";
// Of these predict answers one number a row if coef_ is a vector.
constexpr std::array<absl::string_view, 11> kRegressors = {
    "_base.LinearRegression",
    "_bayes.ARDRegression",
    "_bayes.BayesianRidge",
    "_coordinate_descent.ElasticNet",
    "_coordinate_descent.ElasticNetCV",
    "_coordinate_descent.Lasso",
    "_coordinate_descent.LassoCV",
    "_huber.HuberRegressor",
    "_ridge.Ridge",
    "_ridge.RidgeCV",
    "_stochastic_gradient.SGDRegressor",
};
// Of these predict_proba answers a row of one number a class.
constexpr std::array<absl::string_view, 2> kClassifiers = {
    "_logistic.LogisticRegression",
    "_logistic.LogisticRegressionCV",
};

std::optional<int64_t> IntOf(const Scope& scope, const Instance& object, absl::string_view key) {
  const std::optional<Value> value = object.Get(key);
  return value ? scope.Int(*value) : std::nullopt;
}

bool IsMultinomial(absl::string_view loss) {
  return loss == "HalfMultinomialLoss" || loss == "MultinomialDeviance";
}

bool IsClassifier(const Instance& model) {
  return model.entry->attribute() == "GradientBoostingClassifier";
}

// How many trees an iteration has: one, but one a class if there are more than two.
std::optional<int64_t> TreesPerIteration(const Scope& scope, const Instance& model) {
  const std::optional<Value> value = model.Get("n_classes_");
  const std::optional<Value> classes = model.Get("classes_");
  if (!IsClassifier(model) && !value && !classes) return 1;
  if (!IsClassifier(model) || !value || !classes) return std::nullopt;
  const std::optional<int64_t> count = scope.Int(*value);
  if (!count || *count < 2 || LabelCount(scope, *classes) != static_cast<uint64_t>(*count)) {
    return std::nullopt;
  }
  return *count == 2 ? 1 : *count;
}

// The loss decides how wide the array of raw predictions is.
Check CheckLoss(const Scope& scope, const Instance& model, int64_t trees) {
  const std::optional<Value> value = model.Get("_loss");
  const std::optional<Instance> loss = value ? scope.InstanceOf(*value) : std::nullopt;
  if (!loss) return Broken{"_loss", "_loss is no loss"};
  if (IsMultinomial(loss->entry->attribute()) != (trees > 1)) {
    return Broken{"_loss", "the loss does not fit the number of classes"};
  }
  const std::optional<Value> width = loss->Get("K");
  if (width && scope.Int(*width) != trees) {
    return Broken{"_loss", "K of the loss is not the number of trees an iteration"};
  }
  const std::optional<Value> classes = loss->Get("n_classes");
  if (trees > 1 && classes && scope.Int(*classes) != trees) {
    return Broken{"_loss", "n_classes of the loss is not that of the model"};
  }
  const std::optional<Value> claimed = model.Get("n_trees_per_iteration_");
  if (claimed && scope.Int(*claimed) != trees) {
    return Broken{"n_trees_per_iteration_", "not the number of trees an iteration"};
  }
  // 1.2 and 1.3 read K of the loss, later versions n_trees_per_iteration_.
  if (!width && !claimed) return Broken{"n_trees_per_iteration_", "it is missing"};
  return std::nullopt;
}

template <size_t n>
bool IsOneOf(const std::array<absl::string_view, n>& names, const Instance& model) {
  absl::string_view name = model.entry->name();
  return absl::ConsumePrefix(&name, kLinearModels) &&
         std::find(names.begin(), names.end(), name) != names.end();
}

std::optional<Array> ArrayAt(const Scope& scope, const Instance& object, absl::string_view key) {
  const std::optional<Value> value = object.Get(key);
  return value ? scope.ArrayOf(*value) : std::nullopt;
}

// A classifier's init_ must answer predict_proba with a column a class.
Check CheckInitClassifier(const Scope& scope, const Instance& init, int64_t classes,
                          int64_t features) {
  const std::optional<Value> labels = init.Get("classes_");
  if (!labels || LabelCount(scope, *labels) != static_cast<uint64_t>(classes)) {
    return Broken{"init_", "init_ has not the classes of the model"};
  }
  if (init.entry->name() == kDummyClassifier) {
    const std::optional<Array> prior = ArrayAt(scope, init, "class_prior_");
    if (IntOf(scope, init, "n_outputs_") == 1 && IntOf(scope, init, "n_classes_") == classes &&
        prior && prior->dtype.IsFloat64() && prior->IsVector(static_cast<uint64_t>(classes))) {
      return std::nullopt;
    }
    return Broken{"init_", "init_ has not the classes of the model"};
  }
  if (IntOf(scope, init, "n_features_in_") != features) {
    return Broken{"init_", "init_ has other features than the model"};
  }
  const std::optional<Array> coefficients = ArrayAt(scope, init, "coef_");
  const int64_t rows = classes == 2 ? 1 : classes;
  if (IsOneOf(kClassifiers, init) && coefficients && coefficients->HasShape({rows, features})) {
    return std::nullopt;
  }
  // Of these the width is that of classes_, proven by their own invariants or computed from it.
  for (const policy::Invariant invariant :
       {policy::Invariant::kTreeOwner, policy::Invariant::kForest, policy::Invariant::kNeighbors}) {
    if (scope.InstanceWith(Value::Node(init.node), invariant)) return std::nullopt;
  }
  if (init.entry->name() == kGaussian) return std::nullopt;
  return Broken{"init_",
                "init_ is none of DummyClassifier, LogisticRegression, GaussianNB, trees, forests "
                "and neighbours"};
}

// Estimators whose predict answers a vector.
bool AnswersOneColumn(const Scope& scope, const Instance& init) {
  const Value value = Value::Node(init.node);
  if (scope.InstanceWith(value, policy::Invariant::kTreeOwner) ||
      scope.InstanceWith(value, policy::Invariant::kForest)) {
    return IntOf(scope, init, "n_outputs_") == 1;
  }
  if (scope.InstanceWith(value, policy::Invariant::kNeighbors)) {
    const std::optional<Array> targets = ArrayAt(scope, init, "_y");
    return targets && targets->rank() == 1;
  }
  return scope.InstanceWith(value, policy::Invariant::kSvr).has_value();
}

// A regressor's init_ must answer predict with one number a row.
Check CheckInitRegressor(const Scope& scope, const Instance& init, int64_t features) {
  if (init.entry->name() == kDummyRegressor) {
    const std::optional<Array> constant = ArrayAt(scope, init, "constant_");
    if (IntOf(scope, init, "n_outputs_") == 1 && constant && constant->HasShape({1, 1})) {
      return std::nullopt;
    }
    return Broken{"init_", "init_ has not one output"};
  }
  const std::optional<Array> coefficients = ArrayAt(scope, init, "coef_");
  if (IsOneOf(kRegressors, init) && coefficients &&
      coefficients->IsVector(static_cast<uint64_t>(features)) &&
      IntOf(scope, init, "n_features_in_") == features) {
    return std::nullopt;
  }
  if (AnswersOneColumn(scope, init) && IntOf(scope, init, "n_features_in_") == features) {
    return std::nullopt;
  }
  return Broken{
      "init_",
      "init_ is none of DummyRegressor, linear regressors, trees, forests, neighbours and "
      "support vector machines of one output"};
}

// init_ makes the array that the trees' values are added to: it must have a row for each of X
// and a column for each tree.
Check CheckInit(const Scope& scope, const Instance& model, int64_t trees, int64_t features) {
  const std::optional<Value> value = model.Get("init_");
  if (!value) return Broken{"init_", "init_ is missing"};
  const auto text = scope.view().Str(*value);
  if (text && *text == "zero") return std::nullopt;
  const std::optional<Instance> init = scope.InstanceOf(*value);
  if (!init) return Broken{"init_", "init_ is neither 'zero' nor an estimator"};
  if (!IsClassifier(model)) return CheckInitRegressor(scope, *init, features);
  return CheckInitClassifier(scope, *init, trees > 1 ? trees : 2, features);
}

Check CheckTrees(const Scope& scope, Value estimators, int64_t features) {
  const Sequence elements(scope.view(), Value::Node(scope.view().operands(estimators.index)[0]));
  for (uint32_t i = 0; i < elements.size(); ++i) {
    const auto owner = scope.InstanceWith(elements[i], policy::Invariant::kTreeOwner);
    const std::optional<Value> tree = owner ? owner->Get("tree_") : std::nullopt;
    const std::optional<TreeHeader> header = tree ? ReadTreeHeader(scope, *tree) : std::nullopt;
    if (!header || header->n_outputs != 1 || header->n_classes[0] != 1 ||
        header->n_features != features) {
      return Broken{"estimators_",
                    absl::StrCat("estimator ", i, " is no regression tree of the model's width")};
    }
  }
  return std::nullopt;
}

}  // namespace

Check CheckGradientBoosting(const Scope& scope, const Instance& model) {
  const std::optional<Value> estimators = model.Get("estimators_");
  if (!estimators) return std::nullopt;
  const std::optional<int64_t> features = IntOf(scope, model, "n_features_in_");
  if (!features) return Broken{"n_features_in_", "n_features_in_ is missing"};
  const std::optional<int64_t> trees = TreesPerIteration(scope, model);
  if (!trees) return Broken{"n_classes_", "n_classes_ is not the number of classes_"};
  if (!scope.view().Is(*estimators, v1::NODE_KIND_OBJECT_NDARRAY)) {
    return Broken{"estimators_", "estimators_ is no array of objects"};
  }
  const absl::Span<const uint32_t> operands = scope.view().operands(estimators->index);
  if (operands[2] != 2 || operands[1] != 0 || scope.view().integer(operands[3] + 1) != *trees) {
    return Broken{"estimators_", "estimators_ is not (iterations, trees an iteration)"};
  }
  if (Check broken = CheckTrees(scope, *estimators, *features)) return broken;
  if (Check broken = CheckLoss(scope, model, *trees)) return broken;
  return CheckInit(scope, model, *trees, *features);
}

}  // namespace loadlock::verify
