#include <cmath>

#include "absl/strings/strip.h"
#include "server/verify/schemas/schemas.h"

namespace loadlock::verify {
namespace {

constexpr uint32_t kMaxParameters = 8;
// What SplineTransformer allows, and more than any model has.
constexpr int64_t kMaxDegree = 64;

bool IsFinite(const Scope& scope, Value value) {
  const std::optional<double> number = scope.Number(value);
  return number && std::isfinite(*number);
}

// "X_gen" is made by the library as X; of three classes it makes one by another name.
bool IsNameOf(absl::string_view cls, absl::string_view name) {
  if (!absl::ConsumeSuffix(&cls, "_gen")) return false;
  if (cls == "skew_norm") return name == "skewnorm";
  return name == cls || (cls == "reciprocal" && name == "loguniform") ||
         (cls == "vonmises" && name == "vonmises_line");
}

// t or _t, c or _c: scipy 1.15 renamed them.
std::optional<Value> Renamed(const Instance& object, absl::string_view key,
                             absl::string_view renamed) {
  const std::optional<Value> value = object.Get(renamed);
  return value ? value : object.Get(key);
}

bool IsAscending(const Array& knots) {
  for (uint64_t i = 0; i < knots.size(); ++i) {
    const auto knot = knots.At<double>(i);
    if (!std::isfinite(knot) || (i > 0 && !(knots.At<double>(i - 1) <= knot))) return false;
  }
  return true;
}

}  // namespace

Check CheckPlainState(const Scope& scope, const Instance& object) {
  const absl::Span<const uint32_t> operands = scope.view().operands(object.node);
  if (operands[1] != kAbsent && scope.Length(Value::Node(operands[1])) != 0) {
    return Broken{"", "the object is made with arguments"};
  }
  if (operands[3] != kAbsent || operands[4] != kAbsent) return Broken{"", "the object has items"};
  if (operands[2] == kAbsent || !object.state.ok() || object.state.ordered() ||
      !object.state.str_keys()) {
    return Broken{"", "the state of the object is no plain dict"};
  }
  if (scope.topology().references[operands[2]] != 1) {
    return Broken{"", "the state of the object is used a second time"};
  }
  return std::nullopt;
}

// The state of a distribution is code and caches; the library's own object of the name is taken.
Check CheckDistribution(const Scope& scope, const Instance& object) {
  if (Check broken = CheckPlainState(scope, object)) return broken;
  const std::optional<Value> value = object.Get("name");
  const auto name = value ? scope.view().Str(*value) : std::nullopt;
  if (name && IsNameOf(object.entry->attribute(), *name)) return std::nullopt;
  return Broken{"name", "the distribution has the name of another one"};
}

Check CheckFrozenDistribution(const Scope& scope, const Instance& object) {
  if (Check broken = CheckPlainState(scope, object)) return broken;
  const std::optional<Value> dist = object.Get("dist");
  const std::optional<Instance> made = dist ? scope.InstanceOf(*dist) : std::nullopt;
  if (!made || made->entry->schema() != policy::Schema::kDistribution) {
    return Broken{"dist", "dist is no listed distribution"};
  }
  const Sequence args(scope.view(), object.Get("args").value_or(*dist));
  const Mapping keywords(scope.view(), object.Get("kwds").value_or(*dist));
  const std::optional<Value> given = object.Get("args");
  if (!args.ok() || !given || scope.KindOf(*given) != v1::VALUE_KIND_TUPLE || !keywords.ok() ||
      !keywords.str_keys() || args.size() + keywords.size() > kMaxParameters) {
    return Broken{"args", "args and kwds are no few parameters"};
  }
  for (uint32_t i = 0; i < args.size(); ++i) {
    if (!IsFinite(scope, args[i])) return Broken{"args", "a parameter is no finite number"};
  }
  for (uint32_t i = 0; i < keywords.size(); ++i) {
    if (!IsFinite(scope, keywords.value(i))) {
      return Broken{"kwds", "a parameter is no finite number"};
    }
  }
  return std::nullopt;
}

// BSpline(t, c, k, extrapolate): its native evaluation trusts the lengths.
Check CheckBSpline(const Scope& scope, const Instance& object) {
  if (Check broken = CheckPlainState(scope, object)) return broken;
  const auto knots_value = Renamed(object, "t", "_t");
  const auto coefficients_value = Renamed(object, "c", "_c");
  const auto degree_value = object.Get("k");
  const Array knots = (knots_value ? scope.ArrayOf(*knots_value) : std::nullopt).value_or(Array{});
  const std::optional<Array> coefficients =
      coefficients_value ? scope.ArrayOf(*coefficients_value) : std::nullopt;
  const std::optional<int64_t> degree = degree_value ? scope.Int(*degree_value) : std::nullopt;
  if (!degree || *degree < 0 || *degree > kMaxDegree) return Broken{"k", "the degree of a spline"};
  if (knots.rank() != 1 || !knots.dtype.IsFloat64() || !IsAscending(knots)) {
    return Broken{"t", "knots are no ascending finite f8"};
  }
  const auto count = static_cast<int64_t>(knots.size()) - *degree - 1;
  if (count < *degree + 1) return Broken{"t", "too few knots for the degree"};
  if (!(knots.At<double>(static_cast<uint64_t>(*degree)) <
        knots.At<double>(static_cast<uint64_t>(count)))) {
    return Broken{"t", "the inner knots are all one"};
  }
  if (!coefficients || coefficients->rank() < 1 || coefficients->rank() > 2 ||
      !coefficients->dtype.IsFloat64() || coefficients->shape[0] < count) {
    return Broken{"c", "the coefficients of a spline are fewer than its knots need"};
  }
  const std::optional<Value> beyond = object.Get("extrapolate");
  if (!beyond || !(scope.Bool(*beyond) || scope.view().Str(*beyond) == "periodic")) {
    return Broken{"extrapolate", "extrapolate is neither a truth nor 'periodic'"};
  }
  const std::optional<Value> axis = object.Get("axis");
  if (axis && scope.Int(*axis) != 0) return Broken{"axis", "the axis of a spline is not 0"};
  return std::nullopt;
}

// _ImputerTriplet(feature, columns of its neighbours, fitted estimator).
Check CheckImputerTriplet(const Scope& scope, const Instance& object) {
  const absl::Span<const uint32_t> operands = scope.view().operands(object.node);
  if (operands[2] != kAbsent || operands[3] != kAbsent || operands[4] != kAbsent ||
      operands[1] == kAbsent) {
    return Broken{"", "a triplet has three arguments and nothing else"};
  }
  const Sequence args(scope.view(), Value::Node(operands[1]));
  if (args.size() != 3) return Broken{"", "a triplet has three arguments"};
  const std::optional<Array> columns = scope.ArrayOf(args[1]);
  const std::optional<int64_t> feature = scope.Int(args[0]);
  if (!feature || *feature < 0 || !columns || columns->rank() != 1) {
    return Broken{"", "a triplet is a feature, columns and an estimator"};
  }
  for (uint64_t i = 0; i < columns->size(); ++i) {
    const std::optional<int64_t> column = IntAt(*columns, i);
    if (!column || *column < 0) return Broken{"", "a column of a triplet is out of range"};
  }
  const std::optional<Instance> estimator = scope.InstanceOf(args[2]);
  if (!estimator || (estimator->entry->trust() != v1::TRUST_NEW_DICT &&
                     estimator->entry->trust() != v1::TRUST_NEW_SETSTATE)) {
    return Broken{"", "the third of a triplet is no estimator"};
  }
  return std::nullopt;
}

}  // namespace loadlock::verify
