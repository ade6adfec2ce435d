#include "sandbox/decoders/pickle/text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <string_view>

#include "sandbox/bytes/utf8.h"

namespace loadlock::pickle {
namespace {

using Line = absl::Span<const uint8_t>;

bool IsDigit(uint8_t c) { return c >= '0' && c <= '9'; }

int HexValue(uint8_t c) {
  if (IsDigit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Digits without a leading zero.
bool IsCanonicalDigits(Line text) {
  if (text.empty() || !std::all_of(text.begin(), text.end(), IsDigit)) return false;
  return text.size() == 1 || text[0] != '0';
}

// Reads exactly `count` hex digits at *i.
bool ReadHex(Line line, size_t count, size_t* i, uint32_t* out) {
  if (line.size() - *i < count) return false;
  uint32_t value = 0;
  for (size_t k = 0; k < count; ++k) {
    const int digit = HexValue(line[*i + k]);
    if (digit < 0) return false;
    value = value << 4 | static_cast<uint32_t>(digit);
  }
  *i += count;
  *out = value;
  return true;
}

// Skips digits; false if there is none.
bool SkipDigits(Line line, size_t* i) {
  const size_t start = *i;
  while (*i < line.size() && IsDigit(line[*i])) ++*i;
  return *i > start;
}

// The part of Python's float grammar that repr() uses.
bool IsFloatText(Line line) {
  size_t i = !line.empty() && line[0] == '-' ? 1 : 0;
  if (!SkipDigits(line, &i)) return false;
  if (i < line.size() && line[i] == '.') {
    ++i;
    SkipDigits(line, &i);
  }
  if (i < line.size() && line[i] == 'e') {
    ++i;
    if (i < line.size() && (line[i] == '+' || line[i] == '-')) ++i;
    if (!SkipDigits(line, &i)) return false;
  }
  return i == line.size();
}

// The escapes of repr() of a Python 2 str, and octal.
bool ReadEscape(Line body, size_t* i, std::string* out) {
  constexpr std::string_view kFrom = "\\'\"abfnrtv";
  constexpr std::string_view kTo = "\\'\"\a\b\f\n\r\t\v";
  if (*i == body.size()) return false;
  const uint8_t c = body[(*i)++];
  const size_t known = kFrom.find(static_cast<char>(c));
  if (known != std::string_view::npos) {
    out->push_back(kTo[known]);
    return true;
  }
  uint32_t value = 0;
  if (c == 'x') {
    if (!ReadHex(body, 2, i, &value)) return false;
  } else if (c >= '0' && c <= '7') {
    value = c - '0';
    for (int k = 0; k < 2 && *i < body.size() && body[*i] >= '0' && body[*i] <= '7'; ++k) {
      value = value << 3 | (body[(*i)++] - uint32_t{'0'});
    }
  } else {
    return false;
  }
  if (value >= 0x80) return false;
  out->push_back(static_cast<char>(value));
  return true;
}

void Negate(std::vector<uint8_t>* number) {
  uint32_t carry = 1;
  for (uint8_t& byte : *number) {
    carry += static_cast<uint8_t>(~byte);
    byte = static_cast<uint8_t>(carry);
    carry >>= 8;
  }
}

}  // namespace

bool ParseIndex(Line line, uint64_t max, uint64_t* out) {
  if (!IsCanonicalDigits(line)) return false;
  uint64_t value = 0;
  for (const uint8_t c : line) {
    const uint64_t digit = c - uint64_t{'0'};
    if (value > (max - std::min(digit, max)) / 10) return false;
    value = value * 10 + digit;
  }
  if (value > max) return false;
  *out = value;
  return true;
}

bool ParseDecimal(Line line, std::vector<uint8_t>* out) {
  const bool negative = !line.empty() && line[0] == '-';
  const Line digits = negative ? line.subspan(1) : line;
  if (digits.size() > kMaxDecimalDigits || !IsCanonicalDigits(digits)) return false;
  if (negative && digits[0] == '0') return false;  // C's INT reads "-0" as False
  // Nine digits and four bytes at a time: the square of the digits is what counts, and a file may
  // hold many of the longest numbers.
  constexpr size_t kDigits = 9;
  std::vector<uint32_t> limbs;
  for (size_t at = 0; at < digits.size();) {
    const size_t count = (digits.size() - at - 1) % kDigits + 1;
    uint64_t carry = 0;
    uint64_t factor = 1;
    for (const uint8_t c : digits.subspan(at, count)) {
      carry = carry * 10 + (c - uint64_t{'0'});
      factor *= 10;
    }
    for (uint32_t& limb : limbs) {
      carry += limb * factor;
      limb = static_cast<uint32_t>(carry);
      carry >>= 32;
    }
    if (carry != 0) limbs.push_back(static_cast<uint32_t>(carry));
    at += count;
  }
  std::vector<uint8_t> number;
  for (const uint32_t limb : limbs) {
    for (int shift = 0; shift < 32; shift += 8)
      number.push_back(static_cast<uint8_t>(limb >> shift));
  }
  while (!number.empty() && number.back() == 0) number.pop_back();
  number.push_back(0);  // sign
  if (negative) Negate(&number);
  *out = std::move(number);
  return true;
}

bool ParseFloat(Line line, double* out) {
  const std::string_view text(reinterpret_cast<const char*>(line.data()), line.size());
  if (text == "inf" || text == "-inf") {
    *out = std::copysign(std::numeric_limits<double>::infinity(), text[0] == '-' ? -1.0 : 1.0);
    return true;
  }
  if (text == "nan") {
    *out = std::numeric_limits<double>::quiet_NaN();
    return true;
  }
  if (!IsFloatText(line)) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *out);
  return error == std::errc() && end == text.data() + text.size();
}

bool ParseQuoted(Line line, std::string* out) {
  if (line.size() < 2 || (line[0] != '\'' && line[0] != '"') || line.back() != line[0]) {
    return false;
  }
  const Line body = line.subspan(1, line.size() - 2);
  out->clear();
  for (size_t i = 0; i < body.size();) {
    const uint8_t c = body[i++];
    if (c >= 0x80) return false;
    if (c != '\\') {
      out->push_back(static_cast<char>(c));
    } else if (!ReadEscape(body, &i, out)) {
      return false;
    }
  }
  return true;
}

bool ParseRawUnicode(Line line, std::string* out) {
  out->clear();
  for (size_t i = 0; i < line.size();) {
    const uint8_t c = line[i++];
    if (c != '\\') {
      bytes::AppendUtf8(c, out);
      continue;
    }
    if (i == line.size()) return false;  // a lone backslash at the end: readers differ by version
    const uint8_t next = line[i++];
    if (next != 'u' && next != 'U') {
      out->push_back('\\');
      bytes::AppendUtf8(next, out);
      continue;
    }
    uint32_t code_point = 0;
    if (!ReadHex(line, next == 'u' ? 4 : 8, &i, &code_point)) return false;
    if (code_point > 0x10FFFF || (code_point >= 0xD800 && code_point < 0xE000)) return false;
    bytes::AppendUtf8(code_point, out);
  }
  return true;
}

bool IsPlainName(Line line) {
  return !line.empty() && std::all_of(line.begin(), line.end(), [](uint8_t c) {
    return c > ' ' && c < 0x7F && c != '\\' && c != '\'' && c != '"';
  });
}

}  // namespace loadlock::pickle
