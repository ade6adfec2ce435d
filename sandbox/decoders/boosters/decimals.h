// Runs of decimal numbers with one space between them.
#ifndef LOADLOCK_SANDBOX_DECODERS_BOOSTERS_DECIMALS_H_
#define LOADLOCK_SANDBOX_DECODERS_BOOSTERS_DECIMALS_H_

#include <cstddef>
#include <string_view>

namespace loadlock::boosters {

// -?digits(.digits)?(e[+-]digits)?, no leading zero, finite as a double.
bool IsDecimal(std::string_view text);

// The next token of a run; advances *rest behind the space that follows. A run that ends in a
// space, begins with one or holds two has an empty token. The empty run has none: do not ask.
std::string_view NextToken(std::string_view* rest);

// Number of tokens; 0 for the empty text.
size_t CountTokens(std::string_view run);

}  // namespace loadlock::boosters

#endif  // LOADLOCK_SANDBOX_DECODERS_BOOSTERS_DECIMALS_H_
