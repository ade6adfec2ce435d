// Python's regular expressions as trees, for the part of their grammar whose cost is known.
#ifndef LOADLOCK_SERVER_VERIFY_REGEX_PARSE_H_
#define LOADLOCK_SERVER_VERIFY_REGEX_PARSE_H_

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/verify/regex/char_set.h"

namespace loadlock::verify::regex {

// As re.compile() takes it. `flags` as Python numbers them.
struct Source {
  // UTF-8, or any bytes.
  absl::string_view text;
  uint32_t flags = 0;
  bool of_bytes = false;
};

inline constexpr uint32_t kIgnoreCase = 2;
inline constexpr uint32_t kMultiline = 8;
inline constexpr uint32_t kDotAll = 16;
inline constexpr uint32_t kUnicode = 32;
inline constexpr uint32_t kVerbose = 64;
inline constexpr uint32_t kAsciiOnly = 256;

inline constexpr uint32_t kEndless = std::numeric_limits<uint32_t>::max();

struct Item;
using Items = std::vector<Item>;

struct Item {
  enum class Kind : uint8_t {
    kSet,
    // One of `alternatives`.
    kGroup,
    // Ahead or behind, without taking a character.
    kLook,
    kBegin,
    kWordBoundary,
    // Another condition on the place.
    kAnchor,
    // What a group matched.
    kReference,
  };
  Kind kind = Kind::kSet;
  CharSet set;
  std::vector<Items> alternatives;
  uint32_t least = 1;
  uint32_t most = 1;
};

struct Pattern {
  std::vector<Items> alternatives;
  // Those of the source and those at the head of its text.
  uint32_t flags = 0;
};

// nullopt if it is none, or of another part of the grammar: conditions, atomic groups, comments,
// nests of more than 16 groups.
std::optional<Pattern> Parse(const Source& source);

}  // namespace loadlock::verify::regex

#endif  // LOADLOCK_SERVER_VERIFY_REGEX_PARSE_H_
