#include "server/verify/invariants/kmeans.h"

namespace loadlock::verify {

Check CheckKmeans(const Scope& scope, const Instance& model) {
  const std::optional<Value> centers_value = model.Get("cluster_centers_");
  if (!centers_value) return std::nullopt;
  const std::optional<Array> centers = scope.ArrayOf(*centers_value);
  if (!centers || centers->rank() != 2 || !centers->c_order() || centers->shape[0] < 1 ||
      centers->dtype.kind != 'f' || !centers->dtype.native() ||
      (centers->dtype.itemsize != 4 && centers->dtype.itemsize != 8)) {
    return Broken{"cluster_centers_", "cluster_centers_ are no f4 or f8 matrix in C order"};
  }
  const std::optional<Value> features = model.Get("n_features_in_");
  if (!features || scope.Int(*features) != centers->shape[1]) {
    return Broken{"n_features_in_", "n_features_in_ is not the width of the centers"};
  }
  const std::optional<Value> clusters = model.Get("n_clusters");
  if (!clusters || scope.Int(*clusters) != centers->shape[0]) {
    return Broken{"n_clusters", "n_clusters is not the number of centers"};
  }
  if (!model.Has("_n_threads")) return Broken{"_n_threads", "_n_threads is missing"};
  if (const std::optional<Value> counts_value = model.Get("_counts")) {
    const std::optional<Array> counts = scope.ArrayOf(*counts_value);
    // partial_fit adds to them natively, in the dtype of the centers.
    if (!counts || counts->dtype.kind != 'f' || !counts->dtype.Is('f', centers->dtype.itemsize) ||
        !counts->IsVector(static_cast<uint64_t>(centers->shape[0]))) {
      return Broken{"_counts", "_counts are not one number a center"};
    }
  }
  return std::nullopt;
}

}  // namespace loadlock::verify
