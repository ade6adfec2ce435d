#include "sandbox/decoders/document/document.h"

#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/charconv.h"

namespace loadlock::document {
namespace {

// Most objects have a few keys, which are compared faster than hashed.
constexpr uint32_t kFewKeys = 8;

std::string_view AsText(bytes::Bytes raw) {
  return {reinterpret_cast<const char*>(raw.data()), raw.size()};
}

// A big-endian number; `raw` has its size.
uint64_t BigEndian(bytes::Bytes raw) {
  uint64_t bits = 0;
  for (const uint8_t byte : raw) bits = bits << 8 | byte;
  return bits;
}

int64_t Signed(uint64_t bits, size_t size) {
  const auto unused = static_cast<int>(64 - 8 * size);
  return static_cast<int64_t>(bits << unused) >> unused;
}

template <typename T>
std::optional<T> FromDigits(std::string_view digits) {
  T value = 0;
  const auto [end, error] = absl::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error == std::errc::result_out_of_range) {
    // Too small is nearest to zero or to the smallest number, which is what was stored.
    return std::isfinite(value) && std::abs(value) < T{1} ? std::optional<T>(value) : std::nullopt;
  }
  if (error != std::errc() || end != digits.data() + digits.size() || !std::isfinite(value)) {
    return std::nullopt;
  }
  return value;
}

}  // namespace

size_t SizeOfLetter(char letter) {
  switch (letter) {
    case 'i':
    case 'U':
      return 1;
    case 'I':
      return 2;
    case 'l':
    case 'd':
      return 4;
    case 'L':
    case 'D':
      return 8;
    default:
      return 0;
  }
}

bool Document::Add(const Value& value) {
  if (values_.size() >= std::numeric_limits<Index>::max() ||
      !budget_->ChargeHeap(sizeof(Value) * 2)) {
    return false;
  }
  values_.push_back(value);
  values_.back().end = size();
  return true;
}

bytes::Bytes Document::Keep(std::string text) {
  if (!budget_->ChargeHeap(text.size() + sizeof(std::string))) return {};
  const std::string& kept = kept_.emplace_back(std::move(text));
  return {reinterpret_cast<const uint8_t*>(kept.data()), kept.size()};
}

std::string_view Document::Text(Index index) const { return AsText(values_[index].bytes); }

std::optional<Index> Document::Find(Index object, std::string_view key) const {
  if (!Is(object, Type::kObject)) return std::nullopt;
  for (Index i = First(object); i < at(object).end; i = Next(Next(i))) {
    if (Text(i) == key) return Next(i);
  }
  return std::nullopt;
}

bool Document::KeysAreDistinct(Index object) const {
  const Value& value = at(object);
  if (value.size <= kFewKeys) {
    for (Index i = First(object); i < value.end; i = Next(Next(i))) {
      for (Index j = Next(Next(i)); j < value.end; j = Next(Next(j))) {
        if (Text(i) == Text(j)) return false;
      }
    }
    return true;
  }
  absl::flat_hash_set<std::string_view> seen;
  seen.reserve(value.size);
  for (Index i = First(object); i < value.end; i = Next(Next(i))) {
    if (!seen.insert(Text(i)).second) return false;
  }
  return true;
}

std::optional<int64_t> Document::Int(Index index) const {
  const Value& value = at(index);
  if (value.type != Type::kNumber || value.letter == 'd' || value.letter == 'D') {
    return std::nullopt;
  }
  if (value.letter == 'U') return value.bytes[0];
  if (value.letter != 0) return Signed(BigEndian(value.bytes), value.bytes.size());
  const std::string_view digits = Text(index);
  int64_t number = 0;
  const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (result.ec != std::errc() || result.ptr != digits.data() + digits.size()) return std::nullopt;
  return number;
}

std::optional<double> Document::Double(Index index) const {
  const Value& value = at(index);
  if (value.type != Type::kNumber) return std::nullopt;
  if (value.letter == 0) return FromDigits<double>(Text(index));
  double number = 0;
  if (value.letter == 'D') {
    number = std::bit_cast<double>(BigEndian(value.bytes));
  } else if (value.letter == 'd') {
    number = std::bit_cast<float>(static_cast<uint32_t>(BigEndian(value.bytes)));
  } else {
    number = static_cast<double>(*Int(index));
  }
  return std::isfinite(number) ? std::optional<double>(number) : std::nullopt;
}

std::optional<float> Document::Float(Index index) const {
  const Value& value = at(index);
  // Not by way of a double: that would round twice.
  if (value.type == Type::kNumber && value.letter == 0) return FromDigits<float>(Text(index));
  const std::optional<double> number = Double(index);
  if (!number || std::abs(*number) > static_cast<double>(std::numeric_limits<float>::max())) {
    return std::nullopt;
  }
  return static_cast<float>(*number);
}

}  // namespace loadlock::document
