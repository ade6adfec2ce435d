#include "server/verify/invariants/functions.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "server/verify/findings.h"
#include "server/verify/invariants/neighbor_tree.h"

namespace loadlock::verify {
namespace {

// Keywords of the listed functions that change neither where they write nor what they call.
constexpr std::array<absl::string_view, 8> kNumbers = {"a_min", "a_max",  "min",    "max",
                                                       "nan",   "posinf", "neginf", "threshold"};
constexpr std::array<absl::string_view, 6> kTruths = {"copy",     "keepdims",       "with_mean",
                                                      "with_std", "with_centering", "with_scaling"};
constexpr std::array<absl::string_view, 2> kSmall = {"axis", "decimals"};
// More digits than a double has.
constexpr int64_t kMaxDecimals = 32;

bool IsOneOf(absl::Span<const absl::string_view> names, absl::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

Check CheckArguments(const Scope& scope, const Instance& transformer, absl::string_view key) {
  const std::optional<Value> value = transformer.Get(key);
  if (!value || scope.view().IsNone(*value)) return std::nullopt;
  const Mapping arguments(scope.view(), *value);
  if (!arguments.ok()) return Broken{key, "the arguments of a function are no dict"};
  if (arguments.size() == 0) return std::nullopt;
  if (!arguments.str_keys()) return Broken{key, "an argument of a function has no name"};
  for (uint32_t i = 0; i < arguments.size(); ++i) {
    if (!IsFunctionArgument(scope, arguments.str_key(i), arguments.value(i))) {
      return Broken{key, absl::StrCat("a listed function gets bounds, axes and digits as numbers, "
                                      "truths, and no '",
                                      Safe(arguments.str_key(i)), "' like this")};
    }
  }
  return std::nullopt;
}

// A vector of one of the two floats with an element.
std::optional<Array> Thresholds(const Scope& scope, const Instance& model, absl::string_view key) {
  const std::optional<Value> value = model.Get(key);
  std::optional<Array> array = value ? scope.ArrayOf(*value) : std::nullopt;
  if (!array || array->rank() != 1 || array->size() < 1 || array->dtype.kind != 'f' ||
      !array->dtype.native() || (array->dtype.itemsize != 4 && array->dtype.itemsize != 8)) {
    return std::nullopt;
  }
  return array;
}

std::optional<int64_t> IntAttribute(const Scope& scope, const Instance& object,
                                    absl::string_view key) {
  const std::optional<Value> value = object.Get(key);
  return value ? scope.Int(*value) : std::nullopt;
}

double FloatAt(const Array& array, uint64_t i) {
  return array.dtype.itemsize == 4 ? array.At<float>(i) : array.At<double>(i);
}

}  // namespace

bool IsFunctionArgument(const Scope& scope, absl::string_view key, Value value) {
  if (IsOneOf(kNumbers, key)) {
    return scope.view().IsNone(value) || scope.Number(value).has_value();
  }
  if (IsOneOf(kTruths, key)) return scope.Bool(value).has_value();
  if (key == "norm") {
    const auto text = scope.view().Str(value);
    return text == "l1" || text == "l2" || text == "max";
  }
  if (!IsOneOf(kSmall, key)) return false;
  const std::optional<int64_t> number = scope.Int(value);
  return (number && *number >= -kMaxDecimals && *number <= kMaxDecimals) ||
         (key == "axis" && scope.view().IsNone(value));
}

Check CheckFunction(const Scope& scope, const Instance& holder) {
  for (const absl::string_view key : {"func", "score_func", "_score_func"}) {
    const std::optional<Value> function = holder.Get(key);
    if (function && scope.KindOf(*function) == v1::VALUE_KIND_OBJECT &&
        !scope.CallOf(*function, policy::Schema::kPartial)) {
      return Broken{key, "the function is an object, and no partial of a listed one"};
    }
  }
  if (Check broken = CheckArguments(scope, holder, "kw_args")) return broken;
  return CheckArguments(scope, holder, "inv_kw_args");
}

Check CheckIsotonic(const Scope& scope, const Instance& model) {
  if (!model.Has("X_thresholds_") && !model.Has("y_thresholds_")) return std::nullopt;
  const std::optional<Array> x = Thresholds(scope, model, "X_thresholds_");
  if (!x) return Broken{"X_thresholds_", "no vector of floats"};
  const std::optional<Array> y = Thresholds(scope, model, "y_thresholds_");
  if (!y || y->size() != x->size()) {
    return Broken{"y_thresholds_", "not one float a threshold of X"};
  }
  for (uint64_t i = 0; i < x->size(); ++i) {
    // Written so that NaN fails.
    if (!std::isfinite(FloatAt(*x, i)) || (i > 0 && !(FloatAt(*x, i - 1) <= FloatAt(*x, i)))) {
      return Broken{"X_thresholds_", "the thresholds of X do not ascend"};
    }
  }
  return std::nullopt;
}

Check CheckDensity(const Scope& scope, const Instance& model) {
  const std::optional<Value> tree = model.Get("tree_");
  if (!tree) return std::nullopt;
  const auto shape = NeighborTreeShape(scope, *tree);
  const std::optional<Value> features = model.Get("n_features_in_");
  if (!shape || !features || scope.Int(*features) != shape->second) {
    return Broken{"tree_", "tree_ is no tree over the features"};
  }
  const std::optional<Value> bandwidth = model.Get("bandwidth_");
  if (bandwidth) {
    const std::optional<double> number = scope.Number(*bandwidth);
    if (!number || !std::isfinite(*number) || *number <= 0) {
      return Broken{"bandwidth_", "the bandwidth is not above 0"};
    }
  }
  return std::nullopt;
}

Check CheckSplines(const Scope& scope, const Instance& model) {
  const std::optional<Value> value = model.Get("bsplines_");
  if (!value) return std::nullopt;
  const Sequence splines(scope.view(), *value);
  const std::optional<int64_t> features = IntAttribute(scope, model, "n_features_in_");
  const std::optional<int64_t> degree = IntAttribute(scope, model, "degree");
  if (!splines.ok() || splines.size() == 0 || features != int64_t{splines.size()} || !degree) {
    return Broken{"bsplines_", "the splines are not one a feature"};
  }
  std::optional<int64_t> columns;
  for (uint32_t i = 0; i < splines.size(); ++i) {
    const std::optional<Instance> spline = scope.InstanceOf(splines[i]);
    if (!spline || spline->entry->schema() != policy::Schema::kBSpline ||
        IntAttribute(scope, *spline, "k") != degree) {
      return Broken{"bsplines_", "a spline is none of the model's degree"};
    }
    // scipy 1.15 renamed what it stores.
    std::optional<Value> c = spline->Get("_c");
    if (!c) c = spline->Get("c");
    const std::optional<Array> coefficients = c ? scope.ArrayOf(*c) : std::nullopt;
    if (!coefficients || coefficients->rank() != 2 ||
        coefficients->shape[1] != columns.value_or(coefficients->shape[1])) {
      return Broken{"bsplines_", "the splines have not as many columns as each other"};
    }
    columns = coefficients->shape[1];
  }
  // One less a feature without include_bias.
  const std::optional<int64_t> width = IntAttribute(scope, model, "n_features_out_");
  if (!width || (*width != *features * *columns && *width != *features * (*columns - 1))) {
    return Broken{"n_features_out_", "the output is not as wide as the splines make it"};
  }
  return std::nullopt;
}

}  // namespace loadlock::verify
