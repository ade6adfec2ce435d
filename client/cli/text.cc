#include "client/cli/text.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace loadlock::cli {
namespace {

struct Decoded {
  // -1: the first byte does not begin a valid sequence.
  int32_t code_point;
  size_t size;
};

// Decodes the first character; strict (no overlong forms, surrogates or values beyond
// U+10FFFF). `text` is not empty.
Decoded DecodeFirst(absl::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  constexpr Decoded kInvalid{-1, 1};
  const uint8_t first = byte(0);
  if (first < 0x80) return {first, 1};
  size_t size = 0;
  int32_t value = 0;
  if (first >= 0xC2 && first <= 0xDF) {
    size = 2;
    value = first & 0x1F;
  } else if (first >= 0xE0 && first <= 0xEF) {
    size = 3;
    value = first & 0x0F;
  } else if (first >= 0xF0 && first <= 0xF4) {
    size = 4;
    value = first & 0x07;
  } else {
    return kInvalid;
  }
  if (text.size() < size) return kInvalid;
  for (size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return kInvalid;
    value = value << 6 | (byte(i) & 0x3F);
  }
  constexpr std::array<int32_t, 5> kLeast = {0, 0, 0x80, 0x800, 0x10000};
  if (value < kLeast[size] || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) {
    return kInvalid;
  }
  return {value, size};
}

struct Range {
  int32_t first;
  int32_t last;
};

// Blocks of visible, left-to-right, non-combining characters.
constexpr Range kPlain[] = {
    {0x20, 0x7E},      // ASCII
    {0xA1, 0xAC},      // Latin-1 signs, without the soft hyphen U+00AD
    {0xAE, 0x24F},     // Latin
    {0x391, 0x3CE},    // Greek
    {0x400, 0x481},    // Cyrillic, without its combining signs
    {0x48A, 0x52F},    // Cyrillic
    {0x2010, 0x2015},  // dashes
    {0x2018, 0x201F},  // quotation marks
    {0x3041, 0x3096},  // Hiragana
    {0x30A1, 0x30FA},  // Katakana
    {0x3400, 0x4DBF},  // CJK
    {0x4E00, 0x9FFF},  // CJK
    {0xAC00, 0xD7A3},  // Hangul
};

bool IsPlain(int32_t code_point) {
  return std::any_of(std::begin(kPlain), std::end(kPlain), [code_point](const Range& range) {
    return code_point >= range.first && code_point <= range.last;
  });
}

}  // namespace

std::string Printable(absl::string_view text, size_t max_columns) {
  std::string out;
  size_t columns = 0;
  while (!text.empty()) {
    const Decoded next = DecodeFirst(text);
    std::string piece;
    if (next.code_point < 0) {
      piece = absl::StrFormat("\\x%02x", static_cast<uint8_t>(text[0]));
    } else if (IsPlain(next.code_point)) {
      piece = std::string(text.substr(0, next.size));
    } else if (next.code_point < 0x80) {
      piece = absl::StrFormat("\\x%02x", next.code_point);
    } else {
      piece = absl::StrFormat("\\u{%x}", next.code_point);
    }
    columns += IsPlain(next.code_point) ? 1 : piece.size();
    if (columns > max_columns) return absl::StrCat(out, "...");
    out += piece;
    text.remove_prefix(next.size);
  }
  return out;
}

bool IsUtf8(absl::string_view text) {
  while (!text.empty()) {
    const Decoded next = DecodeFirst(text);
    if (next.code_point < 0) return false;
    text.remove_prefix(next.size);
  }
  return true;
}

std::string AsciiJson(absl::string_view json) {
  std::string out;
  out.reserve(json.size());
  while (!json.empty()) {
    const Decoded next = DecodeFirst(json);
    if (next.code_point < 0) {
      out += "\\ufffd";
    } else if (next.code_point < 0x7F) {
      out.push_back(json[0]);
    } else if (next.code_point < 0x10000) {
      absl::StrAppendFormat(&out, "\\u%04x", next.code_point);
    } else {
      const int32_t offset = next.code_point - 0x10000;
      absl::StrAppendFormat(&out, "\\u%04x\\u%04x", 0xD800 + (offset >> 10),
                            0xDC00 + (offset & 0x3FF));
    }
    json.remove_prefix(next.size);
  }
  return out;
}

std::string HumanBytes(uint64_t bytes) {
  if (bytes < 1000) return absl::StrCat(bytes, " B");
  constexpr absl::string_view kUnits[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
  double value = static_cast<double>(bytes) / 1000;
  size_t unit = 0;
  while (value >= 999.95 && unit + 1 < std::size(kUnits)) {
    value /= 1000;
    ++unit;
  }
  return absl::StrFormat("%.1f %s", value, kUnits[unit]);
}

absl::Status SystemError(int error) {
  return {absl::ErrnoToStatusCode(error), std::generic_category().message(error)};
}

std::string Count(uint64_t count, absl::string_view singular) {
  return absl::StrCat(count, " ", singular, count == 1 ? "" : "s");
}

std::string Style::Wrap(absl::string_view code, absl::string_view text) const {
  if (!colored_) return std::string(text);
  return absl::StrCat("\x1b[", code, "m", text, "\x1b[0m");
}

}  // namespace loadlock::cli
