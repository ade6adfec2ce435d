// The records of a tar archive, field by field; only this folder includes it.
#ifndef LOADLOCK_SANDBOX_DECODERS_TAR_HEADER_H_
#define LOADLOCK_SANDBOX_DECODERS_TAR_HEADER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

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
  bool prefixed = false;
  uint64_t size = 0;
  // kFile, kFolder or kPax.
  char type = kFile;
};

bool IsZero(Bytes bytes);
// Whether the block's checksum holds: the sum of its bytes, or what some writers make of them, the
// sum of them as signed numbers.
bool ChecksumHolds(Bytes block);
// What readers of every kind make of a header whose checksum holds; false if its size is no number.
bool ReadRoughly(Bytes block, std::string_view* name, uint64_t* size);

// Reads a block, which begins at `offset` of the archive. Refuses: MALFORMED, TAR_UNSUPPORTED.
[[nodiscard]] std::optional<graph::Refusal> ReadHeader(Bytes block, uint64_t offset, Header* out);

// What a pax header says of the entry behind it: its name, unset if it does not. Refuses:
// MALFORMED, TAR_UNSUPPORTED (a record that changes what the entry is).
[[nodiscard]] std::optional<graph::Refusal> ReadPax(Bytes records, uint64_t offset,
                                                    std::optional<std::string>* name);

}  // namespace loadlock::tar

#endif  // LOADLOCK_SANDBOX_DECODERS_TAR_HEADER_H_
