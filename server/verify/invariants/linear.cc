#include "server/verify/invariants/linear.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/verify/invariants/labels.h"
#include "server/verify/invariants/sparse.h"

namespace loadlock::verify {
namespace {

// Rows and columns of coefficients; a vector is one row.
std::optional<std::pair<int64_t, int64_t>> CoefficientShape(const Scope& scope, Value value) {
  if (const std::optional<SparseShape> sparse = SparseShapeOf(scope, value)) {
    return std::make_pair(sparse->rows, sparse->columns);
  }
  const std::optional<Array> array = scope.ArrayOf(value);
  if (!array || array->dtype.kind != 'f' || !array->dtype.native()) return std::nullopt;
  if (array->rank() == 1) return std::make_pair(int64_t{1}, array->shape[0]);
  if (array->rank() != 2) return std::nullopt;
  return std::make_pair(array->shape[0], array->shape[1]);
}

// Stochastic gradient descent continues on these natively.
Check CheckStandard(const Scope& scope, const Instance& model, absl::string_view key,
                    std::pair<int64_t, int64_t> shape) {
  const std::optional<Value> value = model.Get(key);
  if (!value || scope.view().IsNone(*value)) return std::nullopt;
  const std::optional<Array> array = scope.ArrayOf(*value);
  if (!array || !array->c_order() || CoefficientShape(scope, *value) != shape) {
    return Broken{key, absl::StrCat(key, " has another shape than coef_")};
  }
  return std::nullopt;
}

Check CheckIntercept(const Scope& scope, const Instance& model, absl::string_view key,
                     int64_t rows) {
  const std::optional<Value> value = model.Get(key);
  if (!value || scope.view().IsNone(*value) || scope.Number(*value)) return std::nullopt;
  const std::optional<Array> array = scope.ArrayOf(*value);
  if (!array || array->dtype.kind != 'f' || !array->dtype.native() || array->rank() > 1 ||
      array->size() != static_cast<uint64_t>(rows)) {
    return Broken{key, absl::StrCat(key, " has not one number a row of coef_")};
  }
  return std::nullopt;
}

}  // namespace

Check CheckLinear(const Scope& scope, const Instance& model) {
  const std::optional<Value> coef = model.Get("coef_");
  if (!coef) return std::nullopt;
  const auto shape = CoefficientShape(scope, *coef);
  if (!shape || shape->first < 1) {
    return Broken{"coef_", "coef_ is no matrix of floats with a row"};
  }
  const std::optional<Value> features = model.Get("n_features_in_");
  if (!features || scope.Int(*features) != shape->second) {
    return Broken{"n_features_in_", "n_features_in_ is not the width of coef_"};
  }
  if (const std::optional<Value> classes = model.Get("classes_")) {
    const std::optional<uint64_t> count = LabelCount(scope, *classes);
    if (!count || (shape->first != 1 && static_cast<uint64_t>(shape->first) != *count)) {
      return Broken{"coef_", "coef_ has not one row a class"};
    }
  }
  for (const absl::string_view key : {"_standard_coef", "_average_coef"}) {
    if (Check broken = CheckStandard(scope, model, key, *shape)) return broken;
  }
  for (const absl::string_view key : {"intercept_", "_standard_intercept", "_average_intercept"}) {
    if (Check broken = CheckIntercept(scope, model, key, shape->first)) return broken;
  }
  return std::nullopt;
}

}  // namespace loadlock::verify
