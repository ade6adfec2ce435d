#include "server/verify/regex/parse.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"

namespace loadlock::verify::regex {
namespace {

// Groups within groups: this parser calls itself for each, and so does Python's.
constexpr int kMaxDepth = 16;
// What a text may be made to repeat in a few characters.
constexpr uint32_t kMaxRepeat = 65535;
// Ranges beyond ASCII cost the compiler each of their characters if the case does not matter.
constexpr int kMaxWideRanges = 16;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsNameChar(char c) { return c == '_' || absl::ascii_isalnum(static_cast<unsigned char>(c)); }

class Parser {
 public:
  explicit Parser(const Source& source)
      : rest_(source.text), of_bytes_(source.of_bytes), flags_(source.flags) {}

  std::optional<Pattern> Run() {
    if (!HeadFlags() || !FlagsFit()) return std::nullopt;
    Pattern pattern;
    if (!Alternatives(0, &pattern.alternatives) || !rest_.empty()) return std::nullopt;
    pattern.flags = flags_;
    return pattern;
  }

 private:
  bool Has(uint32_t flag) const { return (flags_ & flag) != 0; }

  bool FlagsFit() const {
    constexpr uint32_t kKnown =
        kIgnoreCase | kMultiline | kDotAll | kUnicode | kVerbose | kAsciiOnly;
    if ((flags_ & ~kKnown) != 0) return false;
    return of_bytes_ ? !Has(kUnicode) : !(Has(kUnicode) && Has(kAsciiOnly));
  }

  // "(?iu)" at the very beginning.
  bool HeadFlags() {
    absl::string_view text = rest_;
    if (!absl::ConsumePrefix(&text, "(?")) return true;
    size_t end = 0;
    uint32_t flags = 0;
    while (end < text.size() && absl::ascii_isalpha(static_cast<unsigned char>(text[end]))) {
      const std::optional<uint32_t> flag = FlagOf(text[end++]);
      if (!flag) return true;
      flags |= *flag;
    }
    if (end == 0 || end == text.size() || text[end] != ')') return true;
    flags_ |= flags;
    rest_ = text.substr(end + 1);
    return true;
  }

  static std::optional<uint32_t> FlagOf(char letter) {
    constexpr absl::string_view kLetters = "imsuxa";
    constexpr uint32_t kFlags[] = {kIgnoreCase, kMultiline, kDotAll,
                                   kUnicode,    kVerbose,   kAsciiOnly};
    const size_t at = kLetters.find(letter);
    return at == absl::string_view::npos ? std::nullopt : std::optional(kFlags[at]);
  }

  // In verbose patterns, blanks and comments.
  void SkipBlanks() {
    while (Has(kVerbose) && !rest_.empty()) {
      if (absl::StrContains(" \t\n\r\f\v", rest_.front())) {
        rest_.remove_prefix(1);
      } else if (rest_.front() == '#') {
        rest_.remove_prefix(std::min(rest_.find('\n'), rest_.size()));
      } else {
        return;
      }
    }
  }

  // Up to the end, or to the parenthesis that closes a group.
  bool Alternatives(int depth, std::vector<Items>* out) {
    if (depth > kMaxDepth) return false;
    out->emplace_back();
    for (SkipBlanks(); !rest_.empty() && rest_.front() != ')'; SkipBlanks()) {
      if (absl::ConsumePrefix(&rest_, "|")) {
        out->emplace_back();
        continue;
      }
      Item item;
      if (!Atom(depth, &item)) return false;
      SkipBlanks();
      if (!Quantifier(&item)) return false;
      out->back().push_back(std::move(item));
    }
    return true;
  }

  bool Atom(int depth, Item* item) {
    const char first = rest_.front();
    switch (first) {
      case '(':
        return Group(depth, item);
      case '[':
        return Class(item);
      case '\\':
        return Escape(item);
      case '*':
      case '+':
      case '?':
        return false;
      default:
        break;
    }
    if (first == '^' || first == '$') {
      item->kind = first == '^' ? Item::Kind::kBegin : Item::Kind::kAnchor;
      rest_.remove_prefix(1);
      return true;
    }
    if (first == '.') {
      item->set = CharSet::All();
      rest_.remove_prefix(1);
      return true;
    }
    uint32_t code = 0;
    if (!Character(&code)) return false;
    item->set.Add(code);
    Fold(&item->set);
    return true;
  }

  void Fold(CharSet* set) const {
    if (Has(kIgnoreCase) || fold_) set->Fold();
  }

  // One character as it is.
  bool Character(uint32_t* code) {
    if (rest_.empty()) return false;
    const auto lead = static_cast<unsigned char>(rest_.front());
    rest_.remove_prefix(1);
    *code = lead;
    if (lead < 0x80 || of_bytes_) return true;
    // The text is valid UTF-8; which character it is beyond ASCII matters to ranges alone.
    const int more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
    *code = lead & (0x3FU >> static_cast<unsigned>(more));
    for (int i = 0; i < more; ++i) {
      if (rest_.empty()) return false;
      *code = *code << 6U | (static_cast<unsigned char>(rest_.front()) & 0x3FU);
      rest_.remove_prefix(1);
    }
    return true;
  }

  bool Name(char end) {
    const size_t size = rest_.find(end);
    if (size == absl::string_view::npos || size == 0 || IsDigit(rest_.front())) return false;
    name_ = rest_.substr(0, size);
    rest_.remove_prefix(size + 1);
    return std::all_of(name_.begin(), name_.end(), IsNameChar);
  }

  bool Group(int depth, Item* item) {
    rest_.remove_prefix(1);
    item->kind = Item::Kind::kGroup;
    size_t number = 0;
    if (absl::ConsumePrefix(&rest_, "?P=")) {
      item->kind = Item::Kind::kReference;
      item->set = CharSet::All();
      return Name(')') &&
             std::find(closed_names_.begin(), closed_names_.end(), name_) != closed_names_.end();
    }
    absl::string_view name;
    bool behind = false;
    if (absl::ConsumePrefix(&rest_, "?P<")) {
      if (!Name('>') || std::find(names_.begin(), names_.end(), name_) != names_.end()) {
        return false;
      }
      name = name_;
      names_.push_back(name);
      number = ++groups_;
    } else if (absl::ConsumePrefix(&rest_, "?=") || absl::ConsumePrefix(&rest_, "?!")) {
      item->kind = Item::Kind::kLook;
    } else if (absl::ConsumePrefix(&rest_, "?<=") || absl::ConsumePrefix(&rest_, "?<!")) {
      item->kind = Item::Kind::kLook;
      behind = true;
    } else if (absl::ConsumePrefix(&rest_, "?i:") || absl::ConsumePrefix(&rest_, "?s:")) {
      // Inside alone; to fold more says more, and "." is all anyway.
      fold_ = true;
    } else if (!absl::ConsumePrefix(&rest_, "?:")) {
      if (absl::StartsWith(rest_, "?")) return false;
      number = ++groups_;
    }
    if (!Alternatives(depth + 1, &item->alternatives) || !absl::ConsumePrefix(&rest_, ")")) {
      return false;
    }
    if (number != 0) closed_groups_.push_back(number);
    if (!name.empty()) closed_names_.push_back(name);
    return !behind || HaveOneWidth(item->alternatives);
  }

  // What may stand in a look behind: single characters, as many in each alternative.
  static bool HaveOneWidth(const std::vector<Items>& alternatives) {
    const auto width = [](const Items& items) -> std::optional<uint64_t> {
      uint64_t total = 0;
      for (const Item& item : items) {
        if (item.kind == Item::Kind::kBegin || item.kind == Item::Kind::kWordBoundary ||
            item.kind == Item::Kind::kAnchor) {
          continue;
        }
        if (item.kind != Item::Kind::kSet || item.least != item.most) return std::nullopt;
        total += item.least;
      }
      return total;
    };
    const std::optional<uint64_t> first = width(alternatives.front());
    return first && std::all_of(alternatives.begin(), alternatives.end(),
                                [&](const Items& items) { return width(items) == first; });
  }

  bool Hex(size_t digits, uint32_t* code) {
    if (rest_.size() < digits) return false;
    const absl::string_view text = rest_.substr(0, digits);
    rest_.remove_prefix(digits);
    return std::all_of(
               text.begin(), text.end(),
               [](char c) { return absl::ascii_isxdigit(static_cast<unsigned char>(c)); }) &&
           absl::SimpleHexAtoi(text, code) && *code <= 0x10FFFF;
  }

  // An escape of one character, its backslash taken; false if it is none.
  bool EscapedCharacter(uint32_t* code) {
    if (rest_.empty()) return false;
    const char escaped = rest_.front();
    constexpr absl::string_view kLetters = "abfnrtv0";
    constexpr absl::string_view kCodes("\a\b\f\n\r\t\v\0", 8);
    if (const size_t at = kLetters.find(escaped); at != absl::string_view::npos) {
      rest_.remove_prefix(1);
      *code = static_cast<unsigned char>(kCodes[at]);
      // No further digits: an octal number is read in different ways.
      return escaped != '0' || rest_.empty() || !IsDigit(rest_.front());
    }
    if (absl::ConsumePrefix(&rest_, "x")) return Hex(2, code);
    if (!of_bytes_ && absl::ConsumePrefix(&rest_, "u")) return Hex(4, code);
    if (!of_bytes_ && absl::ConsumePrefix(&rest_, "U")) return Hex(8, code);
    if (IsDigit(escaped) || absl::ascii_isalpha(static_cast<unsigned char>(escaped))) return false;
    return Character(code);
  }

  // \d and its kin; false if it is none.
  bool EscapedKind(CharSet* set) {
    if (rest_.empty() || !absl::StrContains("dDwWsS", rest_.front())) return false;
    const char letter = rest_.front();
    rest_.remove_prefix(1);
    const char lower = absl::ascii_tolower(static_cast<unsigned char>(letter));
    *set = CharSet::Escape(lower, of_bytes_ || Has(kAsciiOnly));
    if (letter != lower) *set = set->Complement();
    return true;
  }

  bool Escape(Item* item) {
    rest_.remove_prefix(1);
    if (EscapedKind(&item->set)) {
      Fold(&item->set);
      return true;
    }
    if (rest_.empty()) return false;
    const char letter = rest_.front();
    if (absl::StrContains("bBAZ", letter)) {
      rest_.remove_prefix(1);
      item->kind = letter == 'b'   ? Item::Kind::kWordBoundary
                   : letter == 'A' ? Item::Kind::kBegin
                                   : Item::Kind::kAnchor;
      return true;
    }
    if (letter >= '1' && letter <= '9') {
      rest_.remove_prefix(1);
      item->kind = Item::Kind::kReference;
      item->set = CharSet::All();
      const auto number = static_cast<size_t>(letter - '0');
      return (rest_.empty() || !IsDigit(rest_.front())) &&
             std::find(closed_groups_.begin(), closed_groups_.end(), number) !=
                 closed_groups_.end();
    }
    uint32_t code = 0;
    if (!EscapedCharacter(&code)) return false;
    item->set.Add(code);
    Fold(&item->set);
    return true;
  }

  // One member of a class: a kind of characters, or a character.
  bool Member(CharSet* kind, uint32_t* code) {
    if (!absl::ConsumePrefix(&rest_, "\\")) return Character(code);
    return EscapedKind(kind) || EscapedCharacter(code);
  }

  bool Class(Item* item) {
    rest_.remove_prefix(1);
    const bool other = absl::ConsumePrefix(&rest_, "^");
    CharSet listed;
    CharSet kinds;
    for (bool first = true; first || rest_.empty() || rest_.front() != ']'; first = false) {
      CharSet kind;
      uint32_t low = 0;
      if (!Member(&kind, &low)) return false;
      if (!kind.IsEmpty()) {
        kinds |= kind;
        continue;
      }
      uint32_t high = low;
      if (rest_.size() > 1 && rest_[0] == '-' && rest_[1] != ']') {
        rest_.remove_prefix(1);
        if (!Member(&kind, &high) || !kind.IsEmpty() || high < low) return false;
        if (high >= CharSet::kAscii && ++wide_ranges_ > kMaxWideRanges) return false;
      }
      listed.AddRange(low, high);
    }
    rest_.remove_prefix(1);
    if (other) {
      // A kind beyond ASCII is left out only where the whole kind is; not folded, it leaves more.
      listed.ClearBeyond();
      listed |= kinds;
      item->set = listed.Complement();
      return true;
    }
    Fold(&listed);
    item->set = listed;
    item->set |= kinds;
    return true;
  }

  bool Quantifier(Item* item) {
    if (rest_.empty()) return true;
    uint32_t least = 0;
    uint32_t most = kEndless;
    if (absl::ConsumePrefix(&rest_, "+")) {
      least = 1;
    } else if (absl::ConsumePrefix(&rest_, "?")) {
      most = 1;
    } else if (!absl::ConsumePrefix(&rest_, "*")) {
      if (!Braces(&least, &most)) return true;
      if (least > most || least > kMaxRepeat || (most != kEndless && most > kMaxRepeat)) {
        return false;
      }
    }
    absl::ConsumePrefix(&rest_, "?");
    SkipBlanks();
    if (!rest_.empty() && absl::StrContains("*+?", rest_.front())) return false;
    uint32_t ignored = 0;
    if (Braces(&ignored, &ignored)) return false;
    item->least = least;
    item->most = most;
    return item->kind == Item::Kind::kSet || item->kind == Item::Kind::kGroup ||
           item->kind == Item::Kind::kReference;
  }

  // "{2}", "{2,}", "{,3}", "{2,3}"; any other brace is a character, and is not taken.
  bool Braces(uint32_t* least, uint32_t* most) {
    absl::string_view text = rest_;
    if (!absl::ConsumePrefix(&text, "{")) return false;
    const size_t end = text.find('}');
    if (end == absl::string_view::npos) return false;
    const absl::string_view inside = text.substr(0, end);
    const size_t comma = inside.find(',');
    const absl::string_view low = inside.substr(0, comma);
    const absl::string_view high =
        comma == absl::string_view::npos ? low : inside.substr(comma + 1);
    const auto is_number = [](absl::string_view digits) {
      return digits.size() <= 6 && std::all_of(digits.begin(), digits.end(), IsDigit);
    };
    if (!is_number(low) || !is_number(high) || (low.empty() && high.empty())) return false;
    if (low.empty() || !absl::SimpleAtoi(low, least)) *least = 0;
    if (high.empty() || !absl::SimpleAtoi(high, most)) *most = kEndless;
    rest_ = text.substr(end + 1);
    return true;
  }

  absl::string_view rest_;
  bool of_bytes_;
  uint32_t flags_;
  bool fold_ = false;
  int wide_ranges_ = 0;
  size_t groups_ = 0;
  absl::string_view name_;
  std::vector<absl::string_view> names_;
  std::vector<absl::string_view> closed_names_;
  std::vector<size_t> closed_groups_;
};

}  // namespace

std::optional<Pattern> Parse(const Source& source) { return Parser(source).Run(); }

}  // namespace loadlock::verify::regex
