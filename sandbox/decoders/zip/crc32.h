// CRC-32 as zip has it (reflected, polynomial 0xEDB88320): that of large members costs as much as
// their SHA-256 if it is done byte by byte.
#ifndef LOADLOCK_SANDBOX_DECODERS_ZIP_CRC32_H_
#define LOADLOCK_SANDBOX_DECODERS_ZIP_CRC32_H_

#include <cstdint>

#include "sandbox/bytes/cursor.h"

namespace loadlock::zip {

// By carry-less multiplication where the processor has it, else zlib's.
uint32_t Crc32(bytes::Bytes data);

}  // namespace loadlock::zip

#endif  // LOADLOCK_SANDBOX_DECODERS_ZIP_CRC32_H_
