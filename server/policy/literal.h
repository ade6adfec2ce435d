// Python literals as policies write them.
#ifndef LOADLOCK_SERVER_POLICY_LITERAL_H_
#define LOADLOCK_SERVER_POLICY_LITERAL_H_

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "absl/strings/string_view.h"

namespace loadlock::policy {

// None, bool, int, float, str.
using Literal = std::variant<std::monostate, bool, int64_t, double, std::string>;

// Parses Python's repr of a literal: None, True, 12 (64 bits), -0.5, 'content'. A string may hold
// the escape \\ for a backslash and no other, and no control characters; nullopt for all else.
std::optional<Literal> ParseLiteral(absl::string_view text);

}  // namespace loadlock::policy

#endif  // LOADLOCK_SERVER_POLICY_LITERAL_H_
