#include "server/verify/boosters/decimals.h"

#include <cmath>
#include <system_error>

#include "absl/strings/charconv.h"
#include "absl/strings/numbers.h"

namespace loadlock::verify {
namespace {

constexpr size_t kMaxDecimal = 32;

// Takes digits off the front; how many.
size_t TakeDigits(absl::string_view* text) {
  size_t count = 0;
  while (count < text->size() && (*text)[count] >= '0' && (*text)[count] <= '9') ++count;
  text->remove_prefix(count);
  return count;
}

bool Take(absl::string_view* text, char wanted) {
  if (text->empty() || text->front() != wanted) return false;
  text->remove_prefix(1);
  return true;
}

}  // namespace

bool IsDecimal(absl::string_view text) {
  if (text.size() > kMaxDecimal) return false;
  absl::string_view rest = text;
  Take(&rest, '-');
  const bool zero = !rest.empty() && rest.front() == '0';
  const size_t whole = TakeDigits(&rest);
  if (whole == 0 || (zero && whole > 1)) return false;
  if (Take(&rest, '.') && TakeDigits(&rest) == 0) return false;
  if (Take(&rest, 'e')) {
    if (!Take(&rest, '-') && !Take(&rest, '+')) return false;
    if (const size_t digits = TakeDigits(&rest); digits < 2 || digits > 3) return false;
  }
  if (!rest.empty()) return false;
  double value = 0;
  const auto result = absl::from_chars(text.data(), text.data() + text.size(), value);
  return result.ec == std::errc() && std::isfinite(value);
}

bool IsIndex(absl::string_view text, int64_t end) {
  absl::string_view rest = text;
  const bool zero = !rest.empty() && rest.front() == '0';
  const size_t digits = TakeDigits(&rest);
  int64_t number = 0;
  return digits > 0 && rest.empty() && !(zero && digits > 1) && absl::SimpleAtoi(text, &number) &&
         number < end;
}

}  // namespace loadlock::verify
