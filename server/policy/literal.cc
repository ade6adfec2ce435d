#include "server/policy/literal.h"

#include <cmath>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace loadlock::policy {
namespace {

template <typename T>
std::optional<Literal> Make(T value) {
  return std::optional<Literal>(std::in_place, std::in_place_type<T>, std::move(value));
}

std::optional<Literal> ParseString(absl::string_view text) {
  const char quote = text.front();
  if (text.size() < 2 || text.back() != quote) return std::nullopt;
  std::string value;
  const absl::string_view inner = text.substr(1, text.size() - 2);
  for (size_t i = 0; i < inner.size(); ++i) {
    // repr() escapes what does not print.
    if (inner[i] == quote || absl::ascii_iscntrl(static_cast<unsigned char>(inner[i]))) {
      return std::nullopt;
    }
    if (inner[i] == '\\') {
      ++i;
      if (i == inner.size() || inner[i] != '\\') return std::nullopt;
    }
    value.push_back(inner[i]);
  }
  return Make<std::string>(std::move(value));
}

// Takes digits from the front; how many they were.
size_t TakeDigits(absl::string_view* text) {
  size_t count = 0;
  while (count < text->size() && absl::ascii_isdigit(static_cast<unsigned char>((*text)[count]))) {
    ++count;
  }
  text->remove_prefix(count);
  return count;
}

// What repr() writes for a number: -?(0|[1-9][0-9]*), for a float with a fraction, an exponent or
// both behind it. The readers below know more spellings, and spaces.
enum class Spelling { kInt, kFloat, kNone };

Spelling SpellingOf(absl::string_view text) {
  absl::ConsumePrefix(&text, "-");
  const bool zero = absl::StartsWith(text, "0");
  const size_t digits = TakeDigits(&text);
  if (digits == 0 || (zero && digits > 1)) return Spelling::kNone;
  if (text.empty()) return Spelling::kInt;
  if (absl::ConsumePrefix(&text, ".") && TakeDigits(&text) == 0) return Spelling::kNone;
  if (absl::ConsumePrefix(&text, "e")) {
    if (!absl::ConsumePrefix(&text, "-")) absl::ConsumePrefix(&text, "+");
    if (TakeDigits(&text) == 0) return Spelling::kNone;
  }
  return text.empty() ? Spelling::kFloat : Spelling::kNone;
}

}  // namespace

std::optional<Literal> ParseLiteral(absl::string_view text) {
  if (text.empty()) return std::nullopt;
  if (text == "None") return Make(std::monostate());
  if (text == "True") return Make(true);
  if (text == "False") return Make(false);
  if (text.front() == '\'' || text.front() == '"') return ParseString(text);
  switch (SpellingOf(text)) {
    case Spelling::kInt: {
      int64_t integer = 0;
      // "-0" is how nobody writes 0.
      if (text == "-0" || !absl::SimpleAtoi(text, &integer)) return std::nullopt;
      return Make(integer);
    }
    case Spelling::kFloat: {
      double number = 0;
      if (!absl::SimpleAtod(text, &number) || !std::isfinite(number)) return std::nullopt;
      return Make(number);
    }
    case Spelling::kNone:
      break;
  }
  return std::nullopt;
}

}  // namespace loadlock::policy
