#ifndef LOADLOCK_SANDBOX_DECODERS_PICKLE_TEXT_H_
#define LOADLOCK_SANDBOX_DECODERS_PICKLE_TEXT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"

namespace loadlock::pickle {

// Arguments of the text opcodes of protocols 0 and 1. CPython's C unpickler, its Python
// unpickler and pickletools read them with three different grammars (strtol with base 0,
// int(), float() with underscores ...). Each function takes what all three read alike, which
// is what a pickler writes, and fails on the rest. `line` is without its newline.

// Longest decimal number: CPython's own limit for int() of text.
inline constexpr size_t kMaxDecimalDigits = 4300;

// 0 | [1-9][0-9]*, at most `max`.
bool ParseIndex(absl::Span<const uint8_t> line, uint64_t max, uint64_t* out);

// -?[1-9][0-9]* | 0. Two's complement, little-endian, at least one byte.
bool ParseDecimal(absl::Span<const uint8_t> line, std::vector<uint8_t>* out);

// -?[0-9]+(\.[0-9]*)?(e[+-]?[0-9]+)? | -?inf | nan. Fails if a finite text is out of range.
bool ParseFloat(absl::Span<const uint8_t> line, double* out);

// Quoted string of STRING: outer quotes alike, the escapes that repr() writes, and ASCII only.
bool ParseQuoted(absl::Span<const uint8_t> line, std::string* out);

// raw-unicode-escape of UNICODE to UTF-8: bytes are Latin-1, \uXXXX and \UXXXXXXXX. No
// surrogates.
bool ParseRawUnicode(absl::Span<const uint8_t> line, std::string* out);

// A name of GLOBAL or INST: printable ASCII without backslash, quote or space, not empty.
bool IsPlainName(absl::Span<const uint8_t> line);

}  // namespace loadlock::pickle

#endif  // LOADLOCK_SANDBOX_DECODERS_PICKLE_TEXT_H_
