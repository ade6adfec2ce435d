#include "absl/strings/str_cat.h"
#include "sandbox/decoders/zip/records.h"

namespace loadlock::zip {
namespace {

using graph::Refuse;

struct End32 {
  uint16_t entries = 0;
  uint32_t size = 0;
  uint32_t offset = 0;
};

std::optional<graph::Refusal> ReadEnd32(Bytes file, uint64_t at, End32* out) {
  bytes::Cursor in;
  uint32_t signature = 0;
  uint16_t disk = 0;
  uint16_t directory_disk = 0;
  uint16_t entries_here = 0;
  uint16_t comment = 0;
  (void)bytes::Cursor(file).Sub(at, kEndSize, &in);
  (void)in.ReadLe32(&signature);
  (void)(in.ReadLe16(&disk) && in.ReadLe16(&directory_disk) && in.ReadLe16(&entries_here) &&
         in.ReadLe16(&out->entries) && in.ReadLe32(&out->size) && in.ReadLe32(&out->offset) &&
         in.ReadLe16(&comment));
  if (signature != kEndSignature) {
    return Refuse("MALFORMED",
                  "the zip archive does not end with its end record: it is cut off, or a comment "
                  "or other bytes follow, in which readers look for another archive",
                  at);
  }
  if (comment != 0) {
    return Refuse("TRUNCATED", "the zip archive ends before the comment that it announces", at);
  }
  if (disk != 0 || directory_disk != 0 || entries_here != out->entries) {
    return Refuse("ZIP_UNSUPPORTED", "the zip archive is one part of several", at);
  }
  return std::nullopt;
}

// The locator stands directly before the end record, and the record directly before the locator:
// some readers follow the locator, others look there.
std::optional<graph::Refusal> ReadEnd64(Bytes file, uint64_t locator_at, const End32& end,
                                        End* out) {
  bytes::Cursor in;
  uint32_t signature = 0;
  uint32_t disk = 0;
  uint32_t disks = 0;
  uint64_t record_at = 0;
  (void)bytes::Cursor(file).Sub(locator_at, kZip64LocatorSize, &in);
  (void)(in.ReadLe32(&signature) && in.ReadLe32(&disk) && in.ReadLe64(&record_at) &&
         in.ReadLe32(&disks));
  if (disk != 0 || disks > 1 || locator_at < kZip64EndSize ||
      record_at != locator_at - kZip64EndSize) {
    return Refuse("ZIP_MISMATCH", "the zip64 locator does not name the record before it",
                  locator_at);
  }
  uint64_t record_size = 0;
  uint16_t made_by = 0;
  uint16_t needed = 0;
  uint32_t this_disk = 0;
  uint32_t directory_disk = 0;
  uint64_t entries_here = 0;
  (void)bytes::Cursor(file).Sub(record_at, kZip64EndSize, &in);
  (void)(in.ReadLe32(&signature) && in.ReadLe64(&record_size) && in.ReadLe16(&made_by) &&
         in.ReadLe16(&needed) && in.ReadLe32(&this_disk) && in.ReadLe32(&directory_disk) &&
         in.ReadLe64(&entries_here) && in.ReadLe64(&out->entries) &&
         in.ReadLe64(&out->directory_size) && in.ReadLe64(&out->directory_offset));
  if (signature != kZip64EndSignature || record_size != kZip64EndSize - 12 || this_disk != 0 ||
      directory_disk != 0 || entries_here != out->entries) {
    return Refuse("MALFORMED", "the zip64 end record is malformed", record_at);
  }
  const bool same = (end.entries == kSee64Short || end.entries == out->entries) &&
                    (end.size == kSee64 || end.size == out->directory_size) &&
                    (end.offset == kSee64 || end.offset == out->directory_offset);
  if (!same) {
    return Refuse("ZIP_MISMATCH", "the two end records of the zip archive disagree", record_at);
  }
  return std::nullopt;
}

bool HasLocator(Bytes file, uint64_t end_at) {
  if (end_at < kZip64LocatorSize) return false;
  bytes::Cursor in;
  uint32_t signature = 0;
  return bytes::Cursor(file).Sub(end_at - kZip64LocatorSize, kZip64LocatorSize, &in) &&
         in.ReadLe32(&signature) && signature == kZip64LocatorSignature;
}

}  // namespace

std::optional<graph::Refusal> ReadEnd(Bytes file, End* out) {
  if (file.size() < kEndSize) {
    return Refuse("TRUNCATED", "the zip archive is shorter than its end record", file.size());
  }
  const uint64_t end_at = file.size() - kEndSize;
  End32 end;
  if (auto refusal = ReadEnd32(file, end_at, &end)) return refusal;
  uint64_t directory_end = end_at;
  if (HasLocator(file, end_at)) {
    const uint64_t locator_at = end_at - kZip64LocatorSize;
    if (auto refusal = ReadEnd64(file, locator_at, end, out)) return refusal;
    directory_end = locator_at - kZip64EndSize;
  } else if (end.entries == kSee64Short || end.size == kSee64 || end.offset == kSee64) {
    return Refuse("ZIP_MISMATCH",
                  "the end of the zip archive refers to a zip64 record, and there "
                  "is none before it",
                  end_at);
  } else {
    *out = {end.entries, end.offset, end.size};
  }
  if (out->directory_size > directory_end ||
      out->directory_offset != directory_end - out->directory_size) {
    return Refuse("ZIP_MISMATCH",
                  "the directory of the zip archive does not lie directly before its end: bytes "
                  "stand before, behind or between the archive's parts",
                  end_at);
  }
  return std::nullopt;
}

}  // namespace loadlock::zip
