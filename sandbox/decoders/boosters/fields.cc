#include "sandbox/decoders/boosters/fields.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <limits>
#include <type_traits>

#include "sandbox/bytes/text.h"

namespace loadlock::boosters {
namespace {

using document::Type;
using document::Value;

bool Contains(std::initializer_list<std::string_view> keys, std::string_view key) {
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

uint32_t BigEndian32(const uint8_t* raw) {
  uint32_t bits = 0;
  std::memcpy(&bits, raw, sizeof(bits));
  return __builtin_bswap32(bits);
}

uint64_t BigEndian64(const uint8_t* raw) {
  uint64_t bits = 0;
  std::memcpy(&bits, raw, sizeof(bits));
  return __builtin_bswap64(bits);
}

}  // namespace

std::optional<int64_t> ParseInt(std::string_view text, int64_t low, int64_t high) {
  std::string_view digits = text;
  if (!digits.empty() && digits[0] == '-') digits.remove_prefix(1);
  const bool plain =
      !digits.empty() && (digits[0] != '0' || digits.size() == 1) &&
      std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
  int64_t value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (!plain || result.ec != std::errc() || value < low || value > high) return std::nullopt;
  return value;
}

bool Fields::Fail(std::string_view message) {
  if (refusal_) return false;
  if (budget_->exhausted() != bytes::Budget::Limit::kNone) {
    refusal_ = graph::Refuse(budget_->exhausted_rule(),
                             bytes::Concat({what_, ": it costs more than the request may use"}));
  } else {
    refusal_ = graph::Refuse("MALFORMED", bytes::Concat({what_, ": ", message}));
  }
  return false;
}

bool Fields::CheckKeys(Index object, std::string_view name,
                       std::initializer_list<std::string_view> required,
                       std::initializer_list<std::string_view> optional) {
  if (!doc_.Is(object, Type::kObject)) return Fail(bytes::Concat({name, " is no object"}));
  size_t found = 0;
  for (Index i = doc_.First(object); i < doc_.at(object).end; i = doc_.Next(doc_.Next(i))) {
    const std::string_view key = doc_.Text(i);
    if (Contains(required, key)) {
      ++found;
    } else if (!Contains(optional, key)) {
      return Fail(bytes::Concat(
          {name, " has the key '", graph::Quote(key), "', which loadlock does not know"}));
    }
  }
  // No key stands twice: the document saw to it.
  return found == required.size() || Fail(bytes::Concat({name, " lacks a key"}));
}

bool Fields::ReadText(Index value, std::string_view name, std::string_view* out) {
  if (!doc_.Is(value, Type::kText)) return Fail(bytes::Concat({name, " is no string"}));
  *out = doc_.Text(value);
  return true;
}

bool Fields::ReadTexts(Index value, std::string_view name, std::vector<std::string_view>* out) {
  const Value& array = doc_.at(value);
  if (array.type == Type::kTyped && array.size == 0) return true;
  if (array.type != Type::kArray) return Fail(bytes::Concat({name, " is no array"}));
  if (!budget_->ChargeHeap(uint64_t{array.size} * sizeof(std::string_view))) return Fail("");
  for (Index i = doc_.First(value); i < array.end; i = doc_.Next(i)) {
    std::string_view text;
    if (!ReadText(i, name, &text)) return false;
    out->push_back(text);
  }
  return true;
}

bool Fields::ReadParameter(Index object, std::string_view key, int64_t low, int64_t high,
                           int64_t* out) {
  const std::optional<Index> found = doc_.Find(object, key);
  std::string_view text;
  if (!found || !ReadText(*found, key, &text)) return Fail(bytes::Concat({key, " is missing"}));
  const std::optional<int64_t> number = ParseInt(text, low, high);
  if (!number) return Fail(bytes::Concat({key, " is no integer, or out of range"}));
  *out = *number;
  return true;
}

bool Fields::ReadNumber(Index value, std::string_view name, int64_t low, int64_t high,
                        int64_t* out) {
  const std::optional<int64_t> number = doc_.Int(value);
  if (!number || *number < low || *number > high) {
    return Fail(bytes::Concat({name, " is no integer, or out of range"}));
  }
  *out = *number;
  return true;
}

template <typename T>
bool Fields::AppendTyped(const Value& value, std::string_view name, std::vector<T>* out) {
  const uint8_t* raw = value.bytes.data();
  const size_t size = document::SizeOfLetter(value.letter);
  if constexpr (std::is_same_v<T, float>) {
    if (value.letter != 'd') return Fail(bytes::Concat({name, " is no array of float32"}));
    for (uint32_t i = 0; i < value.size; ++i) {
      out->push_back(std::bit_cast<float>(BigEndian32(raw + i * size)));
    }
    return true;
  }
  for (uint32_t i = 0; i < value.size; ++i) {
    const uint8_t* item = raw + i * size;
    int64_t number = 0;
    switch (value.letter) {
      case 'U':
        number = *item;
        break;
      case 'i':
        number = *item < 0x80 ? *item : *item - 0x100;
        break;
      case 'l':
        number = static_cast<int32_t>(BigEndian32(item));
        break;
      case 'L':
        number = static_cast<int64_t>(BigEndian64(item));
        break;
      default:
        return Fail(bytes::Concat({name, " is no array of integers"}));
    }
    if (number < std::numeric_limits<T>::min() || number > std::numeric_limits<T>::max()) {
      return Fail(bytes::Concat({name, " holds an integer that is out of range"}));
    }
    out->push_back(static_cast<T>(number));
  }
  return true;
}

template <typename T>
bool Fields::AppendNumbers(Index value, std::string_view name, std::vector<T>* out) {
  const Value& array = doc_.at(value);
  if (!budget_->ChargeHeap(uint64_t{array.size} * 2 * sizeof(T))) return Fail("");
  if (array.type == Type::kTyped) return AppendTyped(array, name, out);
  if (array.type != Type::kArray) return Fail(bytes::Concat({name, " is no array"}));
  for (Index i = doc_.First(value); i < array.end; i = doc_.Next(i)) {
    if constexpr (std::is_same_v<T, float>) {
      const std::optional<float> number = doc_.Float(i);
      if (!number) return Fail(bytes::Concat({name, " holds something else than finite numbers"}));
      out->push_back(*number);
    } else {
      std::optional<int64_t> number = doc_.Int(i);
      if (doc_.Is(i, Type::kFalse)) number = 0;
      if (doc_.Is(i, Type::kTrue)) number = 1;
      if (!number || *number < std::numeric_limits<T>::min() ||
          *number > std::numeric_limits<T>::max()) {
        return Fail(bytes::Concat({name, " holds something else than integers in range"}));
      }
      out->push_back(static_cast<T>(*number));
    }
  }
  return true;
}

template bool Fields::AppendNumbers(Index, std::string_view, std::vector<uint8_t>*);
template bool Fields::AppendNumbers(Index, std::string_view, std::vector<int32_t>*);
template bool Fields::AppendNumbers(Index, std::string_view, std::vector<float>*);

}  // namespace loadlock::boosters
