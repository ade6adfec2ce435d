#include "sandbox/decoders/tar/archive.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace loadlock::tar {
namespace {

using graph::Refuse;
using Result = std::optional<graph::Refusal>;

constexpr size_t kBlock = 512;
constexpr size_t kRecord = 20 * kBlock;

// Fields of a header: where each begins, and its size.
constexpr size_t kNameSize = 100;
constexpr size_t kSize = 124;
constexpr size_t kSizeSize = 12;
constexpr size_t kChecksum = 148;
constexpr size_t kChecksumSize = 8;
constexpr size_t kType = 156;
constexpr size_t kLinkName = 157;
constexpr size_t kMagic = 257;
constexpr size_t kPrefix = 345;
constexpr size_t kPrefixSize = 155;

constexpr char kFile = '0';
constexpr char kPax = 'x';

// Torch files have four members; this is for other archives.
constexpr size_t kMaxMembers = 10'000;
// Of one pax header: times and owners.
constexpr size_t kMaxPax = 4096;

// What a pax header may say: nothing about which bytes are whose.
constexpr std::string_view kPaxKeys[] = {"mtime", "atime", "ctime", "uid", "gid", "uname", "gname"};

std::string_view AsText(Bytes raw) {
  return {reinterpret_cast<const char*>(raw.data()), raw.size()};
}

// Octal digits, then a zero or space (or the end of the field). False for anything else: there are
// also binary numbers, signs, and readers that skip what they do not know.
bool ReadOctal(Bytes field, uint64_t* value) {
  *value = 0;
  size_t i = 0;
  for (; i < field.size() && field[i] >= '0' && field[i] <= '7'; ++i) {
    *value = *value * 8 + field[i] - '0';
  }
  return i > 0 && std::all_of(field.begin() + static_cast<ptrdiff_t>(i), field.end(),
                              [](uint8_t c) { return c == 0 || c == ' '; });
}

// Python takes the sum of the bytes, signed or not, and skips spaces before the number.
bool ChecksumHolds(Bytes block) {
  Bytes field = block.subspan(kChecksum, kChecksumSize);
  while (!field.empty() && field[0] == ' ') field.remove_prefix(1);
  uint64_t stated = 0;
  if (!ReadOctal(field, &stated)) return false;
  uint64_t sum = 0;
  int64_t signed_sum = 0;
  for (size_t i = 0; i < kBlock; ++i) {
    const bool blank = i >= kChecksum && i < kChecksum + kChecksumSize;
    const uint8_t byte = blank ? uint8_t{' '} : block[i];
    sum += byte;
    signed_sum += static_cast<int8_t>(byte);
  }
  return stated == sum || static_cast<int64_t>(stated) == signed_sum;
}

bool IsZero(Bytes bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](uint8_t c) { return c == 0; });
}

std::string_view NameOf(Bytes block) {
  const std::string_view name = AsText(block.subspan(0, kNameSize));
  return name.substr(0, name.find('\0'));
}

uint64_t Padding(uint64_t size) { return (kBlock - size % kBlock) % kBlock; }

// Records of "LENGTH key=value\n", LENGTH being of all of the record.
bool PaxIsHarmless(Bytes data) {
  std::string_view rest = AsText(data);
  while (!rest.empty()) {
    const size_t space = rest.find(' ');
    uint64_t length = 0;
    if (space == 0 || space == std::string_view::npos || space > 4) return false;
    for (const char c : rest.substr(0, space)) {
      if (c < '0' || c > '9') return false;
      length = length * 10 + static_cast<uint64_t>(c - '0');
    }
    if (length <= space + 1 || length > rest.size() || rest[length - 1] != '\n') return false;
    const std::string_view record = rest.substr(space + 1, length - space - 1);
    const std::string_view key = record.substr(0, record.find('='));
    if (key.size() == record.size() ||
        std::find(std::begin(kPaxKeys), std::end(kPaxKeys), key) == std::end(kPaxKeys)) {
      return false;
    }
    rest.remove_prefix(length);
  }
  return true;
}

struct Header {
  std::string_view name;
  char type = 0;
  uint64_t size = 0;
};

const char* ReadHeader(Bytes block, Header* out) {
  if (!ChecksumHolds(block)) return "a header of the tar archive has a wrong checksum";
  if (AsText(block.subspan(kMagic, 5)) != "ustar") return "the tar archive is of an older kind";
  out->name = NameOf(block);
  out->type = static_cast<char>(block[kType]);
  if (!ReadOctal(block.subspan(kSize, kSizeSize), &out->size)) {
    return "the size of a member of the tar archive is not octal";
  }
  // The rest of the name's field would be another reader's name.
  if (!IsZero(block.subspan(out->name.size(), kNameSize - out->name.size())) ||
      !IsZero(block.subspan(kPrefix, kPrefixSize))) {
    return "the name of a member of the tar archive has a folder, or goes on behind its end";
  }
  if (!IsZero(block.subspan(kLinkName, 1))) return "a member of the tar archive is a link";
  return nullptr;
}

}  // namespace

bool IsTar(Bytes file) { return file.size() >= kBlock && ChecksumHolds(file.subspan(0, kBlock)); }

bool HasMember(Bytes file, std::string_view name) {
  bytes::Cursor in(file);
  Bytes block;
  for (size_t i = 0; i < kMaxMembers && in.Read(kBlock, &block) && ChecksumHolds(block); ++i) {
    uint64_t size = 0;
    if (NameOf(block) == name) return true;
    if (!ReadOctal(block.subspan(kSize, kSizeSize), &size) || !in.Skip(size) ||
        !in.Skip(Padding(size))) {
      return false;
    }
  }
  return false;
}

Result Archive::Open(Bytes file, bytes::Budget* budget) {
  if (file.size() % kRecord != 0) {
    return Refuse("TRUNCATED", "the tar archive is not a number of records of 10 KiB", file.size());
  }
  bytes::Cursor in(file);
  bool after_pax = false;
  while (true) {
    const uint64_t at = in.offset();
    Bytes block;
    if (!in.Read(kBlock, &block)) return Refuse("TRUNCATED", "the tar archive has no end", at);
    if (IsZero(block)) break;
    Header header;
    if (const char* why = ReadHeader(block, &header)) return Refuse("MALFORMED", why, at);
    if (header.type != kFile && header.type != kPax) {
      return Refuse("TAR_UNSUPPORTED", "a member of the tar archive is not a plain file", at);
    }
    Member member{header.name, {}, in.offset()};
    Bytes padding;
    if (!in.Read(header.size, &member.data) || !in.Read(Padding(header.size), &padding)) {
      return Refuse("TRUNCATED", "a member of the tar archive reaches beyond its end", at);
    }
    if (!IsZero(padding)) {
      return Refuse("TRAILING_DATA", "bytes stand between the members of the tar archive", at);
    }
    if (header.type == kPax) {
      if (after_pax || member.data.size() > kMaxPax || !PaxIsHarmless(member.data)) {
        return Refuse("TAR_UNSUPPORTED",
                      "a pax header of the tar archive says more than times and owners", at);
      }
      after_pax = true;
      continue;
    }
    after_pax = false;
    if (Find(member.name) != nullptr) {
      return Refuse(
          "DUPLICATE_MEMBER",
          absl::StrCat("the tar archive has two members named '", graph::Quote(member.name), "'"),
          at);
    }
    if (members_.size() == kMaxMembers || !budget->ChargeWork(members_.size()) ||
        !budget->ChargeHeap(sizeof(Member))) {
      return Refuse("TAR_UNSUPPORTED", "the tar archive has more members than are read", at);
    }
    members_.push_back(member);
  }
  if (after_pax || in.remaining() < kBlock || !IsZero(in.rest()) || in.remaining() >= kRecord) {
    return Refuse("TRAILING_DATA",
                  "the tar archive does not end with two blocks of zeros and what fills its record",
                  in.offset());
  }
  return std::nullopt;
}

const Member* Archive::Find(std::string_view name) const {
  const auto found = std::find_if(members_.begin(), members_.end(),
                                  [name](const Member& member) { return member.name == name; });
  return found == members_.end() ? nullptr : &*found;
}

}  // namespace loadlock::tar
