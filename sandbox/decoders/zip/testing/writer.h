// A writer of zip archives that can lie in every field.
#ifndef LOADLOCK_SANDBOX_DECODERS_ZIP_TESTING_WRITER_H_
#define LOADLOCK_SANDBOX_DECODERS_ZIP_TESTING_WRITER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace loadlock::zip::testing {

// One of the two headers of a member; what is not set is the truth.
struct Lie {
  std::optional<std::string> name;
  std::optional<uint16_t> version, flags, method;
  std::optional<uint32_t> crc, compressed, size, offset;
  std::string extra;
};

struct Entry {
  std::string name;
  std::string content;
  bool deflate = false;
  uint16_t flags = 0;
  uint16_t version = 20;
  uint32_t attributes = 0600U << 16U;
  // Bytes of the data descriptor: 0, 16 or 24. With one the local sizes and checksum are zero.
  int descriptor = 0;
  // What lies between this entry and the one before.
  std::string before;
  std::string comment = {};
  Lie local;
  Lie central;
  // Instead of what belongs there.
  std::optional<std::string> data;
  std::optional<std::string> descriptor_bytes;
};

struct Layout {
  // A zip64 end record and locator, as torch always writes.
  bool zip64_end = false;
  // The end record refers to the zip64 one.
  bool end_says_see64 = false;
  std::string comment = {};
  std::string before_directory = {};
  std::string before_end = {};
  int32_t count_off_by = 0;
  int32_t offset_off_by = 0;
  int32_t zip64_offset_off_by = 0;
  uint16_t disk = 0;
};

std::string Deflated(const std::string& content);
uint32_t Crc(const std::string& content);
std::string Le(uint64_t value, int bytes);
std::string Write(const std::vector<Entry>& entries, const Layout& layout = {});

}  // namespace loadlock::zip::testing

#endif  // LOADLOCK_SANDBOX_DECODERS_ZIP_TESTING_WRITER_H_
