#include "server/verify/invariants/mlp.h"

#include "absl/strings/str_cat.h"
#include "server/verify/invariants/labels.h"

namespace loadlock::verify {

Check CheckMlp(const Scope& scope, const Instance& model) {
  const std::optional<Value> coefs_value = model.Get("coefs_");
  if (!coefs_value) return std::nullopt;
  const std::optional<Value> intercepts_value = model.Get("intercepts_");
  const std::optional<Value> features = model.Get("n_features_in_");
  if (!intercepts_value || !features) return Broken{"intercepts_", "the model is not whole"};
  const Sequence coefs(scope.view(), *coefs_value);
  const Sequence intercepts(scope.view(), *intercepts_value);
  if (coefs.size() < 1 || coefs.size() != intercepts.size()) {
    return Broken{"coefs_", "there is not one matrix and one vector a layer"};
  }
  std::optional<int64_t> width = scope.Int(*features);
  for (uint32_t i = 0; i < coefs.size(); ++i) {
    const std::optional<Array> matrix = scope.ArrayOf(coefs[i]);
    const std::optional<Array> vector = scope.ArrayOf(intercepts[i]);
    if (!matrix || !vector || matrix->dtype.kind != 'f' || vector->dtype.kind != 'f' ||
        !matrix->dtype.native() || !vector->dtype.native() || matrix->rank() != 2 ||
        matrix->shape[0] != width || matrix->shape[1] < 1 ||
        !vector->IsVector(static_cast<uint64_t>(matrix->shape[1]))) {
      return Broken{"coefs_", absl::StrCat("layer ", i, " does not fit the one before")};
    }
    width = matrix->shape[1];
  }
  const std::optional<Value> outputs = model.Get("n_outputs_");
  if (!outputs || scope.Int(*outputs) != width) {
    return Broken{"n_outputs_", "n_outputs_ is not the width of the last layer"};
  }
  const std::optional<Value> layers = model.Get("n_layers_");
  if (!layers || scope.Int(*layers) != int64_t{coefs.size()} + 1) {
    return Broken{"n_layers_", "n_layers_ is not the number of layers"};
  }
  const std::optional<Value> classes = model.Get("classes_");
  if (!classes) return std::nullopt;
  const std::optional<uint64_t> count = LabelCount(scope, *classes);
  // Two classes take one output, unless they are two labels of one row.
  if (!count || !(*count == static_cast<uint64_t>(*width) || (*count == 2 && *width == 1))) {
    return Broken{"classes_", "there is not one output a class"};
  }
  return std::nullopt;
}

}  // namespace loadlock::verify
