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
#include <string_view>
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
  // Whether the name stands in the header just so, with nothing left out and nothing put together.
  bool literal = true;
  Bytes data;
  // Of the data, from the begin of the archive.
  uint64_t data_offset = 0;
  // Of the header.
  uint64_t offset = 0;
};

// Whether the first block is a header of any form, by its checksum: the oldest form has no magic.
bool HasMagic(Bytes file);

// Whether a member has this name in its header. Looks at headers alone, and stops at the first
// block that is none.
bool HasMember(Bytes file, std::string_view name);

// Reads all of the archive. Folders are checked and left out. Refuses with the offset in the
// archive: MALFORMED, TRUNCATED, TRAILING_DATA, TAR_NAME, TAR_UNSUPPORTED, DUPLICATE_MEMBER (upper
// and lower case are the same), BUDGET_HEAP.
[[nodiscard]] std::optional<graph::Refusal> Read(Bytes file, bytes::Budget* budget,
                                                 std::vector<Member>* members);

}  // namespace loadlock::tar

#endif  // LOADLOCK_SANDBOX_DECODERS_TAR_TAR_H_
