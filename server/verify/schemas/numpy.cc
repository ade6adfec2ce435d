#include <limits>

#include "server/verify/schemas/schemas.h"

namespace loadlock::verify {
namespace {

constexpr int64_t kMaxDimensions = 32;

bool IsName(const Scope& scope, Value value, absl::string_view name) {
  return scope.view().Is(value, v1::NODE_KIND_GLOBAL) && scope.view().FullName(value.index) == name;
}

// The number of elements of a tuple of sizes; nullopt unless it is one.
std::optional<int64_t> Elements(const Scope& scope, Value value) {
  const Sequence sizes(scope.view(), value);
  if (scope.KindOf(value) != v1::VALUE_KIND_TUPLE || sizes.size() > kMaxDimensions)
    return std::nullopt;
  int64_t elements = 1;
  for (uint32_t i = 0; i < sizes.size(); ++i) {
    const std::optional<int64_t> size = scope.Int(sizes[i]);
    if (!size || *size < 0 || *size > std::numeric_limits<int32_t>::max()) return std::nullopt;
    if (*size != 0 && elements > std::numeric_limits<int64_t>::max() / *size) return std::nullopt;
    elements *= *size;
  }
  return elements;
}

// Length of BYTES, or of its buffer.
std::optional<int64_t> ByteCount(const Scope& scope, Value value) {
  if (!value.is_node()) return std::nullopt;
  const absl::Span<const uint32_t> operands = scope.view().operands(value.index);
  if (scope.view().kind(value.index) == v1::NODE_KIND_BYTES) {
    return static_cast<int64_t>(scope.view().blob(operands[0]).size());
  }
  if (scope.view().kind(value.index) == v1::NODE_KIND_BYTES_BUFFER) {
    return static_cast<int64_t>(scope.Buffer(operands[0]).size());
  }
  return std::nullopt;
}

Check CheckMaskedState(const Scope& scope, const Sequence& state) {
  const std::optional<int64_t> elements = Elements(scope, state[1]);
  if (scope.Int(state[0]) != 1 || !elements || !scope.Bool(state[3])) {
    return Broken{"", "its version, shape or order"};
  }
  if (!scope.view().Is(state[2], v1::NODE_KIND_DTYPE)) return Broken{"", "its dtype"};
  const std::optional<DType> dtype =
      ParseTypestr(scope.view().string(scope.view().operands(state[2].index)[0]));
  if (!dtype) return Broken{"", "its dtype"};
  if (ByteCount(scope, state[5]) != elements) return Broken{"", "its mask is not one byte each"};
  if (dtype->kind == 'O') {
    const Sequence objects(scope.view(), state[4]);
    if (objects.ok() && int64_t{objects.size()} == *elements) return std::nullopt;
    return Broken{"", "its objects are not as many as its shape needs"};
  }
  const std::optional<int64_t> bytes = ByteCount(scope, state[4]);
  if (dtype->itemsize > 0 && bytes && *bytes % dtype->itemsize == 0 &&
      *bytes / dtype->itemsize == *elements) {
    return std::nullopt;
  }
  return Broken{"", "its data are not as long as its shape and dtype need"};
}

}  // namespace

// _mareconstruct(MaskedArray, ndarray, (0,), b'b'), then BUILD with
// (1, shape, dtype, fortran, data, mask, fill value).
Check CheckMaskedArray(const Scope& scope, NodeId call) {
  const CallParts parts = PartsOf(scope, call);
  if (scope.EntryOfInstance(call)->attribute() == "MaskedConstant") {
    if (!parts.has_items && parts.state == kAbsent && parts.args.size() == 0) return std::nullopt;
    return Broken{"", "numpy.ma.masked has no parts"};
  }
  if (parts.has_items || parts.state == kAbsent || parts.args.size() != 4 ||
      !IsName(scope, parts.args[1], "numpy.ndarray") ||
      !(IsName(scope, parts.args[0], "numpy.ma.MaskedArray") ||
        IsName(scope, parts.args[0], "numpy.ma.core.MaskedArray"))) {
    return Broken{"", "a masked array of other classes"};
  }
  const Sequence state(scope.view(), Value::Node(parts.state));
  if (!IsTupleKind(scope.view().kind(parts.state)) || state.size() != 7) {
    return Broken{"", "its state is not that of a masked array"};
  }
  const v1::ValueKind fill = scope.KindOf(state[6]);
  if (fill == v1::VALUE_KIND_OBJECT || fill == v1::VALUE_KIND_NAME ||
      (state[6].is_node() && scope.topology().holds_instance[state[6].index] != 0)) {
    return Broken{"", "its fill value is no plain value"};
  }
  return CheckMaskedState(scope, state);
}

// numpy.matrix over an array, as the worker writes it.
Check CheckMatrix(const Scope& scope, NodeId call) {
  const CallParts parts = PartsOf(scope, call);
  const std::optional<Array> array =
      parts.args.size() == 1 ? scope.ArrayOf(parts.args[0]) : std::nullopt;
  if (parts.state == kAbsent && !parts.has_items && array && array->rank() == 2) {
    return std::nullopt;
  }
  return Broken{"", "a matrix is an array of two dimensions"};
}

}  // namespace loadlock::verify
