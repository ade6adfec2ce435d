#include "sandbox/decoders/zip/archive.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "sandbox/bytes/checked.h"
#include "sandbox/decoders/zip/crc32.h"
#include "sandbox/decoders/zip/inflate.h"
#include "sandbox/decoders/zip/records.h"

namespace loadlock::zip {
namespace {

using graph::Refuse;

// Cache line: arrays that are inflated need no copy at the client.
constexpr uint64_t kAlignment = 64;

// A header, its member, an index entry and a folded name.
constexpr uint64_t kHeapPerMember = sizeof(Header) + sizeof(Member) + 160;

graph::Refusal TooMuch() {
  return Refuse("BUDGET_HEAP", "the zip archive has more members than the request has memory for");
}

// All of the directory, which must be exactly `end.entries` headers.
std::optional<graph::Refusal> ReadDirectory(Bytes file, const End& end, bytes::Budget* budget,
                                            std::vector<Header>* out) {
  if (end.entries == 0) return Refuse("MALFORMED", "the zip archive has no members", 0);
  // Each header takes bytes: a count that cannot be true costs nothing.
  if (end.entries > kMaxMembers || end.entries > end.directory_size / kCentralSize) {
    return Refuse("ZIP_UNSUPPORTED",
                  absl::StrCat("the zip archive states ", end.entries,
                               " members, more than it has room for or than are read"),
                  end.directory_offset);
  }
  if (!budget->ChargeHeap(end.entries * kHeapPerMember)) return TooMuch();
  bytes::Cursor in;
  (void)bytes::Cursor(file).Sub(end.directory_offset, end.directory_size, &in);
  out->resize(end.entries);
  for (Header& header : *out) {
    if (auto refusal = ReadCentral(&in, &header)) return refusal;
  }
  if (!in.AtEnd()) {
    return Refuse("ZIP_MISMATCH",
                  absl::StrCat("the directory of the zip archive goes on for ", in.remaining(),
                               " bytes behind its last member"),
                  in.offset());
  }
  return std::nullopt;
}

// Torch finds members whatever their case, Python does not.
std::optional<graph::Refusal> CheckNames(const std::vector<Header>& headers,
                                         bytes::Budget* budget) {
  absl::flat_hash_set<std::string> seen;
  for (const Header& header : headers) {
    if (!budget->ChargeHeap(header.name.size())) return TooMuch();
    std::string_view name = header.name;
    if (IsDirectory(header)) name.remove_suffix(1);
    if (seen.insert(absl::AsciiStrToLower(std::string(name))).second) continue;
    return Refuse("DUPLICATE_MEMBER",
                  absl::StrCat("the zip archive has two members named '", graph::Quote(header.name),
                               "' (upper and lower case are the same)"),
                  header.at);
  }
  return std::nullopt;
}

// The entry that begins at central.offset and ends at `end`.
std::optional<graph::Refusal> ReadEntry(Bytes file, const Header& central, uint64_t end,
                                        Member* out) {
  bytes::Cursor in;
  if (central.offset > end || !bytes::Cursor(file).Sub(central.offset, end - central.offset, &in)) {
    return Refuse("ZIP_MISMATCH",
                  absl::StrCat("the zip member '", graph::Quote(central.name),
                               "' overlaps another one or lies outside of the archive"),
                  central.at);
  }
  Header local;
  if (auto refusal = ReadLocal(&in, central, &local)) return refusal;
  out->name = central.name;
  out->method = static_cast<Method>(central.method);
  out->data_offset = in.offset();
  out->size = central.size;
  out->crc = central.crc;
  out->offset = central.offset;
  if (!in.Read(central.compressed, &out->data)) {
    return Refuse("ZIP_MISMATCH",
                  absl::StrCat("the data of the zip member '", graph::Quote(central.name),
                               "' overlap the next member or the directory"),
                  in.offset());
  }
  return CheckDescriptor(in.rest(), in.offset(), central);
}

}  // namespace

bool HasMagic(Bytes file) {
  bytes::Cursor in(file);
  uint32_t signature = 0;
  if (!in.ReadLe32(&signature)) return false;
  return signature == kLocalSignature || signature == kEndSignature ||
         signature == kDescriptorSignature || signature == kCentralSignature;
}

std::optional<graph::Refusal> Archive::Open(const graph::Buffer& file, bytes::Budget* budget) {
  file_ = file;
  End end;
  if (auto refusal = ReadEnd(file.data, &end)) return refusal;
  std::vector<Header> headers;
  if (auto refusal = ReadDirectory(file.data, end, budget, &headers)) return refusal;
  if (auto refusal = CheckNames(headers, budget)) return refusal;
  if (headers.front().offset != 0) {
    return Refuse("ZIP_MISMATCH",
                  "bytes stand before the first member of the zip archive, or its members are in "
                  "another order than its directory",
                  0);
  }
  members_.reserve(headers.size());
  for (size_t i = 0; i < headers.size(); ++i) {
    const bool last = i + 1 == headers.size();
    const uint64_t entry_end = last ? end.directory_offset : headers[i + 1].offset;
    Member member;
    if (auto refusal = ReadEntry(file.data, headers[i], entry_end, &member)) return refusal;
    // A folder is proven to be empty of data, and no reader needs it.
    if (IsDirectory(headers[i])) continue;
    index_.emplace(member.name, static_cast<uint32_t>(members_.size()));
    members_.push_back(member);
  }
  if (members_.empty()) return Refuse("MALFORMED", "the zip archive has no members", 0);
  return std::nullopt;
}

const Member* Archive::Find(std::string_view name) const {
  const auto it = index_.find(name);
  return it == index_.end() ? nullptr : &members_[it->second];
}

std::optional<graph::Refusal> Archive::Extract(const Member& member, bytes::Budget* budget,
                                               graph::DecodedFile* decoded,
                                               graph::Buffer* out) const {
  const auto refuse = [&](const char* rule, const char* what) {
    graph::Refusal refusal =
        Refuse(rule, absl::StrCat("the zip member '", graph::Quote(member.name), "': ", what),
               member.data_offset);
    refusal.member_path = graph::Quote(member.name);
    return refusal;
  };
  if (member.method == Method::kStored) {
    *out = Stored(member);
    if (Crc32(member.data) == member.crc) return std::nullopt;
    return refuse("ZIP_MISMATCH", "its checksum is wrong; some readers would not notice");
  }
  if (!decoded->Align(kAlignment)) return refuse("BUDGET_DECODED", "it cannot be stored");
  *out = {v1::BUFFER_SOURCE_DECODED, decoded->size(), {}, member.size};
  const Inflated result = Inflate(member.data, member.size, member.crc, budget, decoded);
  return result.rule == nullptr ? std::nullopt : std::optional(refuse(result.rule, result.what));
}

}  // namespace loadlock::zip
