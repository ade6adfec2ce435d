// scipy's interp1d and cKDTree, made anew from what their constructor takes.
#include <array>
#include <cmath>
#include <vector>

#include "server/verify/schemas/schemas.h"

namespace loadlock::verify {
namespace {

constexpr absl::string_view kNumberKinds = "iuf";
// Of what is interpolated: more than any table has, fewer than any numpy takes.
constexpr size_t kMaxRank = 8;

// What interp1d computes from its arguments, and is not read.
constexpr std::array<absl::string_view, 10> kComputed = {"_y",
                                                         "_side",
                                                         "x_bds",
                                                         "_ind",
                                                         "_x_shift",
                                                         "_fill_value_below",
                                                         "_fill_value_above",
                                                         "_y_axis",
                                                         "_y_extra_shape",
                                                         "copy"};
constexpr std::array<absl::string_view, 5> kKinds = {"linear", "nearest", "nearest-up", "previous",
                                                     "next"};

template <size_t n>
bool IsOneOf(const std::array<absl::string_view, n>& names, absl::string_view name) {
  for (const absl::string_view each : names) {
    if (each == name) return true;
  }
  return false;
}

bool IsNumeric(const Array& array) {
  return array.dtype.native() && array.dtype.itemsize <= sizeof(double) &&
         kNumberKinds.find(array.dtype.kind) != absl::string_view::npos;
}

std::optional<Array> NumbersAt(const Scope& scope, const Instance& object, absl::string_view key) {
  const std::optional<Value> value = object.Get(key);
  std::optional<Array> array = value ? scope.ArrayOf(*value) : std::nullopt;
  return array && IsNumeric(*array) && array->rank() <= kMaxRank ? array : std::nullopt;
}

// nullopt for halves, which no interpolation has.
std::optional<double> NumberAt(const Array& array, uint64_t i) {
  if (array.dtype.Is('f', 8)) return array.At<double>(i);
  if (array.dtype.Is('f', 4)) return double{array.At<float>(i)};
  const std::optional<int64_t> integer = IntAt(array, i);
  if (!integer) return std::nullopt;
  return static_cast<double>(*integer);
}

// Finite and ascending; a spline has no place twice.
bool AreAscending(const Array& places, bool strictly) {
  double last = -HUGE_VAL;
  for (uint64_t i = 0; i < places.size(); ++i) {
    const std::optional<double> place = NumberAt(places, i);
    if (!place || !std::isfinite(*place) || !(strictly ? last < *place : last <= *place)) {
      return false;
    }
    last = *place;
  }
  return true;
}

bool IsPlain(const Scope& scope, Value value) {
  const v1::ValueKind kind = scope.KindOf(value);
  if (kind == v1::VALUE_KIND_OBJECT || kind == v1::VALUE_KIND_NAME) return false;
  return !value.is_node() || scope.topology().holds_instance[value.index] == 0;
}

Check CheckKeysOfInterpolation(const Scope& scope, const Instance& object) {
  constexpr std::array<absl::string_view, 9> kRead = {
      "x", "y", "axis", "_kind", "bounds_error", "_call", "_spline", "dtype", "_fill_value_orig"};
  for (uint32_t i = 0; i < object.state.size(); ++i) {
    const absl::string_view key = object.state.str_key(i);
    if (!IsOneOf(kRead, key) && !IsOneOf(kComputed, key) && key != "_extrapolate") {
      return Broken{"", "an attribute that no interpolation has"};
    }
    for (uint32_t j = 0; j < i; ++j) {
      if (object.state.str_key(j) == key) return Broken{"", "a key of the state stands twice"};
    }
    // Names have their places, and the spline its own schema.
    if (key == "_call" || key == "dtype" || key == "_spline") continue;
    if (!IsPlain(scope, object.state.value(i))) return Broken{key, "it is no plain value"};
  }
  return std::nullopt;
}

// The degree of its spline; 0 for the other kinds. nullopt for an unknown one.
std::optional<int64_t> DegreeOf(const Scope& scope, const Instance& object,
                                absl::string_view kind) {
  if (IsOneOf(kKinds, kind)) return object.Has("_spline") ? std::nullopt : std::make_optional(0);
  if (kind != "spline") return std::nullopt;
  const std::optional<Value> value = object.Get("_spline");
  const std::optional<Instance> spline = value ? scope.InstanceOf(*value) : std::nullopt;
  if (!spline || spline->entry->schema() != policy::Schema::kBSpline) return std::nullopt;
  const std::optional<Value> degree = spline->Get("k");
  return degree ? scope.Int(*degree) : std::nullopt;
}

// One number, or one for each row of y that is interpolated.
bool IsFill(const Scope& scope, Value value, const Array& y, size_t axis) {
  if (scope.Number(value)) return true;
  const std::optional<Array> array = scope.ArrayOf(value);
  if (!array || !IsNumeric(*array)) return false;
  if (array->size() == 1 && array->rank() <= 1) return true;
  std::vector<int64_t> rest(y.shape.begin(), y.shape.end());
  rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(axis));
  return array->shape == absl::MakeConstSpan(rest);
}

Check CheckFill(const Scope& scope, const Instance& object, const Array& y, size_t axis) {
  const std::optional<Value> bounds = object.Get("bounds_error");
  const std::optional<bool> strict = bounds ? scope.Bool(*bounds) : std::nullopt;
  if (!strict) return Broken{"bounds_error", "it is no truth"};
  const absl::string_view key = "_fill_value_orig";
  const std::optional<Value> fill = object.Get(key);
  if (!fill) return Broken{key, "it is missing"};
  if (const auto text = scope.view().Str(*fill)) {
    if (*text == "extrapolate" && !*strict) return std::nullopt;
    return Broken{key, "it is neither numbers nor 'extrapolate'"};
  }
  const Sequence pair(scope.view(), *fill);
  if (!pair.ok()) {
    if (IsFill(scope, *fill, y, axis)) return std::nullopt;
    return Broken{key, "it is neither numbers nor 'extrapolate'"};
  }
  if (scope.KindOf(*fill) == v1::VALUE_KIND_TUPLE && pair.size() == 2 &&
      IsFill(scope, pair[0], y, axis) && IsFill(scope, pair[1], y, axis)) {
    return std::nullopt;
  }
  return Broken{key, "it is no pair of numbers"};
}

bool AreInBox(const Array& data, const Array* box) {
  const auto columns = static_cast<uint64_t>(data.shape[1]);
  for (uint64_t i = 0; i < data.size(); ++i) {
    const auto number = data.At<double>(i);
    if (!std::isfinite(number)) return false;
    const double side = box == nullptr ? 0 : box->At<double>(i % columns);
    if (side > 0 && !(number >= 0 && number < side)) return false;
  }
  return true;
}

}  // namespace

// interp1d(x, y, kind, axis, bounds_error=, fill_value=, assume_sorted=True). What it calls is its
// own function again.
Check CheckInterp1d(const Scope& scope, const Instance& object) {
  if (Check broken = CheckPlainState(scope, object)) return broken;
  if (Check broken = CheckKeysOfInterpolation(scope, object)) return broken;
  const std::optional<Value> named = object.Get("_kind");
  const auto kind = named ? scope.view().Str(*named) : std::nullopt;
  const std::optional<int64_t> degree = kind ? DegreeOf(scope, object, *kind) : std::nullopt;
  if (!degree || *degree < 0) return Broken{"_kind", "a kind of interpolation that is not known"};
  const std::optional<Array> x = NumbersAt(scope, object, "x");
  if (!x || x->rank() != 1 || x->size() < 1 || !AreAscending(*x, kind == "spline")) {
    return Broken{"x", "no ascending vector of finite numbers"};
  }
  const std::optional<Array> y = NumbersAt(scope, object, "y");
  const std::optional<Value> axis = object.Get("axis");
  const int64_t along = axis ? scope.Int(*axis).value_or(-1) : -1;
  if (!y || y->dtype.kind != 'f' || y->dtype.itemsize < sizeof(float) || y->rank() < 1 ||
      along < 0 || along >= static_cast<int64_t>(y->rank()) ||
      y->shape[static_cast<size_t>(along)] != x->shape[0] || y->size() < 1) {
    return Broken{"y", "no floats, as many along the axis as there are places"};
  }
  // What stands in its slots: without them pickle makes an object that cannot be called.
  if (!object.Has("_y_axis") || !object.Has("dtype")) {
    return Broken{"_y_axis", "the second of its two dicts is missing"};
  }
  if (*degree >= x->shape[0]) return Broken{"x", "too few places for the degree"};
  return CheckFill(scope, object, *y, static_cast<size_t>(along));
}

// cKDTree(data, leafsize, boxsize=): its nodes, of which native code believes every index, are not
// read but made anew.
Check CheckKdTree(const Scope& scope, const Instance& object) {
  const absl::Span<const uint32_t> operands = scope.view().operands(object.node);
  if ((operands[1] != kAbsent && scope.Length(Value::Node(operands[1])) != 0) ||
      operands[3] != kAbsent || operands[4] != kAbsent || operands[2] == kAbsent) {
    return Broken{"", "a tree is made with arguments or items"};
  }
  const Sequence state(scope.view(), Value::Node(operands[2]));
  if (!IsTupleKind(scope.view().kind(operands[2])) || state.size() != 10 ||
      scope.topology().holds_instance[operands[2]] != 0) {
    return Broken{"", "its state is not that of a tree"};
  }
  const std::optional<Array> data = scope.ArrayOf(state[1]);
  if (!data || data->rank() != 2 || !data->dtype.IsFloat64() || !data->c_order() ||
      data->size() < 1 || scope.Int(state[2]) != data->shape[0] ||
      scope.Int(state[3]) != data->shape[1]) {
    return Broken{"", "its data are no f8 matrix in C order of the size that it says"};
  }
  const std::optional<int64_t> leaf = scope.Int(state[4]);
  if (!leaf || *leaf < 1) return Broken{"", "its leaves have no size"};
  const std::optional<Array> box = scope.ArrayOf(state[9]);
  if (!box && !scope.view().IsNone(state[9])) return Broken{"", "its box is no array"};
  if (box) {
    const auto columns = static_cast<uint64_t>(data->shape[1]);
    if (!box->dtype.IsFloat64() || !box->IsVector(2 * columns)) {
      return Broken{"", "its box has not two f8 a column"};
    }
    for (uint64_t i = 0; i < columns; ++i) {
      const auto side = box->At<double>(i);
      if (!std::isfinite(side) || side < 0 || box->At<double>(columns + i) != side / 2) {
        return Broken{"", "a side of its box is no length, or not twice its half"};
      }
    }
  }
  if (!AreInBox(*data, box ? &*box : nullptr)) return Broken{"", "a point is out of its box"};
  return std::nullopt;
}

}  // namespace loadlock::verify
