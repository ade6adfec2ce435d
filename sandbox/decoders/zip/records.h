// The records of a zip archive, field by field; only this folder includes it.
#ifndef LOADLOCK_SANDBOX_DECODERS_ZIP_RECORDS_H_
#define LOADLOCK_SANDBOX_DECODERS_ZIP_RECORDS_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "sandbox/bytes/cursor.h"
#include "sandbox/graph/refusal.h"

namespace loadlock::zip {

using bytes::Bytes;

inline constexpr uint32_t kLocalSignature = 0x04034b50;
inline constexpr uint32_t kCentralSignature = 0x02014b50;
inline constexpr uint32_t kEndSignature = 0x06054b50;
inline constexpr uint32_t kZip64EndSignature = 0x06064b50;
inline constexpr uint32_t kZip64LocatorSignature = 0x07064b50;
inline constexpr uint32_t kDescriptorSignature = 0x08074b50;

inline constexpr uint64_t kEndSize = 22;
inline constexpr uint64_t kZip64EndSize = 56;
inline constexpr uint64_t kZip64LocatorSize = 20;
inline constexpr uint64_t kLocalSize = 30;
inline constexpr uint64_t kCentralSize = 46;

// "The value stands in the zip64 field."
inline constexpr uint32_t kSee64 = 0xFFFFFFFF;
inline constexpr uint16_t kSee64Short = 0xFFFF;

inline constexpr uint16_t kFlagDescriptor = 0x0008;
inline constexpr uint16_t kFlagUtf8 = 0x0800;

// Where the directory lies.
struct End {
  uint64_t entries = 0;
  uint64_t directory_offset = 0;
  uint64_t directory_size = 0;
};

// Finds the end record, which must be the last 22 bytes, and what zip64 adds before it.
[[nodiscard]] std::optional<graph::Refusal> ReadEnd(Bytes file, End* out);

// What a header says, of either kind.
struct Header {
  uint64_t at = 0;  // offset of the header
  uint16_t version_needed = 0;
  uint16_t flags = 0;
  uint16_t method = 0;
  uint32_t crc = 0;
  uint32_t compressed32 = 0;
  uint32_t size32 = 0;
  std::string_view name;
  Bytes extra;
  // Of the directory alone.
  uint16_t internal_attributes = 0;
  uint32_t external_attributes = 0;
  uint32_t offset32 = 0;
  uint16_t disk = 0;
  // With zip64 resolved.
  uint64_t compressed = 0;
  uint64_t size = 0;
  uint64_t offset = 0;
};

// An entry for a folder, as zip -r writes them: its name ends with a slash, and it has no data.
inline bool IsDirectory(const Header& header) {
  return header.name.size() > 1 && header.name.back() == '/';
}

// Reads one header of the directory and moves behind it; checks all that it says by itself.
[[nodiscard]] std::optional<graph::Refusal> ReadCentral(bytes::Cursor* in, Header* out);

// Reads the local header at the cursor, and proves that it says of the member what the directory
// says.
[[nodiscard]] std::optional<graph::Refusal> ReadLocal(bytes::Cursor* in, const Header& central,
                                                      Header* out);

// Proves the data descriptor, which must be all of `bytes`.
[[nodiscard]] std::optional<graph::Refusal> CheckDescriptor(Bytes bytes, uint64_t offset,
                                                            const Header& central);

}  // namespace loadlock::zip

#endif  // LOADLOCK_SANDBOX_DECODERS_ZIP_RECORDS_H_
