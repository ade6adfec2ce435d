#include "sandbox/decoders/boosters/decimals.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/charconv.h"
#include "sandbox/bytes/text.h"

namespace loadlock::boosters {
namespace {

size_t Digits(std::string_view text, size_t from) {
  size_t end = from;
  while (end < text.size() && text[end] >= '0' && text[end] <= '9') ++end;
  return end - from;
}

}  // namespace

bool IsDecimal(std::string_view text) {
  // The longest that a printer of doubles writes with 17 digits has 24.
  constexpr size_t kMaxDecimal = 32;
  if (text.size() > kMaxDecimal) return false;
  size_t at = !text.empty() && text[0] == '-' ? 1 : 0;
  const size_t whole = Digits(text, at);
  if (whole == 0 || (whole > 1 && text[at] == '0')) return false;
  at += whole;
  if (at < text.size() && text[at] == '.') {
    const size_t fraction = Digits(text, at + 1);
    if (fraction == 0) return false;
    at += 1 + fraction;
  }
  if (at < text.size() && text[at] == 'e') {
    ++at;
    if (at == text.size() || (text[at] != '+' && text[at] != '-')) return false;
    const size_t exponent = Digits(text, at + 1);
    if (exponent < 2 || exponent > 3) return false;
    at += 1 + exponent;
  }
  if (at != text.size()) return false;
  double value = 0;
  const auto result = absl::from_chars(text.data(), text.data() + text.size(), value);
  return result.ec == std::errc() && std::isfinite(value);
}

std::string_view NextToken(std::string_view* rest) { return bytes::TakeUntil(' ', rest); }

size_t CountTokens(std::string_view run) {
  if (run.empty()) return 0;
  return 1 + static_cast<size_t>(std::count(run.begin(), run.end(), ' '));
}

}  // namespace loadlock::boosters
