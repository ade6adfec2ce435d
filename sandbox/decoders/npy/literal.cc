#include "sandbox/decoders/npy/literal.h"

#include <cstring>

#include "sandbox/bytes/checked.h"
#include "sandbox/bytes/utf8.h"

namespace loadlock::npy {
namespace {

bool IsDigit(uint8_t byte) { return byte >= '0' && byte <= '9'; }

bool HexDigit(uint8_t byte, uint32_t* out) {
  if (IsDigit(byte)) {
    *out = byte - uint32_t{'0'};
  } else if (byte >= 'a' && byte <= 'f') {
    *out = byte - uint32_t{'a'} + 10;
  } else {
    return false;  // repr() writes small letters
  }
  return true;
}

// Digits of the escapes that end in a code point; 0 if it is another letter.
int HexDigits(uint8_t letter) {
  switch (letter) {
    case 'x':
      return 2;
    case 'u':
      return 4;
    case 'U':
      return 8;
    default:
      return 0;
  }
}

}  // namespace

void LiteralReader::SkipSpaces() {
  uint8_t byte = 0;
  while (cursor_.Peek(&byte) && byte == ' ') (void)cursor_.Skip(1);
}

uint64_t LiteralReader::offset() {
  SkipSpaces();
  return cursor_.offset();
}

bool LiteralReader::Next(char mark) {
  SkipSpaces();
  uint8_t byte = 0;
  return cursor_.Peek(&byte) && byte == static_cast<uint8_t>(mark);
}

bool LiteralReader::Accept(char mark) { return Next(mark) && cursor_.Skip(1); }

bool LiteralReader::ReadEscape(std::string* out) {
  uint8_t letter = 0;
  if (!cursor_.ReadU8(&letter)) return false;
  switch (letter) {
    case '\\':
    case '\'':
    case '"':
      out->push_back(static_cast<char>(letter));
      return true;
    case 'n':
      out->push_back('\n');
      return true;
    case 'r':
      out->push_back('\r');
      return true;
    case 't':
      out->push_back('\t');
      return true;
    default:
      break;
  }
  const int digits = HexDigits(letter);
  uint32_t code_point = 0;
  for (int i = 0; i < digits; ++i) {
    uint8_t byte = 0;
    uint32_t digit = 0;
    if (!cursor_.ReadU8(&byte) || !HexDigit(byte, &digit)) return false;
    code_point = code_point << 4 | digit;
  }
  if (digits == 0 || code_point > 0x10FFFF || (code_point >= 0xD800 && code_point <= 0xDFFF)) {
    return false;
  }
  bytes::AppendUtf8(code_point, out);
  return true;
}

bool LiteralReader::ReadString(std::string* out) {
  SkipSpaces();
  const bytes::Cursor start = cursor_;
  uint8_t quote = 0;
  std::string text;
  bool whole = cursor_.ReadU8(&quote) && (quote == '\'' || quote == '"');
  while (whole) {
    uint8_t byte = 0;
    whole = cursor_.ReadU8(&byte) && byte >= ' ';
    if (!whole) break;
    if (byte == quote) {
      *out = std::move(text);
      return true;
    }
    if (byte == '\\') {
      whole = ReadEscape(&text);
    } else if (encoding_ == Encoding::kLatin1) {
      bytes::AppendUtf8(byte, &text);
    } else {
      text.push_back(static_cast<char>(byte));
    }
  }
  cursor_ = start;
  return false;
}

bool LiteralReader::ReadInt(int64_t* out) {
  SkipSpaces();
  bytes::Cursor ahead = cursor_;
  uint8_t byte = 0;
  if (!ahead.ReadU8(&byte) || !IsDigit(byte)) return false;
  const bool zero = byte == '0';
  int64_t value = byte - '0';
  while (ahead.Peek(&byte) && IsDigit(byte)) {
    if (zero || !bytes::CheckedMul(value, 10, &value) ||
        !bytes::CheckedAdd(value, byte - '0', &value) || !ahead.Skip(1)) {
      return false;
    }
  }
  cursor_ = ahead;
  *out = value;
  return true;
}

bool LiteralReader::AcceptWord(const char* word) {
  SkipSpaces();
  bytes::Cursor ahead = cursor_;
  bytes::Bytes text;
  if (!ahead.Read(std::strlen(word), &text) || std::memcmp(text.data(), word, text.size()) != 0) {
    return false;
  }
  cursor_ = ahead;
  return true;
}

bool LiteralReader::ReadBool(bool* out) {
  if (AcceptWord("True")) {
    *out = true;
    return true;
  }
  if (AcceptWord("False")) {
    *out = false;
    return true;
  }
  return false;
}

bool LiteralReader::AcceptPaddingToEnd() {
  SkipSpaces();
  uint8_t byte = 0;
  return cursor_.remaining() == 1 && cursor_.ReadU8(&byte) && byte == '\n';
}

}  // namespace loadlock::npy
