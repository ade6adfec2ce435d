#include "sandbox/decoders/json/walk.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sandbox/bytes/utf8.h"
#include "sandbox/decoders/json/scan.h"

namespace loadlock::json {
namespace {

bool Begins(Bytes rest, std::string_view word) {
  return rest.size() >= word.size() && std::equal(word.begin(), word.end(), rest.begin());
}

class Walker {
 public:
  Walker(Bytes text, const Options& options, Visitor* visitor)
      : in_(text), options_(options), visitor_(*visitor) {}

  std::optional<graph::Refusal> Run() {
    while (ValueDue()) {
    }
    return std::move(refusal_);
  }

 private:
  enum class Container : uint8_t { kArray, kObject };

  static uint8_t Closer(Container kind) { return kind == Container::kObject ? '}' : ']'; }

  bool Fail(const char* rule, std::string message) {
    refusal_ = graph::Refuse(rule, std::move(message), in_.offset());
    return false;
  }

  bool Unexpected(const char* wanted) {
    if (in_.AtEnd()) return Fail("TRUNCATED", "the JSON text ends before its value does");
    const Bytes rest = in_.rest();
    const std::string_view byte(reinterpret_cast<const char*>(rest.data()), 1);
    return Fail("MALFORMED", absl::StrCat("the JSON text has '", graph::Quote(byte), "' where ",
                                          wanted, " is expected"));
  }

  void SkipSpace() {
    const Bytes rest = in_.rest();
    const auto* end = std::find_if_not(rest.begin(), rest.end(), [](uint8_t c) {
      return c == ' ' || c == '\n' || c == '\r' || c == '\t';
    });
    (void)in_.Skip(static_cast<uint64_t>(end - rest.begin()));
  }

  // Reads one value, and what closes behind it up to where the next value is due. False: the walk
  // is over.
  bool ValueDue() {
    SkipSpace();
    const uint64_t offset = in_.offset();
    uint8_t c = 0;
    if (!in_.Peek(&c)) return Unexpected("a value");
    if (c == '{' || c == '[') {
      bool closed = false;
      return Open(c == '{' ? Container::kObject : Container::kArray, &closed) &&
             (!closed || AfterValue());
    }
    return Scalar(c, offset) && AfterValue();
  }

  bool Open(Container kind, bool* closed) {
    if (stack_.size() >= options_.max_depth) {
      return Fail("BUDGET_DEPTH",
                  absl::StrCat("the JSON text is nested more than ", options_.max_depth, " deep"));
    }
    const uint64_t offset = in_.offset();
    (void)in_.Skip(1);
    stack_.push_back(kind);
    if (!(kind == Container::kObject ? visitor_.OnBeginObject(offset)
                                     : visitor_.OnBeginArray(offset))) {
      return false;
    }
    SkipSpace();
    uint8_t c = 0;
    if (in_.Peek(&c) && c == Closer(kind)) {
      *closed = true;
      return Close();
    }
    return kind == Container::kArray || Key();
  }

  bool Close() {
    const uint64_t offset = in_.offset();
    const Container kind = stack_.back();
    (void)in_.Skip(1);
    stack_.pop_back();
    return kind == Container::kObject ? visitor_.OnEndObject(offset) : visitor_.OnEndArray(offset);
  }

  bool Key() {
    SkipSpace();
    const uint64_t offset = in_.offset();
    String key;
    if (!Accept(ScanString(&in_, &scratch_, &key)) || !visitor_.OnKey(key, offset)) return false;
    SkipSpace();
    uint8_t c = 0;
    if (!in_.Peek(&c) || c != ':') return Unexpected("':'");
    return in_.Skip(1);
  }

  // Behind a value: closes containers until another value is due or the text is over.
  bool AfterValue() {
    for (;;) {
      SkipSpace();
      if (stack_.empty()) {
        if (!in_.AtEnd()) {
          Fail("TRAILING_DATA", absl::StrCat(in_.remaining(), " bytes follow the JSON value"));
        }
        return false;
      }
      const Container kind = stack_.back();
      const bool object = kind == Container::kObject;
      uint8_t c = 0;
      if (in_.Peek(&c) && c == ',') {
        (void)in_.Skip(1);
        return !object || Key();
      }
      if (!in_.Peek(&c) || c != Closer(kind)) {
        return Unexpected(object ? "',' or '}'" : "',' or ']'");
      }
      if (!Close()) return false;
    }
  }

  bool Scalar(uint8_t c, uint64_t offset) {
    if (c == '"') {
      String text;
      return Accept(ScanString(&in_, &scratch_, &text)) && visitor_.OnString(text, offset);
    }
    if (options_.allow_non_finite && (c == 'N' || c == 'I' || (c == '-' && MinusInfinity()))) {
      return NonFinite(offset);
    }
    if (c == '-' || (c >= '0' && c <= '9')) {
      Number number;
      return Accept(ScanNumber(&in_, &number)) && visitor_.OnNumber(number, offset);
    }
    if (Word("null")) return visitor_.OnNull(offset);
    if (Word("true")) return visitor_.OnBool(true, offset);
    if (Word("false")) return visitor_.OnBool(false, offset);
    return Unexpected("a value");
  }

  bool MinusInfinity() const { return Begins(in_.rest(), "-I"); }

  bool NonFinite(uint64_t offset) {
    Number number;
    number.kind = Number::Kind::kDouble;
    for (const auto& [word, value] :
         {std::pair<std::string_view, double>{"NaN", std::numeric_limits<double>::quiet_NaN()},
          {"Infinity", HUGE_VAL},
          {"-Infinity", -HUGE_VAL}}) {
      if (!Word(word)) continue;
      number.text = word;
      number.real = value;
      return visitor_.OnNumber(number, offset);
    }
    return Unexpected("a value");
  }

  bool Word(std::string_view word) { return Begins(in_.rest(), word) && in_.Skip(word.size()); }

  bool Accept(const Problem& problem) {
    return problem.rule == nullptr ||
           Fail(problem.rule, absl::StrCat("in the JSON text ", problem.what));
  }

  bytes::Cursor in_;
  const Options& options_;
  Visitor& visitor_;
  std::vector<Container> stack_;
  std::string scratch_;
  std::optional<graph::Refusal> refusal_;
};

}  // namespace

std::optional<graph::Refusal> Walk(Bytes text, const Options& options, Visitor* visitor) {
  if (!bytes::ValidUtf8(text)) return graph::Refuse("MALFORMED", "the JSON text is not UTF-8");
  return Walker(text, options, visitor).Run();
}

}  // namespace loadlock::json
