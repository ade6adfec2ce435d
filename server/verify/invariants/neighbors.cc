#include "server/verify/invariants/neighbors.h"

#include <array>
#include <utility>

#include "server/verify/invariants/labels.h"
#include "server/verify/invariants/neighbor_tree.h"
#include "server/verify/invariants/sparse.h"

namespace loadlock::verify {
namespace {

std::optional<std::pair<int64_t, int64_t>> DataShape(const Scope& scope, Value data) {
  if (const std::optional<SparseShape> sparse = SparseShapeOf(scope, data)) {
    return std::make_pair(sparse->rows, sparse->columns);
  }
  const std::optional<Array> array = scope.ArrayOf(data);
  const bool number = array && array->dtype.native() &&
                      (array->dtype.kind == 'f' || array->dtype.kind == 'i' ||
                       array->dtype.kind == 'u' || array->dtype.kind == 'b');
  if (!number || array->rank() != 2 || !array->c_order()) return std::nullopt;
  return std::make_pair(array->shape[0], array->shape[1]);
}

// A weight or a variance a feature, as an array or a list.
bool IsOnePerFeature(const Scope& scope, Value value, int64_t features) {
  if (const std::optional<Array> array = scope.ArrayOf(value)) {
    const char kind = array->dtype.kind;
    return array->dtype.native() && (kind == 'f' || kind == 'i' || kind == 'u') &&
           array->IsVector(static_cast<uint64_t>(features));
  }
  const Sequence list(scope.view(), value);
  if (!list.ok() || list.size() != features) return false;
  for (uint32_t i = 0; i < list.size(); ++i) {
    if (!scope.Number(list[i])) return false;
  }
  return true;
}

// What the distance is called with. scikit-learn fits no tree with p below 1.
Check CheckMetricParams(const Scope& scope, const Instance& model, int64_t features, bool brute) {
  const std::optional<Value> value = model.Get("effective_metric_params_");
  if (!value) return std::nullopt;
  const Mapping params(scope.view(), *value);
  const absl::string_view key = "effective_metric_params_";
  if (!params.ok() || !params.str_keys()) return Broken{key, "no dict of parameters"};
  for (uint32_t i = 0; i < params.size(); ++i) {
    const absl::string_view name = params.str_key(i);
    const std::optional<double> number = scope.Number(params.value(i));
    if (name == "p" && number && (*number >= 1 || (brute && *number > 0))) continue;
    if (name == "w" && scope.view().IsNone(params.value(i))) continue;
    if ((name == "w" || name == "V") && IsOnePerFeature(scope, params.value(i), features)) continue;
    return Broken{key, "not p from 1 (brute force: above 0), nor w or V of one number a feature"};
  }
  return std::nullopt;
}

// Rows of distances to the points instead of the points themselves.
Check CheckPrecomputed(const Scope& scope, const Instance& model, bool square, bool brute) {
  const auto value = model.Get("effective_metric_");
  const auto metric = value ? scope.view().Str(*value) : std::nullopt;
  if (!metric || *metric != "precomputed" || (square && brute)) return std::nullopt;
  return Broken{"_fit_X", "precomputed distances are not (points, points), by brute force"};
}

// Class numbers of one output.
bool AllBelow(const Array& labels, uint64_t column, uint64_t columns, uint64_t classes) {
  for (uint64_t i = column; i < labels.size(); i += columns) {
    const std::optional<int64_t> label = IntAt(labels, i);
    if (!label || *label < 0 || static_cast<uint64_t>(*label) >= classes) return false;
  }
  return true;
}

Check CheckTargets(const Scope& scope, const Instance& model, int64_t rows) {
  const std::optional<Value> value = model.Get("_y");
  if (!value) return std::nullopt;
  const std::optional<Array> labels = scope.ArrayOf(*value);
  if (!labels || labels->rank() < 1 || labels->rank() > 2 || labels->shape[0] != rows) {
    return Broken{"_y", "_y has not one row a point"};
  }
  const std::optional<Value> classes = model.Get("classes_");
  if (!classes) return std::nullopt;
  const uint64_t outputs = labels->rank() == 2 ? static_cast<uint64_t>(labels->shape[1]) : 1;
  if (!labels->c_order()) return Broken{"_y", "_y is not in C order"};
  const Sequence lists(scope.view(), *classes);
  if (lists.ok() && lists.size() != outputs) return Broken{"classes_", "not one array an output"};
  if (!lists.ok() && outputs != 1) return Broken{"classes_", "not one array an output"};
  for (uint64_t i = 0; i < outputs; ++i) {
    const auto count = LabelCount(scope, lists.ok() ? lists[static_cast<uint32_t>(i)] : *classes);
    if (!count || !AllBelow(*labels, i, outputs, *count)) {
      return Broken{"_y", "a label is no class number"};
    }
  }
  return std::nullopt;
}

}  // namespace

Check CheckNeighbors(const Scope& scope, const Instance& model) {
  const std::optional<Value> data = model.Get("_fit_X");
  if (!data) {
    if (model.Has("_tree")) return Broken{"_fit_X", "_fit_X is missing"};
    return std::nullopt;
  }
  const auto shape = DataShape(scope, *data);
  if (!shape || shape->first < 1 || shape->second < 1) {
    return Broken{"_fit_X", "_fit_X is no matrix of numbers in C order with a row"};
  }
  const auto features = model.Get("n_features_in_");
  if (!features || scope.Int(*features) != shape->second) {
    return Broken{"n_features_in_", "n_features_in_ is not the width of _fit_X"};
  }
  const auto samples = model.Get("n_samples_fit_");
  if (!samples || scope.Int(*samples) != shape->first) {
    return Broken{"n_samples_fit_", "n_samples_fit_ is not the number of rows of _fit_X"};
  }
  const auto method_value = model.Get("_fit_method");
  const auto method = method_value ? scope.view().Str(*method_value) : std::nullopt;
  const auto tree = model.Get("_tree");
  if (!method || !tree) return Broken{"_fit_method", "_fit_method or _tree is missing"};
  const bool brute = *method == "brute";
  if (brute) {
    if (!scope.view().IsNone(*tree)) return Broken{"_tree", "brute force has no tree"};
  } else if (*method == "kd_tree" || *method == "ball_tree") {
    if (NeighborTreeShape(scope, *tree) != shape) {
      return Broken{"_tree", "_tree is no tree over the rows and columns of _fit_X"};
    }
  } else {
    return Broken{"_fit_method", "unknown method"};
  }
  if (Check broken = CheckMetricParams(scope, model, shape->second, brute)) return broken;
  if (Check broken = CheckPrecomputed(scope, model, shape->first == shape->second, brute)) {
    return broken;
  }
  return CheckTargets(scope, model, shape->first);
}

}  // namespace loadlock::verify
