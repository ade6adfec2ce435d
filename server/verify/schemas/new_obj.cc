#include <array>
#include <cmath>
#include <limits>

#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "server/verify/invariants/neighbor_tree.h"
#include "server/verify/schemas/schemas.h"

namespace loadlock::verify {
namespace {

constexpr absl::string_view kMetrics = "sklearn.metrics._dist_metrics";

// What a distance reads of its state beside the order p: nothing, or a vector as long as the rows
// that it compares. `order` is the p that the class is made with.
enum class Reads { kNothing, kWeights, kVariances };
struct Metric {
  absl::string_view name;
  Reads reads;
  std::optional<double> order;
};

// By their names up to 1.2; later ones end in 64. Absent are those that no check of their state
// makes sound: Mahalanobis writes into a buffer as long as the rows, PyFunc calls a function,
// WMinkowski is of 1.2 alone.
constexpr std::array kDistances = {
    Metric{"EuclideanDistance", Reads::kNothing, 2.0},
    Metric{"ManhattanDistance", Reads::kNothing, 1.0},
    Metric{"ChebyshevDistance", Reads::kNothing, std::numeric_limits<double>::infinity()},
    Metric{"MinkowskiDistance", Reads::kWeights, std::nullopt},
    Metric{"SEuclideanDistance", Reads::kVariances, 2.0},
    Metric{"HaversineDistance", Reads::kNothing, std::nullopt},
    Metric{"BrayCurtisDistance", Reads::kNothing, 2.0},
    Metric{"CanberraDistance", Reads::kNothing, 2.0},
    Metric{"DiceDistance", Reads::kNothing, 2.0},
    Metric{"HammingDistance", Reads::kNothing, 2.0},
    Metric{"JaccardDistance", Reads::kNothing, 2.0},
    Metric{"KulsinskiDistance", Reads::kNothing, 2.0},
    Metric{"MatchingDistance", Reads::kNothing, 2.0},
    Metric{"RogersTanimotoDistance", Reads::kNothing, 2.0},
    Metric{"RussellRaoDistance", Reads::kNothing, 2.0},
    Metric{"SokalMichenerDistance", Reads::kNothing, 2.0},
    Metric{"SokalSneathDistance", Reads::kNothing, 2.0},
};

const Metric* FindMetric(absl::string_view name) {
  absl::ConsumeSuffix(&name, "64");
  for (const Metric& metric : kDistances) {
    if (metric.name == name) return &metric;
  }
  return nullptr;
}

// As the constructor demands them of a weight and a variance.
bool AllPositive(const Array& vector, bool or_zero) {
  for (uint64_t i = 0; i < vector.size(); ++i) {
    const auto number = vector.At<double>(i);
    if (!std::isfinite(number) || number < 0 || (number == 0 && !or_zero)) return false;
  }
  return true;
}

Check CheckOrder(const Metric& metric, std::optional<double> order) {
  if (metric.reads == Reads::kWeights) {
    if (order && std::isfinite(*order) && *order >= 1) return std::nullopt;
    return Broken{"", "the order p of a Minkowski distance is no finite number from 1"};
  }
  if (order && (!metric.order || *order == *metric.order)) return std::nullopt;
  return Broken{"", "the order p of a distance is not its own"};
}

// How long the vector is for the rows compared, only their owner knows (CheckMetricWidth).
Check CheckVector(const Metric& metric, const std::optional<Array>& vector) {
  if (!vector || !vector->dtype.IsFloat64() || vector->rank() != 1) {
    return Broken{"", "the vector of a distance is no vector of f8"};
  }
  if (metric.reads == Reads::kNothing) {
    if (vector->IsVector(1)) return std::nullopt;
    return Broken{"", "the vector of a distance without parameters has one element"};
  }
  if (AllPositive(*vector, metric.reads == Reads::kWeights)) return std::nullopt;
  return Broken{"", "a weight or variance of a distance is not positive"};
}

// (p, vec, mat): what is not read is a placeholder of one element, as the constructor makes it.
Check CheckDistanceState(const Scope& scope, const Metric& metric, Value state) {
  const Sequence parts(scope.view(), state);
  if (parts.size() != 3) return Broken{"", "the state of a distance has 3 parts"};
  if (Check broken = CheckOrder(metric, scope.Number(parts[0]))) return broken;
  if (Check broken = CheckVector(metric, scope.ArrayOf(parts[1]))) return broken;
  const std::optional<Array> matrix = scope.ArrayOf(parts[2]);
  if (!matrix || !matrix->dtype.IsFloat64() || !matrix->HasShape({1, 1})) {
    return Broken{"", "the matrix of a distance without parameters has one element"};
  }
  return std::nullopt;
}

Broken UnknownDistance(absl::string_view name) {
  if (absl::StartsWith(name, "Mahalanobis")) {
    return {"",
            "a Mahalanobis distance writes into a buffer of its own at each use; instead, fit on "
            "data whitened by PCA(whiten=True) with the Euclidean distance"};
  }
  if (absl::StartsWith(name, "PyFunc")) {
    return {"", "a distance that is a Python function; name one of scikit-learn's instead"};
  }
  if (absl::StartsWith(name, "WMinkowski")) {
    return {"", "scikit-learn dropped this distance; fit with metric='minkowski' and weights w"};
  }
  return {"", "a distance that loadlock does not know"};
}

}  // namespace

std::optional<absl::string_view> DistanceName(const Scope& scope, Value value) {
  const std::optional<NodeId> call = scope.CallOf(value, policy::Schema::kNewObj);
  if (!call || scope.EntryOfInstance(*call)->module() != kMetrics) return std::nullopt;
  const Sequence args = PartsOf(scope, *call).args;
  if (args.size() != 1 || !scope.view().Is(args[0], v1::NODE_KIND_GLOBAL)) return std::nullopt;
  return scope.view().global(args[0].index).name();
}

Check CheckMetricWidth(const Scope& scope, Value value, int64_t columns) {
  const std::optional<absl::string_view> name = DistanceName(scope, value);
  const Metric* metric = name ? FindMetric(*name) : nullptr;
  if (metric == nullptr) return Broken{"", "the metric of a tree is no distance"};
  // Haversine reads two columns whatever there are.
  if (metric->name == "HaversineDistance" && columns != 2) {
    return Broken{"", "the haversine distance needs two columns"};
  }
  if (metric->reads == Reads::kNothing) return std::nullopt;
  const NodeId state = PartsOf(scope, value.index).state;
  const Sequence parts(scope.view(), Value::Node(state));
  const std::optional<Array> vector =
      state == kAbsent || parts.size() != 3 ? std::nullopt : scope.ArrayOf(parts[1]);
  const bool unweighted = metric->reads == Reads::kWeights && vector && vector->IsVector(0);
  if (unweighted || (vector && vector->IsVector(static_cast<uint64_t>(columns)))) {
    return std::nullopt;
  }
  return Broken{"", "the vector of a distance has not one element a column"};
}

Check CheckNewObj(const Scope& scope, NodeId call) {
  const CallParts parts = PartsOf(scope, call);
  if (parts.args.size() != 1 || !scope.view().Is(parts.args[0], v1::NODE_KIND_GLOBAL)) {
    return Broken{"", "newObj takes one class by name"};
  }
  if (parts.has_items || parts.state == kAbsent) return Broken{"", "newObj needs one BUILD"};
  const v1::Global& cls = scope.view().global(parts.args[0].index);
  const policy::CompiledEntry* entry = scope.EntryOfInstance(call);
  if (cls.module() != entry->module()) return Broken{"", "newObj makes classes of its own module"};
  if (cls.module() == kMetrics) {
    const Metric* metric = FindMetric(cls.name());
    if (metric == nullptr) return UnknownDistance(cls.name());
    return CheckDistanceState(scope, *metric, Value::Node(parts.state));
  }
  if (cls.name() == "KDTree" && cls.module() == "sklearn.neighbors._kd_tree") {
    return CheckNeighborTree(scope, call, NeighborTree::kKdTree);
  }
  if (cls.name() == "BallTree" && cls.module() == "sklearn.neighbors._ball_tree") {
    return CheckNeighborTree(scope, call, NeighborTree::kBallTree);
  }
  return Broken{"", "newObj of a class that loadlock does not know"};
}

}  // namespace loadlock::verify
