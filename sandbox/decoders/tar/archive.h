// Tar archives of plain files, as Python's tarfile writes them: POSIX headers (ustar), with pax
// headers for what does not fit, filled up to 10 KiB with zeros.
// https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html#tag_20_92_13
#ifndef LOADLOCK_SANDBOX_DECODERS_TAR_ARCHIVE_H_
#define LOADLOCK_SANDBOX_DECODERS_TAR_ARCHIVE_H_

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "sandbox/bytes/budget.h"
#include "sandbox/bytes/cursor.h"
#include "sandbox/graph/refusal.h"

namespace loadlock::tar {

using bytes::Bytes;

struct Member {
  // As it stands in the header: at most 100 bytes, no folder.
  std::string_view name;
  Bytes data;
  // Of the data in the archive.
  uint64_t offset = 0;
};

// Whether the first block is a header: its checksum holds. What else is in it readers differ on.
bool IsTar(Bytes file);

// True if a member of this name comes first, or behind others; looks at headers alone, and stops
// at the first that is none.
bool HasMember(Bytes file, std::string_view name);

class Archive {
 public:
  // Reads all headers; `file` is the whole archive and must outlive this. Refuses with the offset:
  // MALFORMED, TRUNCATED, TRAILING_DATA, DUPLICATE_MEMBER, TAR_UNSUPPORTED (links, folders, other
  // kinds of members, names or sizes in pax headers).
  [[nodiscard]] std::optional<graph::Refusal> Open(Bytes file, bytes::Budget* budget);

  absl::Span<const Member> members() const { return members_; }
  // Null if there is none.
  const Member* Find(std::string_view name) const;

 private:
  std::vector<Member> members_;
};

}  // namespace loadlock::tar

#endif  // LOADLOCK_SANDBOX_DECODERS_TAR_ARCHIVE_H_
