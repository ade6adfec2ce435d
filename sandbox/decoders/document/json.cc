#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sandbox/bytes/text.h"
#include "sandbox/bytes/utf8.h"
#include "sandbox/decoders/document/document.h"

namespace loadlock::document {
namespace {

bool IsDigit(uint8_t byte) { return byte >= '0' && byte <= '9'; }

class JsonReader {
 public:
  JsonReader(bytes::Bytes all, uint64_t base, Document* out) : in_(all, base), doc_(*out) {}

  std::optional<graph::Refusal> Run() {
    while (Begin()) {
      if (opened_) continue;
      if (Climb()) continue;
      break;
    }
    if (!refusal_ && !finished_) Fail("MALFORMED", "the JSON text is not whole");
    return std::move(refusal_);
  }

 private:
  bool Fail(const char* rule, std::string_view what) {
    if (refusal_) return false;
    if (doc_.budget()->exhausted() != bytes::Budget::Limit::kNone) {
      rule = doc_.budget()->exhausted_rule();
      what = "the document costs more than the request may use";
    }
    refusal_ = graph::Refuse(rule, bytes::Concat({"JSON: ", what}), in_.offset());
    return false;
  }
  bool Malformed(std::string_view what) {
    return in_.AtEnd() ? Fail("TRUNCATED", "the text ends within a value")
                       : Fail("MALFORMED", what);
  }

  void SkipSpace() {
    uint8_t byte = 0;
    while (in_.Peek(&byte) && (byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t')) {
      (void)in_.Skip(1);
    }
  }

  // Reads a scalar, an empty container, or the opening of one and what comes before its first
  // member.
  bool Begin() {
    opened_ = false;
    SkipSpace();
    uint8_t byte = 0;
    if (!in_.Peek(&byte)) return Malformed("");
    switch (byte) {
      case '{':
      case '[':
        return Open(byte == '{');
      case '"': {
        bytes::Bytes text;
        return ReadString(&text) && AddValue({.type = Type::kText, .bytes = text});
      }
      case 't':
        return ReadWord("true", Type::kTrue);
      case 'f':
        return ReadWord("false", Type::kFalse);
      case 'n':
        return ReadWord("null", Type::kNull);
      default:
        return ReadNumber();
    }
  }

  bool Open(bool object) {
    if (open_.size() >= kMaxNesting) return Fail("BUDGET_DEPTH", "it is nested too deep");
    (void)in_.Skip(1);
    open_.push_back(doc_.size());
    if (!AddValue({.type = object ? Type::kObject : Type::kArray, .bytes = {}})) return false;
    SkipSpace();
    uint8_t byte = 0;
    if (!in_.Peek(&byte)) return Malformed("");
    if (byte == (object ? '}' : ']')) {
      (void)in_.Skip(1);
      open_.pop_back();
      return true;
    }
    opened_ = true;
    return !object || ReadKey();
  }

  // After a whole value: true if another one must follow.
  bool Climb() {
    while (!open_.empty()) {
      const Index container = open_.back();
      const bool object = doc_.Is(container, Type::kObject);
      ++doc_.mutable_at(container).size;
      SkipSpace();
      uint8_t byte = 0;
      if (!in_.Peek(&byte)) return Malformed("");
      if (byte == ',') {
        (void)in_.Skip(1);
        return !object || ReadKey();
      }
      if (byte != (object ? '}' : ']')) return Malformed("neither a comma nor an end");
      (void)in_.Skip(1);
      doc_.mutable_at(container).end = doc_.size();
      open_.pop_back();
      if (object && !doc_.KeysAreDistinct(container)) {
        return Fail("MALFORMED", "an object has a key twice, so that readers differ on it");
      }
    }
    SkipSpace();
    finished_ = in_.AtEnd();
    return finished_ ? false : Fail("TRAILING_DATA", "something stands behind the value");
  }

  bool AddValue(const Value& value) { return doc_.Add(value) || Fail("BUDGET_HEAP", ""); }

  bool ReadKey() {
    SkipSpace();
    bytes::Bytes text;
    if (!ReadString(&text) || !AddValue({.type = Type::kText, .bytes = text})) return false;
    SkipSpace();
    uint8_t byte = 0;
    if (!in_.Peek(&byte) || byte != ':') return Malformed("a key without a colon");
    return in_.Skip(1);
  }

  bool ReadWord(std::string_view word, Type type) {
    bytes::Bytes text;
    bytes::Cursor ahead = in_;
    if (!ahead.Read(word.size(), &text) ||
        word != std::string_view(reinterpret_cast<const char*>(text.data()), text.size())) {
      return Malformed("an unknown word");
    }
    in_ = ahead;
    return AddValue({.type = type, .bytes = {}});
  }

  bool SkipDigits() {
    uint8_t byte = 0;
    if (!in_.Peek(&byte) || !IsDigit(byte)) return Malformed("a digit is missing");
    while (in_.Peek(&byte) && IsDigit(byte)) (void)in_.Skip(1);
    return true;
  }

  bool Accept(char mark) {
    uint8_t byte = 0;
    return in_.Peek(&byte) && byte == static_cast<uint8_t>(mark) && in_.Skip(1);
  }

  bool ReadNumber() {
    const bytes::Bytes rest = in_.rest();
    const size_t start = in_.position();
    (void)Accept('-');
    const bool zero = Accept('0');
    if (!zero && !SkipDigits()) return false;
    if (Accept('.') && !SkipDigits()) return false;
    if (Accept('e') || Accept('E')) {
      if (!Accept('-')) (void)Accept('+');
      if (!SkipDigits()) return false;
    }
    return AddValue({.type = Type::kNumber, .bytes = rest.subspan(0, in_.position() - start)});
  }

  // Without an escape it stays where it is.
  bool ReadString(bytes::Bytes* out) {
    if (!Accept('"')) return Malformed("a string is missing");
    const bytes::Bytes rest = in_.rest();
    size_t length = 0;
    while (length < rest.size() && rest[length] != '"' && rest[length] != '\\' &&
           rest[length] >= ' ') {
      ++length;
    }
    (void)in_.Skip(length);
    if (length < rest.size() && rest[length] == '\\') {
      std::string text(reinterpret_cast<const char*>(rest.data()), length);
      if (!ReadEscaped(&text)) return false;
      *out = doc_.Keep(std::move(text));
    } else {
      if (!Accept('"')) return Malformed("a control character in a string");
      *out = rest.subspan(0, length);
    }
    return bytes::ValidUtf8(*out) || Fail("MALFORMED", "a string that is not UTF-8");
  }

  // The rest of a string, from its first backslash on.
  bool ReadEscaped(std::string* text) {
    uint8_t byte = 0;
    while (in_.ReadU8(&byte)) {
      if (byte == '"') return true;
      if (byte < ' ') return Malformed("a control character in a string");
      if (byte != '\\') {
        text->push_back(static_cast<char>(byte));
      } else if (!ReadEscape(text)) {
        return false;
      }
    }
    return Malformed("");
  }

  bool ReadEscape(std::string* text) {
    constexpr std::string_view kFrom = "\"\\/bfnrt";
    constexpr std::string_view kTo = "\"\\/\b\f\n\r\t";
    uint8_t byte = 0;
    if (!in_.ReadU8(&byte)) return Malformed("");
    if (const size_t place = kFrom.find(static_cast<char>(byte)); place != kFrom.npos) {
      text->push_back(kTo[place]);
      return true;
    }
    uint32_t code = 0;
    if (byte != 'u' || !ReadHex(&code)) return Malformed("an unknown escape");
    if (code >= 0xD800 && code < 0xDC00) {
      uint32_t low = 0;
      if (!Accept('\\') || !Accept('u') || !ReadHex(&low) || low < 0xDC00 || low > 0xDFFF) {
        return Malformed("half of a surrogate pair");
      }
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    } else if (code >= 0xDC00 && code <= 0xDFFF) {
      return Malformed("half of a surrogate pair");
    }
    bytes::AppendUtf8(code, text);
    return true;
  }

  bool ReadHex(uint32_t* out) {
    for (int i = 0; i < 4; ++i) {
      uint8_t byte = 0;
      if (!in_.ReadU8(&byte)) return false;
      const uint8_t lower = byte | 0x20U;
      if (IsDigit(byte)) {
        *out = *out << 4 | (byte - uint32_t{'0'});
      } else if (lower >= 'a' && lower <= 'f') {
        *out = *out << 4 | (lower - uint32_t{'a'} + 10);
      } else {
        return false;
      }
    }
    return true;
  }

  bytes::Cursor in_;
  Document& doc_;
  std::vector<Index> open_;
  bool opened_ = false;
  bool finished_ = false;
  std::optional<graph::Refusal> refusal_;
};

}  // namespace

std::optional<graph::Refusal> ReadJson(bytes::Bytes bytes, uint64_t base, Document* out) {
  return JsonReader(bytes, base, out).Run();
}

}  // namespace loadlock::document
