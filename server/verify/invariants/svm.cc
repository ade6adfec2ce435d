#include "server/verify/invariants/svm.h"

#include <limits>

#include "absl/strings/match.h"
#include "server/verify/invariants/labels.h"
#include "server/verify/invariants/sparse.h"

namespace loadlock::verify {
namespace {

class Machine {
 public:
  Machine(const Scope& scope, const Instance& model) : scope_(scope), model_(model) {}

  // `classes` is 2 for regression.
  Check Run(int64_t classes, bool regression) {
    classes_ = classes;
    if (Check broken = CheckKernel()) return broken;
    if (Check broken = CheckSupport()) return broken;
    if (Check broken = CheckVectors()) return broken;
    if (Check broken = CheckCounts(regression)) return broken;
    if (Check broken = CheckDual("_dual_coef_")) return broken;
    if (model_.Has("dual_coef_")) {
      if (Check broken = CheckDual("dual_coef_")) return broken;
    }
    const uint64_t pairs = static_cast<uint64_t>(classes * (classes - 1) / 2);
    const std::optional<Array> intercept = ArrayAt("_intercept_");
    if (!intercept || !intercept->dtype.IsFloat64() || !intercept->IsVector(pairs)) {
      return Broken{"_intercept_", "_intercept_ is not one f8 a pair of classes"};
    }
    return CheckProbability(pairs);
  }

 private:
  std::optional<Array> ArrayAt(absl::string_view key) const {
    const std::optional<Value> value = model_.Get(key);
    return value ? scope_.ArrayOf(*value) : std::nullopt;
  }

  Check CheckKernel() {
    const std::optional<Value> kernel = model_.Get("kernel");
    if (!kernel) return Broken{"kernel", "kernel is missing"};
    called_ = scope_.KindOf(*kernel) == v1::VALUE_KIND_NAME;
    precomputed_ = called_ || scope_.view().Str(*kernel) == "precomputed";
    const std::optional<Value> sparse = model_.Get("_sparse");
    const std::optional<bool> is_sparse = sparse ? scope_.Bool(*sparse) : std::nullopt;
    if (!is_sparse) return Broken{"_sparse", "_sparse is missing"};
    sparse_ = *is_sparse;
    const std::optional<Value> features = model_.Get("n_features_in_");
    const std::optional<int64_t> count = features ? scope_.Int(*features) : std::nullopt;
    // Fit looks at no widths then, and the function compares those that it gets.
    if (called_ && !features) return std::nullopt;
    if (!count) return Broken{"n_features_in_", "n_features_in_ is missing"};
    features_ = *count;
    return std::nullopt;
  }

  Check CheckSupport() {
    const std::optional<Array> support = ArrayAt("support_");
    if (!support || !support->dtype.Is('i', 4) || support->rank() != 1) {
      return Broken{"support_", "support_ is no i4 vector"};
    }
    vectors_ = support->shape[0];
    int64_t limit = std::numeric_limits<int32_t>::max();
    if (precomputed_) {
      // Then support_ indexes the columns of X, of which predict checks that there are
      // shape_fit_[0].
      const std::optional<Value> shape = model_.Get("shape_fit_");
      const Sequence sizes(scope_.view(), shape ? *shape : Value::Node(kAbsent));
      const std::optional<int64_t> rows = sizes.size() == 2 ? scope_.Int(sizes[0]) : std::nullopt;
      if (!rows || (!called_ && *rows != features_)) {
        return Broken{"shape_fit_", "shape_fit_ is not square"};
      }
      limit = *rows;
      if (Check broken = CheckFitted(*rows, scope_.Int(sizes[1]).value_or(-1))) return broken;
    }
    for (uint64_t i = 0; i < support->size(); ++i) {
      const auto index = support->At<int32_t>(i);
      if (index < 0 || index >= limit) return Broken{"support_", "an index is out of range"};
    }
    return std::nullopt;
  }

  // A function computes the kernel against the rows that fit saw: one column a row.
  Check CheckFitted(int64_t rows, int64_t columns) const {
    constexpr absl::string_view kFitted = "_BaseLibSVM__Xfit";
    if (!called_) return std::nullopt;
    const std::optional<Array> fitted = ArrayAt(kFitted);
    if (sparse_ || !fitted || !fitted->dtype.IsFloat64() || !fitted->c_order() ||
        !fitted->HasShape({rows, columns})) {
      return Broken{kFitted, "not the f8 matrix of shape_fit_"};
    }
    return std::nullopt;
  }

  Check CheckVectors() {
    const std::optional<Value> value = model_.Get("support_vectors_");
    if (!value) return Broken{"support_vectors_", "support_vectors_ is missing"};
    const std::optional<SparseShape> sparse = SparseShapeOf(scope_, *value);
    if (sparse.has_value() != sparse_) {
      return Broken{"support_vectors_", "_sparse does not say what support_vectors_ is"};
    }
    if (sparse) {
      if (sparse->rows != vectors_ || sparse->columns != features_ || vectors_ < 1 ||
          precomputed_) {
        return Broken{"support_vectors_", "support_vectors_ is not (vectors, features)"};
      }
      return CheckNative(*value, "support_vectors_");
    }
    const std::optional<Array> array = scope_.ArrayOf(*value);
    if (!array || !array->dtype.IsFloat64() || array->rank() != 2 || !array->c_order()) {
      return Broken{"support_vectors_", "support_vectors_ is no f8 matrix in C order"};
    }
    // A precomputed kernel has no vectors, only their numbers.
    if (precomputed_) return std::nullopt;
    if (vectors_ < 1 || array->shape[0] != vectors_ || array->shape[1] != features_) {
      return Broken{"support_vectors_", "support_vectors_ is not (vectors, features)"};
    }
    return std::nullopt;
  }

  // libsvm reads doubles and 32-bit indices.
  Check CheckNative(Value matrix, absl::string_view key) const {
    const std::optional<Instance> instance = scope_.InstanceOf(matrix);
    const std::optional<Value> data = instance->Get("data");
    const std::optional<Value> indices = instance->Get("indices");
    const std::optional<Array> values = data ? scope_.ArrayOf(*data) : std::nullopt;
    const std::optional<Array> columns = indices ? scope_.ArrayOf(*indices) : std::nullopt;
    if (!absl::StartsWith(instance->entry->attribute(), "csr_") || !values ||
        !values->dtype.IsFloat64() || !columns || !columns->dtype.Is('i', 4)) {
      return Broken{key, "not a csr matrix of f8 and i4"};
    }
    return std::nullopt;
  }

  Check CheckCounts(bool regression) {
    const std::optional<Array> counts = ArrayAt("_n_support");
    if (!counts || !counts->dtype.Is('i', 4) ||
        !counts->IsVector(static_cast<uint64_t>(classes_))) {
      return Broken{"_n_support", "_n_support is not one i4 a class"};
    }
    int64_t sum = 0;
    for (uint64_t i = 0; i < counts->size(); ++i) {
      const auto count = counts->At<int32_t>(i);
      // Regression does not use them; 1.2 and 1.3 leave other numbers there.
      if (count < 0) return Broken{"_n_support", "a count is negative"};
      sum += count;
    }
    if (!regression && sum != vectors_) {
      return Broken{"_n_support", "the counts do not sum up to the support vectors"};
    }
    return std::nullopt;
  }

  Check CheckDual(absl::string_view key) {
    const std::optional<Value> value = model_.Get(key);
    if (!value) return Broken{key, "it is missing"};
    if (const std::optional<SparseShape> sparse = SparseShapeOf(scope_, *value)) {
      // libsvm takes the stored elements for a full matrix.
      if (!sparse_ || sparse->rows != classes_ - 1 || sparse->columns != vectors_ ||
          sparse->stored != (classes_ - 1) * vectors_) {
        return Broken{key, "not (classes - 1, vectors), every element stored"};
      }
      // Only its data go to libsvm; their indices may be of either size.
      const std::optional<Instance> matrix = scope_.InstanceOf(*value);
      const std::optional<Value> data = matrix->Get("data");
      const std::optional<Array> values = data ? scope_.ArrayOf(*data) : std::nullopt;
      if (!absl::StartsWith(matrix->entry->attribute(), "csr_") || !values ||
          !values->dtype.IsFloat64()) {
        return Broken{key, "not a csr matrix of f8"};
      }
      return std::nullopt;
    }
    const std::optional<Array> array = scope_.ArrayOf(*value);
    if (!array || sparse_ || !array->dtype.IsFloat64() || !array->c_order() ||
        !array->HasShape({classes_ - 1, vectors_})) {
      return Broken{key, "not f8 (classes - 1, vectors) in C order"};
    }
    return std::nullopt;
  }

  // Whether scikit-learn would take it for true; nullopt if it is neither a bool nor the default
  // of later versions, which counts as false.
  std::optional<bool> Truth(absl::string_view key) const {
    const std::optional<Value> value = model_.Get(key);
    if (!value || scope_.view().Str(*value) == "deprecated") return false;
    return scope_.Bool(*value);
  }

  Check CheckProbability(uint64_t pairs) {
    const std::optional<Array> a = ArrayAt("_probA");
    const std::optional<Array> b = ArrayAt("_probB");
    if (!a || !b || !a->dtype.IsFloat64() || !b->dtype.IsFloat64() || a->rank() != 1 ||
        b->rank() != 1) {
      return Broken{"_probA", "_probA and _probB are no f8 vectors"};
    }
    const bool empty = a->size() == 0 && b->size() == 0;
    if (!empty && (a->size() != pairs || b->size() != pairs)) {
      return Broken{"_probA", "_probA and _probB are not one number a pair of classes"};
    }
    const std::optional<bool> wanted = Truth("probability");
    const std::optional<bool> effective = Truth("_effective_probability");
    if (!wanted || !effective) return Broken{"probability", "probability is no bool"};
    if (empty && (*wanted || *effective)) {
      return Broken{"probability", "probabilities without _probA"};
    }
    return std::nullopt;
  }

  const Scope& scope_;
  const Instance& model_;
  int64_t classes_ = 0;
  int64_t vectors_ = 0;
  int64_t features_ = 0;
  bool sparse_ = false;
  bool precomputed_ = false;
  // By a listed function, and so precomputed for libsvm.
  bool called_ = false;
};

// No real problem has more; the number of pairs stays far from overflow.
constexpr uint64_t kMaxClasses = 1 << 20;

// A name that libsvm knows, or that of a function, which CheckNames judges.
Check CheckKernelName(const Scope& scope, const Instance& model) {
  const std::optional<Value> kernel = model.Get("kernel");
  if (!kernel || scope.KindOf(*kernel) == v1::VALUE_KIND_NAME) return std::nullopt;
  for (const absl::string_view known : {"linear", "poly", "rbf", "sigmoid", "precomputed"}) {
    if (scope.view().Str(*kernel) == known) return std::nullopt;
  }
  return Broken{"kernel", "a kernel that libsvm does not know"};
}

bool IsFitted(const Instance& model) {
  return model.Has("support_") || model.Has("_dual_coef_") || model.Has("fit_status_");
}

}  // namespace

Check CheckSvc(const Scope& scope, const Instance& model) {
  if (Check broken = CheckKernelName(scope, model)) return broken;
  if (!IsFitted(model)) return std::nullopt;
  const std::optional<Value> classes = model.Get("classes_");
  const std::optional<uint64_t> count = classes ? LabelCount(scope, *classes) : std::nullopt;
  if (!count || *count < 2 || *count > kMaxClasses) {
    return Broken{"classes_", "there are not two classes"};
  }
  return Machine(scope, model).Run(static_cast<int64_t>(*count), false);
}

Check CheckSvr(const Scope& scope, const Instance& model) {
  if (Check broken = CheckKernelName(scope, model)) return broken;
  if (!IsFitted(model)) return std::nullopt;
  return Machine(scope, model).Run(2, true);
}

}  // namespace loadlock::verify
