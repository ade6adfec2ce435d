#include "server/policy/literal.h"

#include <cmath>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"

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
    if (inner[i] == quote) return std::nullopt;
    if (inner[i] == '\\') {
      ++i;
      if (i == inner.size() || inner[i] != '\\') return std::nullopt;
    }
    value.push_back(inner[i]);
  }
  return Make<std::string>(std::move(value));
}

}  // namespace

std::optional<Literal> ParseLiteral(absl::string_view text) {
  if (text.empty()) return std::nullopt;
  if (text == "None") return Make(std::monostate());
  if (text == "True") return Make(true);
  if (text == "False") return Make(false);
  if (text.front() == '\'' || text.front() == '"') return ParseString(text);
  int64_t integer = 0;
  if (absl::SimpleAtoi(text, &integer)) return Make(integer);
  double number = 0;
  if (absl::SimpleAtod(text, &number) && std::isfinite(number)) return Make(number);
  return std::nullopt;
}

}  // namespace loadlock::policy
