// Values of numpy that are no arrays, and arrays with named fields.
#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "server/verify/schemas/schemas.h"

namespace loadlock::verify {
namespace {

// numpy's own entropy has 16 bytes; people give integers or a few of them. All of it is hashed.
constexpr size_t kMaxEntropyBytes = 1024;
constexpr uint32_t kMaxEntropyParts = 4096;
// Evaluating is linear in it, multiplying two is its square.
constexpr int64_t kMaxDegree = 100'000;
// The name of a variable, which is printed.
constexpr size_t kMaxSymbol = 64;

bool IsName(const Scope& scope, Value value, absl::string_view name) {
  return scope.view().Is(value, v1::NODE_KIND_GLOBAL) && scope.view().FullName(value.index) == name;
}

// A short sequence of integers.
bool AreNaturals(const Scope& scope, Value value) {
  const v1::ValueKind kind = scope.KindOf(value);
  const Sequence parts(scope.view(), value);
  if ((kind != v1::VALUE_KIND_LIST && kind != v1::VALUE_KIND_TUPLE) ||
      parts.size() > kMaxEntropyParts) {
    return false;
  }
  for (uint32_t i = 0; i < parts.size(); ++i) {
    if (!IsNatural(scope, parts[i], kMaxEntropyBytes)) return false;
  }
  return true;
}

// A vector of numbers.
std::optional<Array> Numbers(const Scope& scope, const std::optional<Value>& value) {
  const std::optional<Array> array = value ? scope.ArrayOf(*value) : std::nullopt;
  if (!array || array->rank() != 1 || array->shape[0] > kMaxDegree) return std::nullopt;
  for (const char kind : {'b', 'i', 'u', 'f', 'c'}) {
    if (array->dtype.kind == kind) return array;
  }
  return std::nullopt;
}

bool IsSymbol(const Scope& scope, Value value) {
  const auto text = scope.view().Str(value);
  if (!text || text->empty() || text->size() > kMaxSymbol) return false;
  return absl::ascii_isalpha(static_cast<unsigned char>(text->front())) &&
         std::all_of(text->begin(), text->end(), [](char c) {
           return c == '_' || absl::ascii_isalnum(static_cast<unsigned char>(c));
         });
}

// Each key of the state is one of these.
template <size_t n>
bool HasOnly(const Instance& object, const std::array<absl::string_view, n>& keys) {
  for (uint32_t i = 0; i < object.state.size(); ++i) {
    if (std::find(keys.begin(), keys.end(), object.state.str_key(i)) == keys.end()) return false;
  }
  return true;
}

bool AreSymbols(const Scope& scope, const Instance& object,
                std::initializer_list<absl::string_view> keys) {
  return std::all_of(keys.begin(), keys.end(), [&](absl::string_view key) {
    const std::optional<Value> value = object.Get(key);
    return !value || IsSymbol(scope, *value);
  });
}

// numpy kept the coefficients under other names before 1.13; `order` and `roots` follow of them.
Check CheckPoly1d(const Scope& scope, const Instance& object) {
  constexpr std::array<absl::string_view, 5> kKeys = {"coeffs", "_coeffs", "variable", "_variable",
                                                      "order"};
  const bool hidden = object.Has("_coeffs");
  if (!HasOnly(object, kKeys) || (hidden && object.Has("coeffs")) ||
      !Numbers(scope, object.Get(hidden ? "_coeffs" : "coeffs")) ||
      !AreSymbols(scope, object, {"variable", "_variable"})) {
    return Broken{"", "a poly1d is a vector of coefficients and the name of its variable"};
  }
  return std::nullopt;
}

struct Result {
  absl::string_view name;
  uint32_t parts;
};
constexpr std::array<Result, 5> kResults = {Result{"EigResult", 2}, Result{"EighResult", 2},
                                            Result{"QRResult", 2}, Result{"SlogdetResult", 2},
                                            Result{"SVDResult", 3}};

}  // namespace

// __pyx_unpickle_SeedSequence(SeedSequence, checksum, None), then BUILD with
// (entropy, children, pool, size of the pool, spawn key). The pool is computed anew.
Check CheckSeedSequence(const Scope& scope, NodeId call) {
  const CallParts parts = PartsOf(scope, call);
  if (parts.has_items || parts.state == kAbsent || parts.args.size() != 3 ||
      !IsName(scope, parts.args[0], "numpy.random.bit_generator.SeedSequence") ||
      !scope.Int(parts.args[1]) || !scope.view().IsNone(parts.args[2])) {
    return Broken{"", "a seed sequence of another class"};
  }
  const Sequence state(scope.view(), Value::Node(parts.state));
  if (!IsTupleKind(scope.view().kind(parts.state)) || state.size() != 5) {
    return Broken{"", "the state of a seed sequence is no tuple of five"};
  }
  const std::optional<int64_t> size = scope.Int(state[3]);
  const std::optional<Array> pool = scope.ArrayOf(state[2]);
  if (!size || *size < 4 || *size > 64 || !pool || !pool->dtype.Is('u', 4) ||
      !pool->IsVector(static_cast<uint64_t>(*size))) {
    return Broken{"", "the pool of a seed sequence"};
  }
  const std::optional<int64_t> children = scope.Int(state[1]);
  if (!IsNatural(scope, state[1], 8) || !children || *children > INT32_MAX) {
    return Broken{"", "the number of children of a seed sequence"};
  }
  if ((!IsNatural(scope, state[0], kMaxEntropyBytes) && !AreNaturals(scope, state[0])) ||
      !AreNaturals(scope, state[4])) {
    return Broken{"", "the entropy of a seed sequence is no integers"};
  }
  return std::nullopt;
}

Check CheckSeries(const Scope& scope, const Instance& object) {
  if (!HasDictAlone(scope, object)) return Broken{"", "the state of a series is no plain dict"};
  if (object.entry->attribute() == "poly1d") return CheckPoly1d(scope, object);
  constexpr std::array<absl::string_view, 5> kKeys = {"coef", "domain", "window", "symbol",
                                                      "_symbol"};
  const std::optional<Array> coefficients = Numbers(scope, object.Get("coef"));
  if (!HasOnly(object, kKeys) || !coefficients || coefficients->shape[0] == 0 ||
      !AreSymbols(scope, object, {"symbol", "_symbol"})) {
    return Broken{"", "a series is a vector of coefficients, a domain and a window"};
  }
  for (const absl::string_view key : {"domain", "window"}) {
    const std::optional<Array> ends = Numbers(scope, object.Get(key));
    if (!ends || ends->shape[0] != 2) {
      return Broken{"", "the domain or window of a series are not two numbers"};
    }
  }
  return std::nullopt;
}

Check CheckRecords(const Scope& scope, NodeId call) {
  const CallParts parts = PartsOf(scope, call);
  const std::optional<Array> array =
      parts.args.size() == 1 ? scope.ArrayOf(parts.args[0]) : std::nullopt;
  if (parts.state != kAbsent || parts.has_items || !array) {
    return Broken{"", "records are made of one array"};
  }
  if (scope.EntryOfInstance(call)->attribute() == "recarray") return std::nullopt;
  if (array->rank() == 0 && array->dtype.kind == 'R') return std::nullopt;
  return Broken{"", "one record is an array without dimensions, of fields"};
}

Check CheckNamedTuple(const Scope& scope, const Instance& object) {
  const absl::Span<const uint32_t> operands = scope.view().operands(object.node);
  const auto* result = std::find_if(kResults.begin(), kResults.end(), [&](const Result& each) {
    return each.name == object.entry->attribute();
  });
  if (result == kResults.end() || operands[1] == kAbsent || operands[2] != kAbsent ||
      operands[3] != kAbsent || operands[4] != kAbsent) {
    return Broken{"", "a result of numpy.linalg has arrays and nothing else"};
  }
  const Sequence args(scope.view(), Value::Node(operands[1]));
  if (args.size() != result->parts) return Broken{"", "the number of parts of a result"};
  for (uint32_t i = 0; i < args.size(); ++i) {
    if (!scope.ArrayOf(args[i]) && !scope.view().Is(args[i], v1::NODE_KIND_SCALAR)) {
      return Broken{"", "a part of a result of numpy.linalg is neither array nor number"};
    }
  }
  return std::nullopt;
}

}  // namespace loadlock::verify
