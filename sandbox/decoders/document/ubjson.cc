#include <limits>
#include <string_view>
#include <utility>
#include <vector>

#include "sandbox/bytes/text.h"
#include "sandbox/bytes/utf8.h"
#include "sandbox/decoders/document/document.h"

namespace loadlock::document {
namespace {

class UbjsonReader {
 public:
  UbjsonReader(bytes::Bytes all, uint64_t base, Document* out) : in_(all, base), doc_(*out) {}

  std::optional<graph::Refusal> Run() {
    while (Begin() && Climb()) {
    }
    if (!refusal_ && !finished_) Fail("MALFORMED", "the document is not whole");
    return std::move(refusal_);
  }

 private:
  static constexpr uint32_t kUncounted = std::numeric_limits<uint32_t>::max();

  struct Open {
    Index container;
    // Members that are still to come, of a counted array.
    uint32_t left;
    bool object;
  };

  bool Fail(const char* rule, std::string_view what) {
    if (refusal_) return false;
    if (doc_.budget()->exhausted() != bytes::Budget::Limit::kNone) {
      rule = doc_.budget()->exhausted_rule();
      what = "the document costs more than the request may use";
    }
    refusal_ = graph::Refuse(rule, bytes::Concat({"UBJSON: ", what}), in_.offset());
    return false;
  }
  bool Truncated() { return Fail("TRUNCATED", "the document ends within a value"); }

  bool AddValue(const Value& value) { return doc_.Add(value) || Fail("BUDGET_HEAP", ""); }

  bool Next(char* out) {
    uint8_t byte = 0;
    if (!in_.ReadU8(&byte)) return Truncated();
    *out = static_cast<char>(byte);
    return true;
  }

  // "L" and a count of things that take at least `each` bytes.
  bool ReadLength(uint64_t each, uint32_t* out) {
    char letter = 0;
    uint64_t length = 0;
    if (!Next(&letter)) return false;
    if (letter != 'L') return Fail("MALFORMED", "a length is no int64");
    if (!in_.ReadBe64(&length)) return Truncated();
    if (length > in_.remaining() / each || length >= kUncounted) {
      return Fail("TRUNCATED", "a length goes beyond the end");
    }
    *out = static_cast<uint32_t>(length);
    return true;
  }

  bool AddText() {
    uint32_t length = 0;
    bytes::Bytes text;
    if (!ReadLength(1, &length) || !in_.Read(length, &text)) return false;
    if (!bytes::ValidUtf8(text)) return Fail("MALFORMED", "a string that is not UTF-8");
    return AddValue({.type = Type::kText, .bytes = text});
  }

  bool Begin() {
    char marker = 0;
    if (!Next(&marker)) return false;
    switch (marker) {
      case '{':
        return Push(Type::kObject, kUncounted);
      case '[':
        return BeginArray();
      case 'S':
        return AddText();
      case 'Z':
        return AddValue({.type = Type::kNull, .bytes = {}});
      case 'T':
        return AddValue({.type = Type::kTrue, .bytes = {}});
      case 'F':
        return AddValue({.type = Type::kFalse, .bytes = {}});
      default:
        break;
    }
    const size_t size = SizeOfLetter(marker);
    if (size == 0) return Fail("MALFORMED", "an unknown marker");
    bytes::Bytes raw;
    if (!in_.Read(size, &raw)) return Truncated();
    return AddValue({.type = Type::kNumber, .letter = marker, .bytes = raw});
  }

  bool Push(Type type, uint32_t left) {
    if (open_.size() >= kMaxNesting) return Fail("BUDGET_DEPTH", "it is nested too deep");
    open_.push_back({doc_.size(), left, type == Type::kObject});
    entered_ = true;
    return AddValue({.type = type, .bytes = {}});
  }

  bool BeginArray() {
    uint8_t mark = 0;
    if (!in_.Peek(&mark)) return Truncated();
    uint32_t count = kUncounted;
    if (mark == '$') return ReadTyped();
    if (mark == '#' && (!in_.Skip(1) || !ReadLength(1, &count))) return false;
    return Push(Type::kArray, count);
  }

  bool ReadTyped() {
    char letter = 0;
    char mark = 0;
    uint32_t count = 0;
    (void)in_.Skip(1);
    if (!Next(&letter) || !Next(&mark)) return false;
    const size_t size = SizeOfLetter(letter);
    if (size == 0 || mark != '#') return Fail("MALFORMED", "an array of an unknown type");
    bytes::Bytes raw;
    if (!ReadLength(size, &count) || !in_.Read(uint64_t{count} * size, &raw)) return false;
    return AddValue({.type = Type::kTyped, .letter = letter, .size = count, .bytes = raw});
  }

  // After an opening or a whole value: true if another one must follow, whose key has been read.
  bool Climb() {
    while (!open_.empty()) {
      Open& open = open_.back();
      if (!entered_) {
        ++doc_.mutable_at(open.container).size;
        if (open.left != kUncounted) --open.left;
      }
      entered_ = false;
      if (open.left != 0) {
        uint8_t mark = 0;
        const bool counted = open.left != kUncounted;
        if (!in_.Peek(&mark)) return Truncated();
        const uint8_t last = open.object ? '}' : ']';
        if (counted || mark != last) return !open.object || AddText();
        (void)in_.Skip(1);
      }
      doc_.mutable_at(open.container).end = doc_.size();
      if (open.object && !doc_.KeysAreDistinct(open.container)) {
        return Fail("MALFORMED", "an object has a key twice, so that readers differ on it");
      }
      open_.pop_back();
    }
    finished_ = in_.AtEnd();
    return finished_ ? false : Fail("TRAILING_DATA", "something stands behind the document");
  }

  bytes::Cursor in_;
  Document& doc_;
  std::vector<Open> open_;
  bool entered_ = false;
  bool finished_ = false;
  std::optional<graph::Refusal> refusal_;
};

}  // namespace

std::optional<graph::Refusal> ReadUbjson(bytes::Bytes bytes, uint64_t base, Document* out) {
  return UbjsonReader(bytes, base, out).Run();
}

}  // namespace loadlock::document
