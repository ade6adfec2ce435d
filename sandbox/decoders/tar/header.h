// The records of a tar archive, field by field; only this folder includes it.
#ifndef LOADLOCK_SANDBOX_DECODERS_TAR_HEADER_H_
#define LOADLOCK_SANDBOX_DECODERS_TAR_HEADER_H_

#include <cstdint>
#include <optional>
#include <string>

#include "sandbox/bytes/cursor.h"
#include "sandbox/graph/refusal.h"

namespace loadlock::tar {

using bytes::Bytes;

inline constexpr uint64_t kBlock = 512;

// Types of entries that are read.
inline constexpr char kFile = '0';
inline constexpr char kFolder = '5';
inline constexpr char kPax = 'x';

struct Header {
  // Prefix and name, as they stand there.
  std::string name;
  uint64_t size = 0;
  // kFile, kFolder or kPax.
  char type = kFile;
};

bool IsZero(Bytes bytes);
// Whether the block is a header whose checksum holds.
bool IsHeader(Bytes block);

// Reads a block, which begins at `offset` of the archive. Refuses: MALFORMED, TAR_UNSUPPORTED.
[[nodiscard]] std::optional<graph::Refusal> ReadHeader(Bytes block, uint64_t offset, Header* out);

// What a pax header says of the entry behind it: its name, unset if it does not. Refuses:
// MALFORMED, TAR_UNSUPPORTED (a record that changes what the entry is).
[[nodiscard]] std::optional<graph::Refusal> ReadPax(Bytes records, uint64_t offset,
                                                    std::optional<std::string>* name);

}  // namespace loadlock::tar

#endif  // LOADLOCK_SANDBOX_DECODERS_TAR_HEADER_H_
