#include "sandbox/decoders/zip/testing/writer.h"

#include <zlib.h>

namespace loadlock::zip::testing {
namespace {

struct Truth {
  std::string data;
  uint32_t crc;
  uint32_t offset;
};

// From the version to the sizes: the same fields in both headers.
std::string Common(const Entry& entry, const Truth& truth, const Lie& lie, bool zeros) {
  const auto compressed = static_cast<uint32_t>(truth.data.size());
  const auto size = static_cast<uint32_t>(entry.content.size());
  const auto flags = static_cast<uint16_t>(entry.flags | (entry.descriptor != 0 ? 8 : 0));
  return Le(lie.version.value_or(entry.version), 2) + Le(lie.flags.value_or(flags), 2) +
         Le(lie.method.value_or(entry.deflate ? 8 : 0), 2) + Le(0x00210000, 4) +
         Le(lie.crc.value_or(zeros ? 0 : truth.crc), 4) +
         Le(lie.compressed.value_or(zeros ? 0 : compressed), 4) +
         Le(lie.size.value_or(zeros ? 0 : size), 4) + Le(lie.name.value_or(entry.name).size(), 2) +
         Le(lie.extra.size(), 2);
}

std::string Descriptor(const Entry& entry, const Truth& truth) {
  if (entry.descriptor_bytes) return *entry.descriptor_bytes;
  if (entry.descriptor == 0) return "";
  const int width = entry.descriptor == 24 ? 8 : 4;
  return "PK\7\x8" + Le(truth.crc, 4) + Le(truth.data.size(), width) +
         Le(entry.content.size(), width);
}

std::string Central(const Entry& entry, const Truth& truth) {
  const Lie& lie = entry.central;
  return "PK\1\2" + Le(0x031E, 2) + Common(entry, truth, lie, false) + Le(entry.comment.size(), 2) +
         Le(0, 2) + Le(0, 2) + Le(entry.attributes, 4) + Le(lie.offset.value_or(truth.offset), 4) +
         lie.name.value_or(entry.name) + lie.extra + entry.comment;
}

std::string End64(uint64_t at, uint64_t count, uint64_t size, uint64_t offset,
                  const Layout& layout) {
  return "PK\6\6" + Le(44, 8) + Le(45, 2) + Le(45, 2) + Le(0, 4) + Le(0, 4) + Le(count, 8) +
         Le(count, 8) + Le(size, 8) + Le(offset, 8) + "PK\6\7" + Le(0, 4) +
         Le(at + static_cast<uint64_t>(static_cast<int64_t>(layout.zip64_offset_off_by)), 8) +
         Le(1, 4);
}

}  // namespace

std::string Le(uint64_t value, int bytes) {
  std::string out;
  for (int i = 0; i < bytes; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
  return out;
}

std::string Deflated(const std::string& content) {
  z_stream stream = {};
  (void)deflateInit2(&stream, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, content.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  (void)deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  (void)deflateEnd(&stream);
  return out;
}

uint32_t Crc(const std::string& content) {
  return static_cast<uint32_t>(
      crc32_z(0, reinterpret_cast<const Bytef*>(content.data()), content.size()));
}

std::string Write(const std::vector<Entry>& entries, const Layout& layout) {
  std::string out;
  std::string directory;
  for (const Entry& entry : entries) {
    out += entry.before;
    const Truth truth = {
        entry.data.value_or(entry.deflate ? Deflated(entry.content) : entry.content),
        Crc(entry.content), static_cast<uint32_t>(out.size())};
    out += "PK\3\4" + Common(entry, truth, entry.local, entry.descriptor != 0) +
           entry.local.name.value_or(entry.name) + entry.local.extra + truth.data +
           Descriptor(entry, truth);
    directory += Central(entry, truth);
  }
  out += layout.before_directory;
  const uint64_t offset =
      out.size() + static_cast<uint64_t>(static_cast<int64_t>(layout.offset_off_by));
  const uint64_t count =
      entries.size() + static_cast<uint64_t>(static_cast<int64_t>(layout.count_off_by));
  out += directory;
  if (layout.zip64_end) out += End64(out.size(), count, directory.size(), offset, layout);
  const bool see64 = layout.end_says_see64;
  out += layout.before_end + "PK\5\6" + Le(layout.disk, 2) + Le(layout.disk, 2) +
         Le(see64 ? 0xFFFF : count, 2) + Le(see64 ? 0xFFFF : count, 2) +
         Le(see64 ? 0xFFFFFFFF : directory.size(), 4) + Le(see64 ? 0xFFFFFFFF : offset, 4) +
         Le(layout.comment.size(), 2) + layout.comment;
  return out;
}

}  // namespace loadlock::zip::testing
