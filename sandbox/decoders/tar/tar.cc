#include "sandbox/decoders/tar/tar.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "sandbox/decoders/archive/name.h"
#include "sandbox/decoders/tar/header.h"

namespace loadlock::tar {
namespace {

using graph::Refuse;

// Two blocks of zeros end an archive; readers differ on archives with fewer.
constexpr uint64_t kEndBlocks = 2;
// A name, times and owners.
constexpr uint64_t kMaxPax = uint64_t{16} << 10;
// A member, its name, and its folded name in a set.
constexpr uint64_t kHeapPerMember = sizeof(Member) + 160;

class Reader {
 public:
  Reader(Bytes file, bytes::Budget* budget, std::vector<Member>* members)
      : in_(file), budget_(budget), members_(*members) {}

  std::optional<graph::Refusal> Read() {
    for (;;) {
      const uint64_t at = in_.offset();
      Bytes block;
      if (!in_.Read(kBlock, &block)) {
        return Refuse("TRUNCATED", "the tar archive ends without two blocks of zeros", at);
      }
      if (IsZero(block)) return End(at);
      if (auto refusal = ReadEntry(block, at)) return refusal;
    }
  }

 private:
  std::optional<graph::Refusal> ReadEntry(Bytes block, uint64_t at) {
    Header header;
    if (auto refusal = ReadHeader(block, at, &header)) return refusal;
    std::optional<std::string> pax_name;
    if (header.type == kPax) {
      if (auto refusal = TakePax(header, at, &pax_name)) return refusal;
      const uint64_t next = in_.offset();
      if (!in_.Read(kBlock, &block)) return Cut(next);
      if (auto refusal = ReadHeader(block, next, &header)) return refusal;
      if (header.type == kPax) return Refuse("MALFORMED", "two pax headers in a row", next);
    }
    const auto encoding =
        pax_name.has_value() ? archive::Encoding::kUtf8 : archive::Encoding::kUnknown;
    return TakeMember(header, std::move(pax_name).value_or(header.name), encoding, at);
  }

  std::optional<graph::Refusal> TakePax(const Header& header, uint64_t at,
                                        std::optional<std::string>* name) {
    if (header.size > kMaxPax) {
      return Refuse("TAR_UNSUPPORTED", "a pax header is longer than 16 KiB", at);
    }
    const uint64_t records_at = in_.offset();
    Bytes records;
    if (auto refusal = TakeData(header.size, at, &records)) return refusal;
    return ReadPax(records, records_at, name);
  }

  std::optional<graph::Refusal> TakeMember(const Header& header, std::string name,
                                           archive::Encoding encoding, uint64_t at) {
    if (header.type == kFolder) {
      if (header.size != 0) return Refuse("MALFORMED", "a folder in the tar archive has data", at);
      if (name == "." || name == "./") return std::nullopt;
      if (name.ends_with('/')) name.pop_back();
    }
    const bool literal =
        !header.prefixed && encoding == archive::Encoding::kUnknown && !name.starts_with("./");
    if (name.starts_with("./")) name.erase(0, 2);
    if (const char* why = archive::NameProblem(name, encoding)) {
      return Refuse(
          "TAR_NAME",
          absl::StrCat("the tar member name '", graph::Quote(name), "' is refused: ", why), at);
    }
    if (!budget_->ChargeHeap(kHeapPerMember + 2 * name.size())) {
      return Refuse("BUDGET_HEAP",
                    "the tar archive has more members than the request has memory for", at);
    }
    if (!names_.insert(absl::AsciiStrToLower(name)).second) {
      return Refuse("DUPLICATE_MEMBER",
                    absl::StrCat("the tar archive has two members named '", graph::Quote(name),
                                 "' (upper and lower case are the same)"),
                    at);
    }
    if (header.type == kFolder) return std::nullopt;
    Member member;
    member.name = std::move(name);
    member.literal = literal;
    member.offset = at;
    member.data_offset = in_.offset();
    if (auto refusal = TakeData(header.size, at, &member.data)) return refusal;
    members_.push_back(std::move(member));
    return std::nullopt;
  }

  // What an entry holds, and the zeros that fill its last block up.
  std::optional<graph::Refusal> TakeData(uint64_t size, uint64_t at, Bytes* out) {
    if (!in_.Read(size, out)) return Cut(at);
    const uint64_t padding_at = in_.offset();
    Bytes padding;
    if (!in_.Read((kBlock - size % kBlock) % kBlock, &padding)) return Cut(at);
    if (IsZero(padding)) return std::nullopt;
    return Refuse("TRAILING_DATA", "bytes that belong to no member stand behind a tar member",
                  padding_at);
  }

  static graph::Refusal Cut(uint64_t at) {
    return Refuse("TRUNCATED", "a tar member ends behind the end of the archive", at);
  }

  // At the first block of zeros.
  std::optional<graph::Refusal> End(uint64_t at) {
    const Bytes rest = in_.rest();
    if (rest.size() < (kEndBlocks - 1) * kBlock) {
      return Refuse("TRUNCATED", "the tar archive ends without two blocks of zeros", at);
    }
    const auto* other = std::find_if(rest.begin(), rest.end(), [](uint8_t b) { return b != 0; });
    if (other != rest.end()) {
      return Refuse("TRAILING_DATA",
                    "bytes stand behind the end of the tar archive; some readers go on there",
                    in_.offset() + static_cast<uint64_t>(other - rest.begin()));
    }
    if (rest.size() % kBlock == 0) return std::nullopt;
    return Refuse("MALFORMED", "the tar archive is not a whole number of blocks", at);
  }

  bytes::Cursor in_;
  bytes::Budget* budget_;
  std::vector<Member>& members_;
  absl::flat_hash_set<std::string> names_;
};

}  // namespace

bool HasMagic(Bytes file) { return ChecksumHolds(file); }

bool HasMember(Bytes file, std::string_view name) {
  bytes::Cursor in(file);
  Bytes block;
  while (in.Read(kBlock, &block) && ChecksumHolds(block)) {
    std::string_view found;
    uint64_t size = 0;
    const bool sized = ReadRoughly(block, &found, &size);
    if (found == name) return true;
    if (!sized || !in.Skip(size) || !in.Skip((kBlock - size % kBlock) % kBlock)) return false;
  }
  return false;
}

std::optional<graph::Refusal> Read(Bytes file, bytes::Budget* budget,
                                   std::vector<Member>* members) {
  return Reader(file, budget, members).Read();
}

}  // namespace loadlock::tar
