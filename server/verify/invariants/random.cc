#include "server/verify/invariants/random.h"

#include "absl/strings/str_cat.h"

namespace loadlock::verify {
namespace {

// Two's complement, little-endian: at most 16 bytes of magnitude and a sign byte.
constexpr size_t kMax128 = 17;

bool IsWords(const Scope& scope, const Mapping& state, absl::string_view key, uint32_t itemsize,
             uint64_t count) {
  const std::optional<Value> value = state.Find(key);
  const std::optional<Array> array = value ? scope.ArrayOf(*value) : std::nullopt;
  return array && array->dtype.Is('u', itemsize) && array->IsVector(count);
}

bool IsWithin(const Scope& scope, const Mapping& state, absl::string_view key, int64_t most) {
  const std::optional<Value> value = state.Find(key);
  const std::optional<int64_t> number = value ? scope.Int(*value) : std::nullopt;
  return number && *number >= 0 && *number <= most;
}

// An integer of 0..2^128-1.
bool Is128Bits(const Scope& scope, const Mapping& state, absl::string_view key) {
  const std::optional<Value> value = state.Find(key);
  if (!value) return false;
  if (const std::optional<int64_t> number = scope.Int(*value)) return *number >= 0;
  if (!scope.view().Is(*value, v1::NODE_KIND_BIG_INT)) return false;
  const absl::string_view bytes = scope.view().blob(scope.view().operands(value->index)[0]);
  if (bytes.size() > kMax128 || bytes.empty()) return false;
  const auto top = static_cast<uint8_t>(bytes.back());
  return bytes.size() == kMax128 ? top == 0 : top < 0x80;
}

bool HasSpareHalf(const Scope& scope, const Mapping& state) {
  return IsWithin(scope, state, "has_uint32", 1) && IsWithin(scope, state, "uinteger", 0xFFFFFFFF);
}

// `outer` is what the generator's state property holds, `inner` its "state".
bool IsSound(const Scope& scope, absl::string_view name, const Mapping& outer,
             const Mapping& inner) {
  if (name == "MT19937") {
    return IsWords(scope, inner, "key", 4, 624) && IsWithin(scope, inner, "pos", 624);
  }
  if (name == "PCG64" || name == "PCG64DXSM") {
    return Is128Bits(scope, inner, "state") && Is128Bits(scope, inner, "inc") &&
           HasSpareHalf(scope, outer);
  }
  if (name == "Philox") {
    return IsWords(scope, inner, "counter", 8, 4) && IsWords(scope, inner, "key", 8, 2) &&
           IsWords(scope, outer, "buffer", 8, 4) && IsWithin(scope, outer, "buffer_pos", 4) &&
           HasSpareHalf(scope, outer);
  }
  if (name == "SFC64") {
    return IsWords(scope, inner, "state", 8, 4) && HasSpareHalf(scope, outer);
  }
  return false;
}

}  // namespace

Check CheckBitGenerator(const Scope& scope, NodeId node) {
  const absl::Span<const uint32_t> operands = scope.view().operands(node);
  const absl::string_view name = scope.view().string(operands[0]);
  const Mapping outer(scope.view(), Value::Node(operands[1]));
  const std::optional<Value> inner_value = outer.Find("state");
  const std::optional<Value> told = outer.Find("bit_generator");
  if (told && scope.view().Str(*told) != name) {
    return Broken{"", "the state is that of another bit generator"};
  }
  const Mapping inner(scope.view(), inner_value ? *inner_value : Value::Node(kAbsent));
  if (!inner.ok() || !IsSound(scope, name, outer, inner)) {
    return Broken{"", "the state of a bit generator is not one of its own"};
  }
  return std::nullopt;
}

}  // namespace loadlock::verify
