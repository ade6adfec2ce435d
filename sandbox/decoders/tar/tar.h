// Tar archives that every reader reads alike.
//
//   archive = entry* zeros                     a multiple of 512 bytes, at least 1,024 zeros
//   entry   = [pax header] header data padding
//
// ustar and pax (POSIX.1-2001) and what GNU tar writes of plain files. Headers with links, devices,
// sparse files, global pax headers, numbers in base 256 and GNU's long names are refused: readers
// differ on them, and no model needs them.
#ifndef LOADLOCK_SANDBOX_DECODERS_TAR_TAR_H_
#define LOADLOCK_SANDBOX_DECODERS_TAR_TAR_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "sandbox/bytes/budget.h"
#include "sandbox/bytes/cursor.h"
#include "sandbox/graph/refusal.h"

namespace loadlock::tar {

using bytes::Bytes;

struct Member {
  // A regular file. As archive::NameProblem wants it; a "./" at its begin is left out.
  std::string name;
  Bytes data;
  // Of the data, from the begin of the archive.
  uint64_t data_offset = 0;
  // Of the header.
  uint64_t offset = 0;
};

// Whether a header stands at the begin, whose checksum holds: "ustar" alone may stand in any file.
bool HasMagic(Bytes file);

// Reads all of the archive. Folders are checked and left out. Refuses with the offset in the
// archive: MALFORMED, TRUNCATED, TRAILING_DATA, TAR_NAME, TAR_UNSUPPORTED, DUPLICATE_MEMBER (upper
// and lower case are the same), BUDGET_HEAP.
[[nodiscard]] std::optional<graph::Refusal> Read(Bytes file, bytes::Budget* budget,
                                                 std::vector<Member>* members);

}  // namespace loadlock::tar

#endif  // LOADLOCK_SANDBOX_DECODERS_TAR_TAR_H_
