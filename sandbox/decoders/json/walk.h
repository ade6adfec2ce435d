// JSON as RFC 8259 has it, and nothing more: UTF-8 without a byte order mark, one value, no
// comments, no trailing commas. What readers treat differently is refused: text that is no UTF-8,
// escapes of lone surrogates, control characters in strings. Iterative; one pass.
#ifndef LOADLOCK_SANDBOX_DECODERS_JSON_WALK_H_
#define LOADLOCK_SANDBOX_DECODERS_JSON_WALK_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "sandbox/bytes/cursor.h"
#include "sandbox/graph/refusal.h"

namespace loadlock::json {

using bytes::Bytes;

struct Options {
  // Containers in containers. Python's reader recurses and stops at about 1,000.
  uint32_t max_depth = 512;
  // NaN, Infinity and -Infinity as values: no JSON, but what Python's json and XGBoost write.
  bool allow_non_finite = false;
};

// Digits of an integer: Python (sys.int_info.default_max_str_digits) reads no longer ones. Also
// the longest text of any number, far above the 24 characters of a double.
inline constexpr size_t kMaxNumberText = 4300;

struct Number {
  enum class Kind : uint8_t {
    kInt,     // no fraction, no exponent, fits 64 bits signed; "-0" is 0
    kBigInt,  // no fraction, no exponent, fits not; only `text` has it
    kDouble,  // correctly rounded; finite unless Options::allow_non_finite and written so
  };
  Kind kind = Kind::kInt;
  int64_t integer = 0;
  double real = 0;
  // As it stands in the input.
  std::string_view text;
};

// Where a string's bytes are: valid UTF-8, without its quotes and escapes.
struct String {
  std::string_view text;
  // False: a range of the input. True: unescaped, and gone when the visitor returns.
  bool transient = false;
};

// Is told of each value in the order of the text. `offset` is that of the value's first byte
// (Begin..., scalars, keys) or of its last (End...). False ends the walk with Walk's result
// unset: the visitor knows why.
class Visitor {
 public:
  virtual ~Visitor() = default;
  virtual bool OnNull(uint64_t offset) = 0;
  virtual bool OnBool(bool value, uint64_t offset) = 0;
  virtual bool OnNumber(const Number& value, uint64_t offset) = 0;
  virtual bool OnString(const String& value, uint64_t offset) = 0;
  virtual bool OnBeginArray(uint64_t offset) = 0;
  virtual bool OnEndArray(uint64_t offset) = 0;
  virtual bool OnBeginObject(uint64_t offset) = 0;
  // Before each member's value. Whether a key came before is the visitor's to know.
  virtual bool OnKey(const String& key, uint64_t offset) = 0;
  virtual bool OnEndObject(uint64_t offset) = 0;
};

// Walks over one value that must be the whole text. Refuses: MALFORMED, TRUNCATED,
// TRAILING_DATA, BUDGET_DEPTH; offsets are those in the text.
[[nodiscard]] std::optional<graph::Refusal> Walk(Bytes text, const Options& options,
                                                 Visitor* visitor);

}  // namespace loadlock::json

#endif  // LOADLOCK_SANDBOX_DECODERS_JSON_WALK_H_
