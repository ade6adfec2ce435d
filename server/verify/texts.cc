#include "server/verify/texts.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace loadlock::verify {
namespace {

constexpr size_t kMaxText = 256;
// Of "{2,16}".
constexpr int kMaxRepeat = 16;
constexpr int kMaxBounded = 2;
// What "|" separates: each is tried at each character of a text.
constexpr int kMaxAlternatives = 8;

// Reads a pattern from the left.
class Pattern {
 public:
  explicit Pattern(absl::string_view text) : rest_(text) {}

  bool IsToken() {
    for (const absl::string_view flags : {"(?u)", "(?i)", "(?iu)", "(?ui)"}) {
      if (absl::ConsumePrefix(&rest_, flags)) break;
    }
    // One group around all of it changes nothing.
    if (absl::ConsumePrefix(&rest_, "(?:") || absl::ConsumePrefix(&rest_, "(")) {
      if (!absl::ConsumeSuffix(&rest_, ")")) return false;
    }
    for (int i = 0; i < kMaxAlternatives; ++i) {
      if (!IsRun()) return false;
      if (rest_.empty()) return true;
      absl::ConsumePrefix(&rest_, "|");
    }
    return false;
  }

 private:
  // Up to the end or a '|'.
  bool IsRun() {
    endless_ = false;
    bounded_ = 0;
    absl::ConsumePrefix(&rest_, "\\b");
    bool any = false;
    while (!rest_.empty() && rest_.front() != '|') {
      if (any && (rest_ == "\\b" || absl::StartsWith(rest_, "\\b|"))) {
        rest_.remove_prefix(2);
        return true;
      }
      if (!Atom() || !Quantifier()) return false;
      any = true;
    }
    return any;
  }

  // A class, an escape or one character.
  bool Atom() {
    const char first = rest_.front();
    if (first == '[') return Class();
    if (first == '\\') return Escape();
    rest_.remove_prefix(1);
    // The rest of ASCII has a meaning, but for what stands in words.
    return first == '.' || first == '_' || first == '-' || first == '\'' || first == ' ' ||
           first == '#' || first == '@' || first == '!' || first == ',' || first == ';' ||
           first == ':' || first == '"' || first == '%' || first == '&' || first == '/' ||
           absl::ascii_isalnum(static_cast<unsigned char>(first)) ||
           static_cast<unsigned char>(first) >= 0x80;
  }

  bool Escape() {
    if (rest_.size() < 2) return false;
    const char escaped = rest_[1];
    rest_.remove_prefix(2);
    return absl::StrContains("wWdDsS", escaped) ||
           absl::ascii_ispunct(static_cast<unsigned char>(escaped));
  }

  bool Class() {
    rest_.remove_prefix(1);
    absl::ConsumePrefix(&rest_, "^");
    for (bool first = true; !rest_.empty(); first = false) {
      if (rest_.front() == ']') {
        rest_.remove_prefix(1);
        return !first;
      }
      if (rest_.front() == '[' || absl::ascii_iscntrl(static_cast<unsigned char>(rest_.front()))) {
        return false;
      }
      if (rest_.front() == '\\') {
        if (!Escape()) return false;
      } else {
        rest_.remove_prefix(1);
      }
    }
    return false;
  }

  bool Quantifier() {
    if (absl::ConsumePrefix(&rest_, "+") || absl::ConsumePrefix(&rest_, "*")) return Endless();
    if (absl::ConsumePrefix(&rest_, "?")) return ++bounded_ <= kMaxBounded && NoSecond();
    if (!absl::ConsumePrefix(&rest_, "{")) return true;
    const size_t end = rest_.find('}');
    if (end == absl::string_view::npos) return false;
    const absl::string_view inside = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    const size_t comma = inside.find(',');
    int least = 0;
    if (!IsRepeat(inside.substr(0, comma), &least)) return false;
    if (comma == absl::string_view::npos) return NoSecond();
    if (comma + 1 == inside.size()) return Endless();
    int most = 0;
    return IsRepeat(inside.substr(comma + 1), &most) && least <= most &&
           ++bounded_ <= kMaxBounded && NoSecond();
  }

  static bool IsRepeat(absl::string_view text, int* number) {
    return !text.empty() && text.size() <= 2 &&
           std::all_of(text.begin(), text.end(),
                       [](char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); }) &&
           absl::SimpleAtoi(text, number) && *number <= kMaxRepeat;
  }

  bool Endless() { return !std::exchange(endless_, true) && NoSecond(); }

  // Lazy, possessive and repeated quantifiers.
  bool NoSecond() const { return rest_.empty() || !absl::StrContains("+*?{", rest_.front()); }

  absl::string_view rest_;
  bool endless_ = false;
  int bounded_ = 0;
};

}  // namespace

bool IsTokenPattern(absl::string_view pattern) {
  return pattern.size() <= kMaxText && Pattern(pattern).IsToken();
}

bool IsImportance(absl::string_view path) {
  if (path == "auto") return true;
  if (path.size() > kMaxText) return false;
  absl::string_view last;
  for (const absl::string_view name : absl::StrSplit(path, '.')) {
    if (name.empty() || !absl::ascii_isalpha(static_cast<unsigned char>(name.front())) ||
        absl::StrContains(name, "__") || !std::all_of(name.begin(), name.end(), [](char c) {
          return c == '_' || c == '-' || absl::ascii_isalnum(static_cast<unsigned char>(c));
        })) {
      return false;
    }
    last = name;
  }
  return absl::EndsWith(last, "coef_") || absl::EndsWith(last, "importances_");
}

}  // namespace loadlock::verify
