#ifndef LOADLOCK_SANDBOX_FORMATS_SAFETENSORS_OTHER_READERS_H_
#define LOADLOCK_SANDBOX_FORMATS_SAFETENSORS_OTHER_READERS_H_

#include "sandbox/bytes/cursor.h"

namespace loadlock::formats {

// A safetensors file begins with a number, the length of its header, whose low bytes may be what
// another format begins with: 40 is an opcode of pickles, 40,056 the begin of a zlib stream. That
// is no harm as long as a reader of the other format gets nothing out of the same bytes, and
// nothing is what it gets unless somebody made them for both.
//
// Null if that is proven: a reader of pickles meets a byte that is no opcode, or one that it cannot
// go on from, before it named anything; a decompressor finds no byte of data; no header of a tar
// archive holds. Else the name of the format that reads something. Takes what IdentifySafetensors
// accepted; time linear in it.
const char* OtherReaderOfSafetensors(bytes::Bytes artifact);

}  // namespace loadlock::formats

#endif  // LOADLOCK_SANDBOX_FORMATS_SAFETENSORS_OTHER_READERS_H_
