#ifndef LOADLOCK_SANDBOX_BYTES_UTF8_H_
#define LOADLOCK_SANDBOX_BYTES_UTF8_H_

#include <cstdint>
#include <string>

#include "absl/types/span.h"

namespace loadlock::bytes {

// True for valid UTF-8 as RFC 3629 has it: shortest form, no surrogates, at most U+10FFFF.
bool ValidUtf8(absl::Span<const uint8_t> text);

// Appends a code point (at most U+10FFFF, no surrogate).
void AppendUtf8(uint32_t code_point, std::string* out);

// Decodes valid UTF-8 that holds code points below 256 only to one byte each. False if there is
// another code point.
bool Utf8ToLatin1(absl::Span<const uint8_t> text, std::string* out);

}  // namespace loadlock::bytes

#endif  // LOADLOCK_SANDBOX_BYTES_UTF8_H_
