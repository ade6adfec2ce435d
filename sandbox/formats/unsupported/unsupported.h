// Formats that are recognised to be refused by name, with what to do instead. This is a
// courtesy to people, not a defence: what is not listed here is refused as unknown.
#ifndef LOADLOCK_SANDBOX_FORMATS_UNSUPPORTED_UNSUPPORTED_H_
#define LOADLOCK_SANDBOX_FORMATS_UNSUPPORTED_UNSUPPORTED_H_

#include "sandbox/bytes/cursor.h"
#include "sandbox/formats/format.h"

namespace loadlock::formats {

// The name of the first that fits, as in the table of unsupported.cc.
const char* IdentifyUnsupported(bytes::Bytes artifact);
void RefuseUnsupported(const Input& input, Output* output);

}  // namespace loadlock::formats

#endif  // LOADLOCK_SANDBOX_FORMATS_UNSUPPORTED_UNSUPPORTED_H_
