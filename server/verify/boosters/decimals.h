// Decimal numbers in texts that a library will read. The worker has a grammar of its own
// (sandbox/decoders/boosters/decimals.h): neither trusts the other's.
#ifndef LOADLOCK_SERVER_VERIFY_BOOSTERS_DECIMALS_H_
#define LOADLOCK_SERVER_VERIFY_BOOSTERS_DECIMALS_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace loadlock::verify {

// -?digits(.digits)?(e[+-]digits)?, at most 32 characters, no leading zero, finite as a double.
bool IsDecimal(absl::string_view text);
// Digits without sign and leading zero, below `end`.
bool IsIndex(absl::string_view text, int64_t end);

// Calls `each(token)` for the tokens between single spaces; false if there are not exactly `count`
// or `each` returns false.
template <typename Each>
bool ForEachToken(absl::string_view run, uint64_t count, const Each& each) {
  if (count == 0) return run.empty();
  for (uint64_t i = 0; i < count; ++i) {
    const size_t space = run.find(' ');
    if ((space == absl::string_view::npos) != (i + 1 == count)) return false;
    if (!each(i, run.substr(0, space))) return false;
    run.remove_prefix(space == absl::string_view::npos ? run.size() : space + 1);
  }
  return true;
}

}  // namespace loadlock::verify

#endif  // LOADLOCK_SERVER_VERIFY_BOOSTERS_DECIMALS_H_
