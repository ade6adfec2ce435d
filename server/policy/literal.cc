#include "server/policy/literal.h"

#include <cmath>

#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"

namespace loadlock::policy {
namespace {

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
  return Literal(std::move(value));
}

}  // namespace

std::optional<Literal> ParseLiteral(absl::string_view text) {
  if (text.empty()) return std::nullopt;
  if (text == "None") return Literal(std::monostate());
  if (text == "True") return Literal(true);
  if (text == "False") return Literal(false);
  if (text.front() == '\'' || text.front() == '"') return ParseString(text);
  int64_t integer = 0;
  if (absl::SimpleAtoi(text, &integer)) return Literal(integer);
  double number = 0;
  if (absl::SimpleAtod(text, &number) && std::isfinite(number)) return Literal(number);
  return std::nullopt;
}

}  // namespace loadlock::policy
