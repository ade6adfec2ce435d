#include <array>

#include "server/verify/invariants/neighbor_tree.h"
#include "server/verify/schemas/schemas.h"

namespace loadlock::verify {
namespace {

constexpr absl::string_view kMetrics = "sklearn.metrics._dist_metrics";

// Only distances whose code reads no vector or matrix of the state. `order` is the p they are
// made with; the Chebyshev distance's is infinite and not looked at.
struct Metric {
  absl::string_view name;
  std::optional<double> order;
};
constexpr std::array kDistances = {
    Metric{"EuclideanDistance", 2.0},          Metric{"EuclideanDistance64", 2.0},
    Metric{"ManhattanDistance", 1.0},          Metric{"ManhattanDistance64", 1.0},
    Metric{"HaversineDistance", std::nullopt}, Metric{"HaversineDistance64", std::nullopt},
};

const Metric* FindMetric(absl::string_view name) {
  for (const Metric& metric : kDistances) {
    if (metric.name == name) return &metric;
  }
  return nullptr;
}

// (p, vec, mat): placeholders of one element, as the constructor makes them.
Check CheckDistanceState(const Scope& scope, const Metric& metric, Value state) {
  const Sequence parts(scope.view(), state);
  if (parts.size() != 3) return Broken{"", "the state of a distance has 3 parts"};
  const std::optional<double> order = scope.Number(parts[0]);
  if (!order || (metric.order && *order != *metric.order)) {
    return Broken{"", "the order p of a distance is not its own"};
  }
  const std::optional<Array> vector = scope.ArrayOf(parts[1]);
  if (!vector || !vector->dtype.IsFloat64() || !vector->IsVector(1)) {
    return Broken{"", "the vector of a distance without parameters has one element"};
  }
  const std::optional<Array> matrix = scope.ArrayOf(parts[2]);
  if (!matrix || !matrix->dtype.IsFloat64() || !matrix->HasShape({1, 1})) {
    return Broken{"", "the matrix of a distance without parameters has one element"};
  }
  return std::nullopt;
}

}  // namespace

std::optional<absl::string_view> DistanceName(const Scope& scope, Value value) {
  const std::optional<NodeId> call = scope.CallOf(value, policy::Schema::kNewObj);
  if (!call || scope.EntryOfInstance(*call)->module() != kMetrics) return std::nullopt;
  const Sequence args = PartsOf(scope, *call).args;
  if (args.size() != 1 || !scope.view().Is(args[0], v1::NODE_KIND_GLOBAL)) return std::nullopt;
  return scope.view().global(args[0].index).name();
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
    if (metric == nullptr) return Broken{"", "a distance with parameters of its own"};
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
