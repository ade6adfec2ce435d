#include "sandbox/decoders/json/scan.h"

#include <algorithm>
#include <charconv>
#include <system_error>

#include "absl/strings/charconv.h"
#include "sandbox/bytes/utf8.h"

namespace loadlock::json {
namespace {

constexpr Problem kTruncated = {"TRUNCATED", "the text ends inside of a value"};

Problem Malformed(const char* what) { return {"MALFORMED", what}; }

std::string_view AsText(Bytes raw) {
  return {reinterpret_cast<const char*>(raw.data()), raw.size()};
}

// Bytes of a string that stand for themselves.
size_t PlainRun(Bytes rest) {
  const auto* end = std::find_if(rest.begin(), rest.end(), [](uint8_t byte) {
    return byte < 0x20 || byte == '"' || byte == '\\';
  });
  return static_cast<size_t>(end - rest.begin());
}

// Four hexadecimal digits.
Problem ReadUnit(bytes::Cursor* in, uint32_t* out) {
  *out = 0;
  for (int i = 0; i < 4; ++i) {
    uint8_t c = 0;
    if (!in->Peek(&c)) return kTruncated;
    uint32_t digit = 0;
    if (c >= '0' && c <= '9') {
      digit = c - '0';
    } else if (c >= 'a' && c <= 'f') {
      digit = c - 'a' + 10;
    } else if (c >= 'A' && c <= 'F') {
      digit = c - 'A' + 10;
    } else {
      return Malformed("an escape in a string is not four hexadecimal digits");
    }
    *out = *out << 4 | digit;
    (void)in->Skip(1);
  }
  return {};
}

bool IsHighSurrogate(uint32_t unit) { return unit >= 0xD800 && unit <= 0xDBFF; }
bool IsLowSurrogate(uint32_t unit) { return unit >= 0xDC00 && unit <= 0xDFFF; }

// Behind "\u".
Problem ReadCodePoint(bytes::Cursor* in, std::string* out) {
  uint32_t unit = 0;
  if (const Problem problem = ReadUnit(in, &unit); problem.rule != nullptr) return problem;
  if (IsHighSurrogate(unit)) {
    const std::string_view next = AsText(in->rest().first(std::min<size_t>(in->remaining(), 2)));
    if (next != "\\u") {
      if (std::string_view("\\u").starts_with(next)) return kTruncated;
      return Malformed("a string has one half of a surrogate pair, which is no character");
    }
    (void)in->Skip(2);
    uint32_t low = 0;
    if (const Problem problem = ReadUnit(in, &low); problem.rule != nullptr) return problem;
    if (!IsLowSurrogate(low)) {
      return Malformed("a string has one half of a surrogate pair, which is no character");
    }
    unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
  } else if (IsLowSurrogate(unit)) {
    return Malformed("a string has one half of a surrogate pair, which is no character");
  }
  bytes::AppendUtf8(unit, out);
  return {};
}

// Behind the backslash.
Problem ReadEscape(bytes::Cursor* in, std::string* out) {
  uint8_t c = 0;
  if (!in->Peek(&c)) return kTruncated;
  constexpr std::string_view kLetters = "\"\\/bfnrt";
  constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
  if (c == 'u') {
    (void)in->Skip(1);
    return ReadCodePoint(in, out);
  }
  const size_t at = kLetters.find(static_cast<char>(c));
  if (at == std::string_view::npos) return Malformed("a string has an unknown escape");
  (void)in->Skip(1);
  out->push_back(kMeanings[at]);
  return {};
}

bool IsDigit(uint8_t c) { return c >= '0' && c <= '9'; }

size_t Digits(Bytes rest) {
  const auto* end = std::find_if_not(rest.begin(), rest.end(), IsDigit);
  return static_cast<size_t>(end - rest.begin());
}

// At least one digit.
Problem SkipDigits(bytes::Cursor* in) {
  const size_t count = Digits(in->rest());
  (void)in->Skip(count);
  if (count > 0) return {};
  return in->AtEnd() ? kTruncated : Malformed("a number lacks digits");
}

// Moves over  int [frac] [exp]  behind the sign.
Problem SkipNumber(bytes::Cursor* in, bool* is_integer) {
  *is_integer = true;
  const Bytes rest = in->rest();
  if (rest.size() > 1 && rest[0] == '0' && IsDigit(rest[1])) {
    return Malformed("a number begins with a zero");
  }
  if (const Problem problem = SkipDigits(in); problem.rule != nullptr) return problem;
  uint8_t c = 0;
  if (in->Peek(&c) && c == '.') {
    *is_integer = false;
    (void)in->Skip(1);
    if (const Problem problem = SkipDigits(in); problem.rule != nullptr) return problem;
  }
  if (in->Peek(&c) && (c == 'e' || c == 'E')) {
    *is_integer = false;
    (void)in->Skip(1);
    if (in->Peek(&c) && (c == '+' || c == '-')) (void)in->Skip(1);
    if (const Problem problem = SkipDigits(in); problem.rule != nullptr) return problem;
  }
  return {};
}

}  // namespace

Problem ScanString(bytes::Cursor* in, std::string* scratch, String* out) {
  uint8_t c = 0;
  if (!in->Peek(&c)) return kTruncated;
  if (c != '"') return Malformed("a string is expected");
  (void)in->Skip(1);
  Bytes run;
  (void)in->Read(PlainRun(in->rest()), &run);
  if (in->Peek(&c) && c == '"') {
    (void)in->Skip(1);
    *out = {AsText(run), false};
    return {};
  }
  scratch->assign(AsText(run));
  while (in->Peek(&c)) {
    if (c < 0x20) return Malformed("a string has a control character that is not escaped");
    (void)in->Skip(1);
    if (c == '"') {
      *out = {*scratch, true};
      return {};
    }
    if (const Problem problem = ReadEscape(in, scratch); problem.rule != nullptr) return problem;
    (void)in->Read(PlainRun(in->rest()), &run);
    scratch->append(AsText(run));
  }
  return kTruncated;
}

Problem ScanNumber(bytes::Cursor* in, Number* out) {
  const Bytes start = in->rest();
  const size_t begin = in->position();
  uint8_t c = 0;
  if (in->Peek(&c) && c == '-') (void)in->Skip(1);
  bool is_integer = false;
  if (const Problem problem = SkipNumber(in, &is_integer); problem.rule != nullptr) return problem;
  out->text = AsText(start.first(in->position() - begin));
  if (out->text.size() > kMaxNumberText) {
    return Malformed("a number is longer than 4,300 characters, which Python does not read");
  }
  const char* first = out->text.data();
  const char* last = first + out->text.size();
  if (is_integer) {
    const auto [end, error] = std::from_chars(first, last, out->integer);
    out->kind = error == std::errc() && end == last ? Number::Kind::kInt : Number::Kind::kBigInt;
    return {};
  }
  out->kind = Number::Kind::kDouble;
  // What is too small for a double is zero, in Python too; what is too large would be infinity.
  const absl::from_chars_result result = absl::from_chars(first, last, out->real);
  if (result.ec == std::errc::result_out_of_range && out->real != 0) {
    return Malformed("a number is larger than any double");
  }
  return {};
}

}  // namespace loadlock::json
