#include "server/observe/text.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace loadlock::observe {
namespace {

// Length of the valid UTF-8 sequence at the start of `text`, 0 if there is none. Rejects overlong
// forms, surrogates and what lies above U+10FFFF.
size_t Utf8Length(absl::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = byte(0);
  if (first < 0x80) return 1;
  size_t length = 0;
  uint32_t code = 0;
  uint32_t lowest = 0;
  if ((first & 0xE0) == 0xC0) {
    length = 2, code = first & 0x1FU, lowest = 0x80;
  } else if ((first & 0xF0) == 0xE0) {
    length = 3, code = first & 0x0FU, lowest = 0x800;
  } else if ((first & 0xF8) == 0xF0) {
    length = 4, code = first & 0x07U, lowest = 0x10000;
  } else {
    return 0;
  }
  if (text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
    code = (code << 6) | (byte(i) & 0x3FU);
  }
  const bool valid = code >= lowest && code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF);
  return valid ? length : 0;
}

// Characters beyond ASCII that steer terminals or hide text: C1 controls, bidi controls, line and
// paragraph separators, zero-width characters.
bool Invisible(absl::string_view character) {
  if (character.size() == 2) {
    return character[0] == '\xC2' && static_cast<uint8_t>(character[1]) < 0xA0;
  }
  if (character.size() == 3 && character[0] == '\xE2') {
    const uint8_t second = static_cast<uint8_t>(character[1]);
    const uint8_t third = static_cast<uint8_t>(character[2]);
    if (second == 0x80) return (third >= 0x8B && third <= 0x8F) || (third >= 0xA8 && third <= 0xAE);
    if (second == 0x81) return third >= 0xA0 && third <= 0xAF;
  }
  return character == "\xEF\xBB\xBF";
}

// One character of `text` (at least one byte), escaped where needed.
std::string Escaped(absl::string_view character, bool valid) {
  const uint8_t first = static_cast<uint8_t>(character[0]);
  if (valid && character.size() > 1 && !Invisible(character)) return std::string(character);
  if (character.size() == 1 && first >= 0x20 && first < 0x7F && first != '\\') {
    return std::string(character);
  }
  if (first == '\\') return "\\\\";
  std::string out;
  for (const char c : character) absl::StrAppendFormat(&out, "\\x%02x", static_cast<uint8_t>(c));
  return out;
}

}  // namespace

std::string Printable(absl::string_view text, size_t max_bytes) {
  constexpr absl::string_view kCut = "...";
  std::string out;
  size_t fits = 0;  // Bytes of `out` after which the mark of a cut still fits.
  while (!text.empty()) {
    const size_t length = Utf8Length(text);
    const absl::string_view character = text.substr(0, length == 0 ? 1 : length);
    const std::string piece = Escaped(character, length != 0);
    if (out.size() + piece.size() > max_bytes) {
      out.resize(fits);
      return out.append(kCut.data(), kCut.size());
    }
    out += piece;
    if (out.size() + kCut.size() <= max_bytes) fits = out.size();
    text.remove_prefix(character.size());
  }
  return out;
}

void AppendJsonString(absl::string_view text, std::string* out) {
  out->push_back('"');
  while (!text.empty()) {
    const size_t length = Utf8Length(text);
    const absl::string_view character = text.substr(0, length == 0 ? 1 : length);
    const uint8_t first = static_cast<uint8_t>(character[0]);
    if (length == 0) {
      out->append("\\ufffd");
    } else if (first == '"' || first == '\\') {
      out->push_back('\\');
      out->push_back(character[0]);
    } else if (first < 0x20 || first == 0x7F) {
      absl::StrAppendFormat(out, "\\u%04x", first);
    } else {
      out->append(character.data(), character.size());
    }
    text.remove_prefix(character.size());
  }
  out->push_back('"');
}

}  // namespace loadlock::observe
