#include <bit>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sandbox/bytes/utf8.h"
#include "sandbox/decoders/pickle/machine.h"
#include "sandbox/decoders/pickle/text.h"
#include "sandbox/graph/encoder.h"

namespace loadlock::pickle {
namespace {

// Real models hold ints of at most 128 bits (random state). Arithmetic on huge ints is
// quadratic in every consumer, and a graph carries none that is longer than a blob.
constexpr uint64_t kMaxLongBytes = graph::kMaxBlobBytes;

// Longest text of a protocol 0 string. The line is scanned once and copied.
constexpr size_t kMaxTextLine = size_t{1} << 30;

std::string_view AsText(bytes::Bytes raw) {
  return {reinterpret_cast<const char*>(raw.data()), raw.size()};
}

bool IsAscii(bytes::Bytes raw) {
  for (const uint8_t byte : raw) {
    if (byte >= 0x80) return false;
  }
  return true;
}

}  // namespace

bool Machine::OpNone() {
  Push(b_.None());
  return true;
}

bool Machine::OpTrue() {
  Push(b_.Bool(true));
  return true;
}

bool Machine::OpFalse() {
  Push(b_.Bool(false));
  return true;
}

bool Machine::PushDecimal(Bytes digits) {
  std::vector<uint8_t> number;
  if (!ParseDecimal(digits, &number)) return Fail("MALFORMED", "bad decimal number");
  const std::string_view kept =
      b_.Keep({reinterpret_cast<const char*>(number.data()), number.size()});
  Push(b_.IntFromBytes({reinterpret_cast<const uint8_t*>(kept.data()), kept.size()}));
  return true;
}

bool Machine::OpInt() {
  Bytes line;
  if (!ReadLine(kMaxDecimalDigits + 1, &line)) return false;
  const std::string_view text = AsText(line);
  if (text == "00" || text == "01") {
    Push(b_.Bool(text == "01"));
    return true;
  }
  return PushDecimal(line);
}

bool Machine::OpLong() {
  Bytes line;
  if (!ReadLine(kMaxDecimalDigits + 2, &line)) return false;
  if (!line.empty() && line.back() == 'L') line.remove_suffix(1);
  return PushDecimal(line);
}

bool Machine::OpBinInt() {
  uint32_t value = 0;
  if (!in_.ReadLe32(&value)) return Truncated();
  Push(b_.Int(static_cast<int32_t>(value)));
  return true;
}

bool Machine::OpBinInt1() {
  uint8_t value = 0;
  if (!in_.ReadU8(&value)) return Truncated();
  Push(b_.Int(value));
  return true;
}

bool Machine::OpBinInt2() {
  uint16_t value = 0;
  if (!in_.ReadLe16(&value)) return Truncated();
  Push(b_.Int(value));
  return true;
}

bool Machine::PushLong(uint64_t size) {
  Bytes raw;
  if (size > kMaxLongBytes) {
    return Fail("MALFORMED",
                absl::StrCat("an int of ", size, " bytes (at most ", kMaxLongBytes, ")"));
  }
  if (!in_.Read(size, &raw)) return Truncated();
  Push(b_.IntFromBytes(raw));
  return true;
}

bool Machine::OpLong1() {
  uint8_t size = 0;
  return in_.ReadU8(&size) ? PushLong(size) : Truncated();
}

bool Machine::OpLong4() {
  uint32_t size = 0;
  if (!in_.ReadLe32(&size)) return Truncated();
  if (size > INT32_MAX) return Fail("MALFORMED", "an int has a negative size");
  return PushLong(size);
}

bool Machine::OpFloat() {
  Bytes line;
  double value = 0;
  if (!ReadLine(kMaxDecimalDigits, &line)) return false;
  if (!ParseFloat(line, &value)) return Fail("MALFORMED", "bad decimal float");
  Push(b_.Float(value));
  return true;
}

bool Machine::OpBinFloat() {
  uint64_t bits = 0;
  if (!in_.ReadBe64(&bits)) return Truncated();
  Push(b_.Float(std::bit_cast<double>(bits)));
  return true;
}

// The string opcodes of Python 2 are read with encoding ASCII, CPython's and joblib's default.
bool Machine::OpString() {
  Bytes line;
  std::string text;
  if (!ReadLine(kMaxTextLine, &line)) return false;
  if (!ParseQuoted(line, &text)) return Fail("MALFORMED", "bad quoted ASCII string");
  Push(b_.Str(b_.Keep(text)));
  return true;
}

bool Machine::PushAscii(uint64_t size) {
  Bytes raw;
  if (!in_.Read(size, &raw)) return Truncated();
  if (!IsAscii(raw)) return Fail("MALFORMED", "a Python 2 string is not ASCII");
  Push(b_.Str(AsText(raw)));
  return true;
}

bool Machine::OpBinString() {
  uint32_t size = 0;
  if (!in_.ReadLe32(&size)) return Truncated();
  if (size > INT32_MAX) return Fail("MALFORMED", "a string has a negative size");
  return PushAscii(size);
}

bool Machine::OpShortBinString() {
  uint8_t size = 0;
  return in_.ReadU8(&size) ? PushAscii(size) : Truncated();
}

bool Machine::OpUnicode() {
  Bytes line;
  std::string text;
  if (!ReadLine(kMaxTextLine, &line)) return false;
  if (!ParseRawUnicode(line, &text)) {
    return Fail("MALFORMED", "bad escape, or a surrogate, in a UNICODE string");
  }
  Push(b_.Str(b_.Keep(text)));
  return true;
}

bool Machine::PushUtf8(uint64_t size) {
  Bytes raw;
  if (!in_.Read(size, &raw)) return Truncated();
  if (size > UINT32_MAX) return Fail("MALFORMED", "a string is longer than 4 GiB");
  if (!bytes::ValidUtf8(raw)) {
    return Fail("MALFORMED", "a string is not valid UTF-8 (surrogates are not accepted)");
  }
  Push(b_.Str(AsText(raw)));
  return true;
}

bool Machine::OpBinUnicode() {
  uint32_t size = 0;
  return in_.ReadLe32(&size) ? PushUtf8(size) : Truncated();
}

bool Machine::OpShortBinUnicode() {
  uint8_t size = 0;
  return in_.ReadU8(&size) ? PushUtf8(size) : Truncated();
}

bool Machine::OpBinUnicode8() {
  uint64_t size = 0;
  return in_.ReadLe64(&size) ? PushUtf8(size) : Truncated();
}

bool Machine::ReadBuffer(uint64_t size, graph::Buffer* out) {
  const uint64_t start = in_.position();
  Bytes raw;
  if (!in_.Read(size, &raw)) return Truncated();
  *out = {.source = stream_.source,
          .offset = stream_.offset + start,
          .data = raw,
          .length = raw.size()};
  return true;
}

bool Machine::PushBytes(uint64_t size) {
  graph::Buffer buffer;
  if (!ReadBuffer(size, &buffer)) return false;
  Push(b_.Bytes(buffer));
  return true;
}

bool Machine::OpBinBytes() {
  uint32_t size = 0;
  return in_.ReadLe32(&size) ? PushBytes(size) : Truncated();
}

bool Machine::OpShortBinBytes() {
  uint8_t size = 0;
  return in_.ReadU8(&size) ? PushBytes(size) : Truncated();
}

bool Machine::OpBinBytes8() {
  uint64_t size = 0;
  return in_.ReadLe64(&size) ? PushBytes(size) : Truncated();
}

bool Machine::OpByteArray8() {
  uint64_t size = 0;
  if (!in_.ReadLe64(&size)) return Truncated();
  graph::Buffer buffer;
  if (!ReadBuffer(size, &buffer)) return false;
  Push(b_.ByteArray(buffer));
  return true;
}

}  // namespace loadlock::pickle
