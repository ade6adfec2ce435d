// Zip archives that every reader reads alike.
//
//   archive = entry+ directory [zip64 end, zip64 locator] end        and nothing else
//   entry   = local header, name, extra, data, [descriptor]
//
// Readers differ in where they look: at the local headers or at the directory, at the first or the
// last of two members, for one archive or for two in a row. So both must say the same of each
// member, entries lie one behind the other from the first byte to the directory, and no name
// stands twice. https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
#ifndef LOADLOCK_SANDBOX_DECODERS_ZIP_ARCHIVE_H_
#define LOADLOCK_SANDBOX_DECODERS_ZIP_ARCHIVE_H_

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/types/span.h"
#include "sandbox/bytes/budget.h"
#include "sandbox/bytes/cursor.h"
#include "sandbox/graph/decoded_file.h"
#include "sandbox/graph/refusal.h"
#include "sandbox/graph/values.h"

namespace loadlock::zip {

using bytes::Bytes;

// Members of one archive. The largest checkpoints have some ten thousand tensors.
inline constexpr uint64_t kMaxMembers = 1'000'000;

enum class Method : uint16_t { kStored = 0, kDeflate = 8 };

struct Member {
  // As archive::NameProblem wants it.
  std::string_view name;
  Method method = Method::kStored;
  // The data as they lie in the archive, and their offset from its begin.
  Bytes data;
  uint64_t data_offset = 0;
  // Of what the data stand for.
  uint64_t size = 0;
  uint32_t crc = 0;
  // Where the local header begins.
  uint64_t offset = 0;
};

// Whether the bytes begin as a zip archive does; an empty one begins with its end.
bool HasMagic(Bytes file);

class Archive {
 public:
  // Reads all headers. `file` is the whole archive, whose bytes must outlive this: of the
  // artifact or of the decoded file, as it says. Refuses with the offset in the archive:
  // MALFORMED, TRUNCATED, TRAILING_DATA, ZIP_MISMATCH (two readers would read two things),
  // ZIP_NAME, ZIP_UNSUPPORTED, DUPLICATE_MEMBER, BUDGET_HEAP.
  [[nodiscard]] std::optional<graph::Refusal> Open(const graph::Buffer& file,
                                                   bytes::Budget* budget);

  // In the order of the archive.
  absl::Span<const Member> members() const { return members_; }
  // Null if there is none of exactly this name.
  const Member* Find(std::string_view name) const;

  // Where the data of a stored member lie, unproven.
  graph::Buffer Stored(const Member& member) const {
    return {file_.source, file_.offset + member.data_offset, member.data, member.data.size()};
  }

  // Makes the content of a member known: proves its checksum, and inflates it to the end of
  // `decoded` (at a multiple of 64) if it is compressed. On success *out says where the content
  // lies; its `data` are empty if it went to `decoded`, which the caller maps when all members
  // are there. Refuses: MALFORMED, ZIP_MISMATCH, BUDGET_DECODED, BUDGET_HEAP.
  [[nodiscard]] std::optional<graph::Refusal> Extract(const Member& member, bytes::Budget* budget,
                                                      graph::DecodedFile* decoded,
                                                      graph::Buffer* out) const;

 private:
  graph::Buffer file_;
  std::vector<Member> members_;
  absl::flat_hash_map<std::string_view, uint32_t> index_;
};

}  // namespace loadlock::zip

#endif  // LOADLOCK_SANDBOX_DECODERS_ZIP_ARCHIVE_H_
