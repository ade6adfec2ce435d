// The tokens of JSON that have a grammar of their own; only this folder includes it.
#ifndef LOADLOCK_SANDBOX_DECODERS_JSON_SCAN_H_
#define LOADLOCK_SANDBOX_DECODERS_JSON_SCAN_H_

#include <string>

#include "sandbox/bytes/cursor.h"
#include "sandbox/decoders/json/walk.h"

namespace loadlock::json {

// What a token is refused for. `rule` is null if it is not.
struct Problem {
  const char* rule = nullptr;
  const char* what = nullptr;
};

// Both begin at the token's first byte, and leave the cursor behind the token or at the byte
// that is wrong.

// `scratch` receives the text of a string that has escapes.
Problem ScanString(bytes::Cursor* in, std::string* scratch, String* out);

Problem ScanNumber(bytes::Cursor* in, Number* out);

}  // namespace loadlock::json

#endif  // LOADLOCK_SANDBOX_DECODERS_JSON_SCAN_H_
