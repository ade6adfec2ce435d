// Exact numbers, identifiers, addresses and compiled patterns, which are kept beside models.
#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"
#include "server/verify/regex/cost.h"
#include "server/verify/schemas/schemas.h"

namespace loadlock::verify {
namespace {

// A float as Decimal has 767 digits at most.
constexpr size_t kMaxDigits = 1024;
// What an integer of so many digits takes.
constexpr size_t kMaxNumberBytes = 512;
constexpr size_t kUuidBytes = 16;
// An IPv6 address has 45 characters at most; a slash and three digits follow.
constexpr size_t kMaxNetworkText = 64;
constexpr int64_t kAscii = 256;

Broken Wrong(absl::string_view what) { return {"", std::string(what)}; }

bool IsDigits(absl::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// As str() writes a Decimal. A power of ten of more digits would take more than its text to work
// with.
bool IsDecimal(absl::string_view text) {
  absl::ConsumePrefix(&text, "-");
  if (text == "Infinity") return true;
  absl::string_view payload = text;
  if (absl::ConsumePrefix(&payload, "NaN") || absl::ConsumePrefix(&payload, "sNaN")) {
    return payload.empty() || IsDigits(payload);
  }
  const size_t exponent = text.find('E');
  if (exponent != absl::string_view::npos) {
    absl::string_view power = text.substr(exponent + 1);
    if (!absl::ConsumePrefix(&power, "+") && !absl::ConsumePrefix(&power, "-")) return false;
    if (!IsDigits(power) || power.size() > 4) return false;
    text = text.substr(0, exponent);
  }
  const size_t point = text.find('.');
  if (point == absl::string_view::npos) return IsDigits(text);
  return IsDigits(text.substr(0, point)) && IsDigits(text.substr(point + 1));
}

// "numerator" or "numerator/denominator".
bool IsFraction(absl::string_view text) {
  absl::ConsumePrefix(&text, "-");
  const size_t slash = text.find('/');
  if (slash == absl::string_view::npos) return IsDigits(text);
  const absl::string_view below = text.substr(slash + 1);
  return IsDigits(text.substr(0, slash)) && IsDigits(below) && below[0] != '0';
}

// Two's complement, little-endian.
bool IsNegative(absl::string_view bytes) {
  return !bytes.empty() && (static_cast<uint8_t>(bytes.back()) & 0x80U) != 0;
}

std::optional<absl::string_view> BigInt(const Scope& scope, Value value) {
  if (!scope.view().Is(value, v1::NODE_KIND_BIG_INT)) return std::nullopt;
  return scope.view().blob(scope.view().operands(value.index)[0]);
}

// No scalar of numpy: what takes one is Python's own.
bool IsPythonInt(const Scope& scope, Value value) {
  return scope.KindOf(value) == v1::VALUE_KIND_INT && !scope.view().Is(value, v1::NODE_KIND_SCALAR);
}

// "address/prefix" of a network, whose further bits are zero, or of an interface.
bool IsNetwork(const std::string& text, bool is_v4, bool is_interface) {
  const size_t slash = text.find('/');
  int prefix = 0;
  if (text.size() > kMaxNetworkText || slash == std::string::npos ||
      !IsDigits(text.substr(slash + 1)) || text.size() - slash > 4 ||
      !absl::SimpleAtoi(text.substr(slash + 1), &prefix)) {
    return false;
  }
  std::array<uint8_t, 16> address{};
  if (inet_pton(is_v4 ? AF_INET : AF_INET6, text.substr(0, slash).c_str(), address.data()) != 1) {
    return false;
  }
  const int bits = is_v4 ? 32 : 128;
  if (prefix > bits) return false;
  for (int bit = prefix; bit < bits && !is_interface; ++bit) {
    if ((address[static_cast<size_t>(bit / 8)] & (0x80U >> static_cast<unsigned>(bit % 8))) != 0) {
      return false;
    }
  }
  return true;
}

}  // namespace

bool IsNatural(const Scope& scope, Value value, size_t bytes) {
  if (!IsPythonInt(scope, value)) return false;
  if (const auto number = scope.Int(value)) return *number >= 0;
  const auto big = BigInt(scope, value);
  if (!big || IsNegative(*big)) return false;
  return big->size() <= bytes || (big->size() == bytes + 1 && big->back() == 0);
}

bool HasDictAlone(const Scope& scope, const Instance& object) {
  const absl::Span<const uint32_t> operands = scope.view().operands(object.node);
  if (operands[1] != kAbsent && scope.Length(Value::Node(operands[1])) != 0) return false;
  return operands[3] == kAbsent && operands[4] == kAbsent && operands[2] != kAbsent &&
         object.state.ok() && !object.state.ordered() && object.state.str_keys();
}

Check CheckExactNumber(const Scope& scope, NodeId call) {
  const CallParts parts = PartsOf(scope, call);
  if (parts.state != kAbsent || parts.has_items) return Wrong("a number has no state");
  const bool decimal = scope.EntryOfInstance(call)->attribute() == "Decimal";
  if (parts.args.size() == 1) {
    const auto text = scope.view().Str(parts.args[0]);
    if (text && text->size() <= kMaxDigits && (decimal ? IsDecimal(*text) : IsFraction(*text))) {
      return std::nullopt;
    }
  }
  // Numerator and denominator, as newer Pythons write them.
  if (!decimal && parts.args.size() == 2 && IsPythonInt(scope, parts.args[0]) &&
      IsNatural(scope, parts.args[1], kMaxNumberBytes) && scope.Int(parts.args[1]) != 0) {
    const auto big = BigInt(scope, parts.args[0]);
    if (!big || big->size() <= kMaxNumberBytes) return std::nullopt;
  }
  return Wrong("it is made of no number of at most 1024 digits, as str() writes it");
}

// UUID(int=...), whose state may say how safely it was generated.
Check CheckUuid(const Scope& scope, const Instance& object) {
  const std::optional<Value> number = object.Get("int");
  if (!HasDictAlone(scope, object) || !number || !IsNatural(scope, *number, kUuidBytes) ||
      object.state.size() > 2) {
    return Wrong("a UUID is one integer of 128 bits");
  }
  if (object.state.size() == 1) return std::nullopt;
  const std::optional<Value> safe = object.Get("is_safe");
  if (safe && IsPythonInt(scope, *safe) && (scope.Int(*safe) == 0 || scope.Int(*safe) == -1)) {
    return std::nullopt;
  }
  return Wrong("a UUID says more than that it was generated safely");
}

Check CheckIpAddress(const Scope& scope, NodeId call) {
  const CallParts parts = PartsOf(scope, call);
  absl::string_view name = scope.EntryOfInstance(call)->attribute();
  const bool is_v4 = absl::ConsumePrefix(&name, "IPv4");
  if (!is_v4) absl::ConsumePrefix(&name, "IPv6");
  if (parts.state != kAbsent || parts.has_items || parts.args.size() != 1) {
    return Wrong("an address is made of one argument");
  }
  if (name == "Address") {
    if (IsNatural(scope, parts.args[0], is_v4 ? 4 : 16) &&
        (!is_v4 || scope.Int(parts.args[0]).value_or(int64_t{1} << 32U) < int64_t{1} << 32U)) {
      return std::nullopt;
    }
    return Wrong("an address is an integer of 32 or 128 bits");
  }
  const auto text = scope.view().Str(parts.args[0]);
  if (text && IsNetwork(std::string(*text), is_v4, name == "Interface")) return std::nullopt;
  return Wrong("a network is an address, a slash and a number of bits");
}

// re._compile(pattern, flags)
Check CheckPattern(const Scope& scope, NodeId call) {
  const CallParts parts = PartsOf(scope, call);
  if (parts.state != kAbsent || parts.has_items || parts.args.size() != 2) {
    return Wrong("a pattern is made of a text and flags");
  }
  regex::Source source;
  if (const auto text = scope.view().Str(parts.args[0])) {
    source.text = *text;
  } else if (scope.view().Is(parts.args[0], v1::NODE_KIND_BYTES)) {
    source.text = scope.view().blob(scope.view().operands(parts.args[0].index)[0]);
    source.of_bytes = true;
  } else {
    return Wrong("a pattern is made of a text and flags");
  }
  const std::optional<int64_t> flags = scope.Int(parts.args[1]);
  if (!IsPythonInt(scope, parts.args[1]) || !flags || *flags < 0 || *flags >= 2 * kAscii) {
    return Wrong("the flags of a pattern");
  }
  source.flags = static_cast<uint32_t>(*flags);
  if (const absl::string_view why = regex::WhyNotBounded(source); !why.empty()) return Wrong(why);
  return std::nullopt;
}

}  // namespace loadlock::verify
