#include "sandbox/bytes/utf8.h"

#include <cstddef>
#include <cstring>

namespace loadlock::bytes {
namespace {

// Length of the run of ASCII that begins at `start`.
size_t AsciiRun(const uint8_t* start, size_t size) {
  size_t i = 0;
  for (; i + 8 <= size; i += 8) {
    uint64_t word = 0;
    std::memcpy(&word, start + i, sizeof(word));
    if ((word & 0x8080808080808080) != 0) break;
  }
  while (i < size && start[i] < 0x80) ++i;
  return i;
}

bool Continuation(uint8_t byte) { return (byte & 0xC0) == 0x80; }

// Length of the multi-byte sequence at `s`, 0 if it is not valid (Unicode 15, table 3-7).
size_t SequenceLength(const uint8_t* s, size_t left) {
  const uint8_t lead = s[0];
  if (lead >= 0xC2 && lead <= 0xDF) return left >= 2 && Continuation(s[1]) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    if (left < 3 || !Continuation(s[1]) || !Continuation(s[2])) return 0;
    if (lead == 0xE0 && s[1] < 0xA0) return 0;  // overlong
    if (lead == 0xED && s[1] > 0x9F) return 0;  // surrogate
    return 3;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    if (left < 4 || !Continuation(s[1]) || !Continuation(s[2]) || !Continuation(s[3])) return 0;
    if (lead == 0xF0 && s[1] < 0x90) return 0;  // overlong
    if (lead == 0xF4 && s[1] > 0x8F) return 0;  // beyond U+10FFFF
    return 4;
  }
  return 0;
}

}  // namespace

bool ValidUtf8(absl::Span<const uint8_t> text) {
  const uint8_t* data = text.data();
  const size_t size = text.size();
  size_t i = 0;
  while (true) {
    i += AsciiRun(data + i, size - i);
    if (i == size) return true;
    const size_t length = SequenceLength(data + i, size - i);
    if (length == 0) return false;
    i += length;
  }
}

void AppendUtf8(uint32_t code_point, std::string* out) {
  const auto put = [out](uint32_t byte) { out->push_back(static_cast<char>(byte)); };
  if (code_point < 0x80) {
    put(code_point);
  } else if (code_point < 0x800) {
    put(0xC0 | code_point >> 6);
    put(0x80 | (code_point & 0x3F));
  } else if (code_point < 0x10000) {
    put(0xE0 | code_point >> 12);
    put(0x80 | (code_point >> 6 & 0x3F));
    put(0x80 | (code_point & 0x3F));
  } else {
    put(0xF0 | code_point >> 18);
    put(0x80 | (code_point >> 12 & 0x3F));
    put(0x80 | (code_point >> 6 & 0x3F));
    put(0x80 | (code_point & 0x3F));
  }
}

bool Utf8ToLatin1(absl::Span<const uint8_t> text, std::string* out) {
  out->clear();
  out->reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    const uint8_t lead = text[i];
    if (lead < 0x80) {
      out->push_back(static_cast<char>(lead));
      ++i;
    } else if ((lead == 0xC2 || lead == 0xC3) && i + 1 < text.size()) {
      out->push_back(static_cast<char>((lead & 0x03) << 6 | (text[i + 1] & 0x3F)));
      i += 2;
    } else {
      return false;
    }
  }
  return true;
}

}  // namespace loadlock::bytes
