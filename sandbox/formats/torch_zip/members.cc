#include "sandbox/formats/torch_zip/members.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sandbox/decoders/numpy/lowering.h"

namespace loadlock::formats::torch_zip {
namespace {

using Result = std::optional<graph::Refusal>;

constexpr std::string_view kData = "data/";
constexpr std::string_view kPickle = "data.pkl";
constexpr std::string_view kVersion = "version";
constexpr std::string_view kOtherVersion = ".data/version";
constexpr std::string_view kByteOrder = "byteorder";
constexpr std::string_view kFormatVersion = ".format_version";
constexpr std::string_view kAlignment = ".storage_alignment";
constexpr std::string_view kSerializationId = ".data/serialization_id";
constexpr std::string_view kControl[] = {kPickle,        kVersion,   kOtherVersion,   kByteOrder,
                                         kFormatVersion, kAlignment, kSerializationId};

// torch's own range.
constexpr uint64_t kMaxVersion = 10;
constexpr uint64_t kMaxAlignment = uint64_t{1} << 20;
constexpr size_t kMaxSerializationId = 64;

std::string_view Text(const zip::Member& member) {
  return {reinterpret_cast<const char*>(member.data.data()), member.data.size()};
}

graph::Refusal At(const zip::Member& member, const char* rule, std::string message) {
  graph::Refusal refusal = graph::Refuse(rule, std::move(message), member.data_offset);
  refusal.member_path = graph::Quote(member.name);
  return refusal;
}

// Digits without zeros before them, at most `max`; 0 if it is no such number.
uint64_t Number(std::string_view text, uint64_t max) {
  if (text.empty() || text.size() > 8 || text[0] == '0') return 0;
  uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return 0;
    value = value * 10 + static_cast<uint64_t>(c - '0');
  }
  return value <= max ? value : 0;
}

bool IsDigits(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

const zip::Member* Members::Find(std::string_view name) const {
  return archive_->Find(absl::StrCat(folder_, std::string(name)));
}

Result Members::Open(const zip::Archive& archive, bytes::Budget* budget) {
  archive_ = &archive;
  const std::string_view first = archive.members()[0].name;
  folder_ = std::string(first.substr(0, first.find('/') + 1));
  for (const zip::Member& member : archive.members()) {
    if (Result refusal = CheckMember(member, budget)) return refusal;
  }
  pickle_ = Find(kPickle);
  if (pickle_ == nullptr) {
    return graph::Refuse("MALFORMED",
                         "the torch file has no data.pkl in the folder of its first "
                         "member");
  }
  if (Result refusal = ReadVersion()) return refusal;
  if (Result refusal = ReadByteOrder()) return refusal;
  return ReadNumbers();
}

Result Members::CheckMember(const zip::Member& member, bytes::Budget* budget) const {
  const std::string_view name = member.name;
  if (folder_.empty() || name.substr(0, folder_.size()) != folder_) {
    return At(member, "MALFORMED",
              "a member of the torch file does not lie in the folder of the first one");
  }
  if (member.method != zip::Method::kStored) {
    return At(member, "ZIP_UNSUPPORTED",
              "a member of the torch file is compressed, and a reader that maps it would take the "
              "compressed bytes for its data; load it and write it again with torch.save");
  }
  const std::string_view inner = name.substr(folder_.size());
  const bool known = IsStorage(member) || std::find(std::begin(kControl), std::end(kControl),
                                                    inner) != std::end(kControl);
  if (!known) {
    return At(member, "TRAILING_DATA",
              absl::StrCat("the torch file has a member that torch does not write: '",
                           graph::Quote(name), "'"));
  }
  // A stored member is read where it lies: nothing is written.
  graph::DecodedFile nowhere(-1, budget);
  graph::Buffer content;
  return archive_->Extract(member, budget, &nowhere, &content);
}

bool Members::IsStorage(const zip::Member& member) const {
  const std::string_view inner = member.name.substr(folder_.size());
  return inner.starts_with(kData) && inner.size() > kData.size();
}

const zip::Member* Members::FindStorage(std::string_view key, size_t* index) {
  name_ = folder_;
  name_ += kData;
  name_ += key;
  const zip::Member* member = archive_->Find(name_);
  if (member != nullptr) *index = static_cast<size_t>(member - archive_->members().data());
  return member;
}

// Two versions are two answers to which reader may read it.
Result Members::ReadVersion() {
  const zip::Member* const members[] = {Find(kVersion), Find(kOtherVersion)};
  uint64_t found = 0;
  for (const zip::Member* member : members) {
    if (member == nullptr) continue;
    std::string_view text = Text(*member);
    if (text.ends_with('\n')) text.remove_suffix(1);
    const uint64_t version = Number(text, kMaxVersion);
    if (version == 0 || (found != 0 && version != found)) {
      return At(*member, "MALFORMED", "the version of the torch file is not one from 1 to 10");
    }
    found = version;
  }
  if (found != 0) return std::nullopt;
  return graph::Refuse("MALFORMED", "the torch file has no version");
}

Result Members::ReadByteOrder() {
  const zip::Member* const member = Find(kByteOrder);
  if (member == nullptr || Text(*member) == "little") return std::nullopt;
  big_endian_ = Text(*member) == "big";
  if (big_endian_) return std::nullopt;
  return At(*member, "MALFORMED", "the byte order of the torch file is neither little nor big");
}

Result Members::ReadNumbers() const {
  const zip::Member* const format = Find(kFormatVersion);
  if (format != nullptr && Text(*format) != "1") {
    return At(*format, "MALFORMED", "the format version of the torch file is not 1");
  }
  const zip::Member* const alignment = Find(kAlignment);
  if (alignment != nullptr && Number(Text(*alignment), kMaxAlignment) == 0) {
    return At(*alignment, "MALFORMED", "the storage alignment of the torch file is no number");
  }
  const zip::Member* const id = Find(kSerializationId);
  if (id != nullptr && (id->size > kMaxSerializationId || !IsDigits(Text(*id)))) {
    return At(*id, "MALFORMED", "the serialization id of the torch file is no number");
  }
  return std::nullopt;
}

Storages::Storages(Members* members, const zip::Archive& archive, bytes::Budget* budget,
                   graph::DecodedFile* decoded, graph::Builder* builder)
    : members_(*members), archive_(archive), decoded_(*decoded), b_(*builder) {
  if (budget->ChargeHeap(archive.members().size() * sizeof(Entry))) {
    entries_.resize(archive.members().size());
  }
}

graph::NodeId Storages::Load(graph::NodeId id, torch::Failure* failure) {
  torch::StorageId storage;
  if (!torch::ReadStorageId(b_, id, /*with_view=*/false, &storage, failure)) return graph::kNoNode;
  size_t index = 0;
  const zip::Member* const member = members_.FindStorage(storage.key, &index);
  if (member == nullptr || index >= entries_.size()) {
    *failure = {"MALFORMED", absl::StrCat("there is no member data/", graph::Quote(storage.key),
                                          " for a storage")};
    return graph::kNoNode;
  }
  if (member->size != storage.bytes) {
    *failure = {"ARRAY_BOUNDS",
                absl::StrCat("a storage needs ", storage.bytes, " bytes, and its member '",
                             graph::Quote(member->name), "' has ", member->size)};
    return graph::kNoNode;
  }
  Entry& entry = entries_[index];
  if (entry.node == graph::kNoNode) {
    entry = {New(storage, *member, failure), storage.dtype};
    return entry.node;
  }
  if (entry.dtype == storage.dtype) return entry.node;
  // torch keeps the first type of a storage, but for one that is empty.
  if (storage.bytes == 0) return New(storage, *member, failure);
  *failure = {"SCHEMA",
              absl::StrCat("the storage ", graph::Quote(storage.key), " is of two types")};
  return graph::kNoNode;
}

graph::NodeId Storages::New(const torch::StorageId& id, const zip::Member& member,
                            torch::Failure* failure) {
  graph::Buffer data = archive_.Stored(member);
  if (members_.big_endian() && id.dtype->SwapUnit() > 1 && id.bytes > 0) {
    data.source = v1::BUFFER_SOURCE_DECODED;
    data.data = {};
    if (!numpy::AppendSwapped(&decoded_, member.data, id.dtype->SwapUnit(), &data.offset)) {
      *failure = {"BUDGET_DECODED", "decoded data cannot be written"};
      return graph::kNoNode;
    }
  }
  return b_.Storage({.type = id.dtype->name,
                     .buffer = b_.AddBuffer(data),
                     .elements = id.elements,
                     .item_size = id.dtype->item_size});
}

const zip::Member* Storages::Unused() const {
  for (size_t i = 0; i < entries_.size(); ++i) {
    const zip::Member& member = archive_.members()[i];
    if (entries_[i].node == graph::kNoNode && members_.IsStorage(member)) return &member;
  }
  return nullptr;
}

}  // namespace loadlock::formats::torch_zip
