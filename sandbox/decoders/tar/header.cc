#include "sandbox/decoders/tar/header.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/str_cat.h"

namespace loadlock::tar {
namespace {

using graph::Refuse;
using std::string_view_literals::operator""sv;

struct Field {
  size_t offset;
  size_t size;
};

constexpr Field kName = {0, 100};
constexpr Field kSize = {124, 12};
constexpr Field kChecksum = {148, 8};
constexpr size_t kType = 156;
constexpr Field kLinkName = {157, 100};
constexpr Field kMagic = {257, 8};
constexpr Field kPrefix = {345, 155};

// Magic and version. GNU's own form keeps other things where POSIX has the prefix.
constexpr std::string_view kPosix = "ustar\00000"sv;
constexpr std::string_view kGnu = "ustar  \0"sv;

std::string_view At(Bytes block, Field field) {
  return {reinterpret_cast<const char*>(block.data()) + field.offset, field.size};
}

// Text up to the first NUL; nothing but NULs may follow that.
bool ReadText(std::string_view field, std::string_view* out) {
  const size_t end = std::min(field.find('\0'), field.size());
  *out = field.substr(0, end);
  return field.find_first_not_of('\0', end) == field.npos;
}

// Octal digits, spaces before them, spaces and NULs behind them: what all readers take. They differ
// on empty fields, signs and base 256.
bool ReadNumber(std::string_view field, uint64_t* out) {
  field.remove_prefix(std::min(field.find_first_not_of(' '), field.size()));
  const size_t digits = std::min(field.find_first_not_of("01234567"sv), field.size());
  if (digits == 0 || field.find_first_not_of(" \0"sv, digits) != field.npos) return false;
  *out = 0;
  for (const char digit : field.substr(0, digits))
    *out = *out * 8 + static_cast<uint64_t>(digit - '0');
  return true;
}

// Eight octal digits at most.
int64_t AsSigned(uint64_t checksum) { return static_cast<int64_t>(checksum); }

// The checksum's own bytes count as spaces.
template <typename Byte>
int64_t Sum(Bytes block) {
  int64_t sum = kChecksum.size * ' ';
  for (size_t i = 0; i < block.size(); ++i) {
    const bool own = i >= kChecksum.offset && i < kChecksum.offset + kChecksum.size;
    if (!own) sum += static_cast<Byte>(block[i]);
  }
  return sum;
}

const char* WhatIs(char type) {
  switch (type) {
    case '1':
      return "a hard link";
    case '2':
      return "a symbolic link";
    case '3':
    case '4':
      return "a device";
    case '6':
      return "a pipe";
    case '7':
      return "a contiguous file";
    case 'g':
      return "a global pax header";
    case 'L':
    case 'K':
      return "a long name in GNU's form (write the archive with --format=posix)";
    case 'S':
      return "a sparse file";
    case 'D':
    case 'M':
    case 'V':
      return "of a dump or of several volumes";
    default:
      return "of a type that is not known";
  }
}

}  // namespace

bool IsZero(Bytes bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](uint8_t byte) { return byte == 0; });
}

bool ChecksumHolds(Bytes block) {
  if (block.size() < kBlock) return false;
  block = block.first(kBlock);
  uint64_t stated = 0;
  if (!ReadNumber(At(block, kChecksum), &stated)) return false;
  return AsSigned(stated) == Sum<uint8_t>(block) || AsSigned(stated) == Sum<int8_t>(block);
}

bool ReadRoughly(Bytes block, std::string_view* name, uint64_t* size) {
  (void)ReadText(At(block, kName), name);
  return ReadNumber(At(block, kSize), size);
}

std::optional<graph::Refusal> ReadHeader(Bytes block, uint64_t offset, Header* out) {
  const std::string_view magic = At(block, kMagic);
  uint64_t stated = 0;
  // Not the signed sum: not every reader takes it.
  if (!ReadNumber(At(block, kChecksum), &stated) || Sum<uint8_t>(block) != AsSigned(stated) ||
      (magic != kPosix && magic != kGnu)) {
    return Refuse("MALFORMED",
                  "neither a header in POSIX's or GNU's form with a checksum that holds, nor the "
                  "end of the tar archive",
                  offset);
  }
  const auto malformed = [offset](const char* what) {
    return Refuse("MALFORMED", absl::StrCat("the header of a tar member ", what), offset);
  };
  std::string_view name;
  std::string_view prefix;
  if (!ReadText(At(block, kName), &name)) return malformed("has bytes behind its name");
  if (!ReadText(At(block, kPrefix), &prefix)) return malformed("has bytes behind its prefix");
  if (!ReadNumber(At(block, kSize), &out->size)) {
    return malformed("states a size that is no octal number");
  }
  if (magic == kGnu && !prefix.empty()) {
    return Refuse("TAR_UNSUPPORTED",
                  "the header of a tar member has GNU's extensions, or a prefix that GNU's form "
                  "has not",
                  offset);
  }
  out->name.clear();
  out->prefixed = !prefix.empty();
  if (out->prefixed) absl::StrAppend(&out->name, std::string(prefix), "/");
  absl::StrAppend(&out->name, std::string(name));
  // A NUL is how the oldest form says that it is a file.
  const char type = static_cast<char>(block[kType]);
  out->type = type == '\0' ? kFile : type;
  std::string_view link;
  const bool has_link = !ReadText(At(block, kLinkName), &link) || !link.empty();
  if ((out->type != kFile && out->type != kFolder && out->type != kPax) || has_link) {
    return Refuse("TAR_UNSUPPORTED",
                  absl::StrCat("the tar member '", graph::Quote(out->name), "' is ",
                               has_link && out->type == kFile ? "a file that names another one"
                                                              : WhatIs(type),
                               "; only plain files and folders are read"),
                  offset);
  }
  return std::nullopt;
}

}  // namespace loadlock::tar
