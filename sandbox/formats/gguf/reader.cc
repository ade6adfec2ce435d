#include "sandbox/formats/gguf/reader.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sandbox/bytes/utf8.h"
#include "sandbox/decoders/numpy/lowering.h"

namespace loadlock::gguf {
namespace {

using graph::NodeId;

// llama.cpp reads no array of arrays at all, and no writer makes any deeper than two.
constexpr size_t kMaxDepth = 8;
// The least that an element of an array takes: the length of a string, or type and length of an
// array. A count that cannot be true costs nothing.
constexpr uint64_t kStringBytes = 8;
constexpr uint64_t kArrayBytes = 12;

std::string_view AsText(bytes::Bytes raw) {
  return {reinterpret_cast<const char*>(raw.data()), raw.size()};
}

template <typename To, typename From>
int64_t SignExtended(From raw) {
  return static_cast<int64_t>(static_cast<To>(raw));
}

}  // namespace

bool Reader::ReadU32(uint32_t* out) {
  if (!in.ReadLe32(out)) return false;
  if (big) *out = __builtin_bswap32(*out);
  return true;
}

bool Reader::ReadU64(uint64_t* out) { return big ? in.ReadBe64(out) : in.ReadLe64(out); }

NodeId Reader::NumberArray(const char* typestr, std::vector<int64_t> shape, uint64_t begin,
                           uint64_t length) {
  graph::ArrayInfo info;
  info.dtype = builder.Dtype(typestr);
  graph::Buffer data = input.Range(begin, length);
  const uint64_t unit = numpy::ItemSize(builder, info.dtype);
  if (big && unit > 1 && length > 0) {
    const bytes::Bytes swapped = std::exchange(data.data, {});
    data.source = v1::BUFFER_SOURCE_DECODED;
    if (!numpy::AppendSwapped(input.decoded, swapped, unit, &data.offset)) {
      Fail("BUDGET_DECODED", "numbers in big-endian order are more than can be decoded", begin);
      return graph::kNoNode;
    }
  }
  info.shape = std::move(shape);
  info.buffer = builder.AddBuffer(data);
  return builder.Array(std::move(info));
}

bool Reader::ReadString(std::string_view* out) {
  const uint64_t at = in.offset();
  uint64_t length = 0;
  bytes::Bytes raw;
  if (!ReadU64(&length) || !in.Read(length, &raw)) return Truncated();
  if (!bytes::ValidUtf8(raw)) return Fail("MALFORMED", "a text is not UTF-8", at);
  *out = AsText(raw);
  return true;
}

bool Reader::ReadValue(ValueType type, NodeId* out) {
  builder.SetOrigin(in.offset(), 0);
  if (const NumberType* number = FindNumberType(type)) return ReadNumber(*number, out);
  if (type == ValueType::kArray) return ReadArray(out);
  if (type != ValueType::kString) {
    return Fail("MALFORMED",
                absl::StrCat("there is no type ", static_cast<uint32_t>(type), " of values"),
                in.offset());
  }
  const uint64_t at = in.offset();
  std::string_view text;
  if (!ReadString(&text)) return false;
  // The library hands texts on as they are in C, up to the first NUL.
  if (text.find('\0') != text.npos) return Fail("MALFORMED", "a text holds a NUL", at);
  *out = builder.Str(text);
  return Affordable();
}

bool Reader::ReadNumber(const NumberType& number, NodeId* out) {
  const uint64_t at = in.offset();
  bytes::Bytes bytes;
  if (!in.Read(number.bytes, &bytes)) return Truncated();
  uint64_t raw = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    raw = raw << 8 | bytes[big ? i : bytes.size() - 1 - i];
  }
  switch (number.type) {
    case ValueType::kBool:
      if (raw > 1) return Fail("MALFORMED", "a truth value is neither 0 nor 1", at);
      *out = builder.Bool(raw == 1);
      break;
    case ValueType::kF32:
      *out = builder.Float(std::bit_cast<float>(static_cast<uint32_t>(raw)));
      break;
    case ValueType::kF64:
      *out = builder.Float(std::bit_cast<double>(raw));
      break;
    case ValueType::kI8:
      *out = builder.Int(SignExtended<int8_t>(raw));
      break;
    case ValueType::kI16:
      *out = builder.Int(SignExtended<int16_t>(raw));
      break;
    case ValueType::kI32:
      *out = builder.Int(SignExtended<int32_t>(raw));
      break;
    case ValueType::kU64: {
      // One byte more than the number has, so that its highest bit is no sign.
      std::array<char, 9> wide = {};
      std::memcpy(wide.data(), &raw, sizeof(raw));
      const std::string_view kept = builder.Keep({wide.data(), wide.size()});
      *out = builder.IntFromBytes({reinterpret_cast<const uint8_t*>(kept.data()), kept.size()});
      break;
    }
    default:
      *out = builder.Int(static_cast<int64_t>(raw));
  }
  return Affordable();
}

bool Reader::ReadArray(NodeId* out) {
  struct Open {
    NodeId list;
    uint64_t left;
  };
  std::vector<Open> open;
  do {
    NodeId array = graph::kNoNode;
    uint64_t nested = 0;
    if (!ReadFlatArray(open.size(), &array, &nested)) return false;
    if (open.empty()) {
      *out = array;
    } else {
      builder.Extend(open.back().list, {array});
      --open.back().left;
    }
    if (!Affordable()) return false;
    if (nested > 0) open.push_back({array, nested});
    while (!open.empty() && open.back().left == 0) open.pop_back();
  } while (!open.empty());
  return true;
}

bool Reader::ReadFlatArray(size_t depth, NodeId* out, uint64_t* nested) {
  const uint64_t at = in.offset();
  builder.SetOrigin(at, 0);
  if (depth >= kMaxDepth) {
    return Fail("BUDGET_DEPTH", absl::StrCat("arrays are nested deeper than ", kMaxDepth), at);
  }
  uint32_t type = 0;
  uint64_t count = 0;
  if (!ReadU32(&type) || !ReadU64(&count)) return Truncated();
  if (const NumberType* number = FindNumberType(static_cast<ValueType>(type))) {
    return ReadNumbers(*number, count, out);
  }
  const bool strings = type == static_cast<uint32_t>(ValueType::kString);
  if (!strings && type != static_cast<uint32_t>(ValueType::kArray)) {
    return Fail("MALFORMED", absl::StrCat("there is no type ", type, " of values"), at);
  }
  if (count > in.remaining() / (strings ? kStringBytes : kArrayBytes)) {
    return Fail("TRUNCATED", absl::StrCat("an array of ", count, " is longer than the file"), at);
  }
  *out = builder.List();
  if (strings) return ReadStrings(count, *out);
  *nested = count;
  return Affordable();
}

bool Reader::ReadNumbers(const NumberType& number, uint64_t count, NodeId* out) {
  const uint64_t at = in.offset();
  bytes::Bytes values;
  if (count > in.remaining() / number.bytes || !in.Read(count * number.bytes, &values)) {
    return Fail("TRUNCATED", absl::StrCat("an array of ", count, " is longer than the file"), at);
  }
  if (number.type == ValueType::kBool &&
      std::any_of(values.begin(), values.end(), [](uint8_t value) { return value > 1; })) {
    return Fail("MALFORMED", "a truth value is neither 0 nor 1", at);
  }
  *out = NumberArray(number.typestr, {static_cast<int64_t>(count)}, at, values.size());
  return !refusal && Affordable();
}

// A vocabulary may have an entry that is a NUL; all others are texts without one.
bool Reader::ReadStrings(uint64_t count, NodeId list) {
  for (uint64_t i = 0; i < count; ++i) {
    std::string_view text;
    if (!ReadString(&text)) return false;
    builder.Extend(list, {builder.Str(text)});
    if (!Affordable()) return false;
  }
  return true;
}

}  // namespace loadlock::gguf
