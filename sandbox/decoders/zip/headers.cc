#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sandbox/decoders/archive/name.h"
#include "sandbox/decoders/zip/archive.h"
#include "sandbox/decoders/zip/records.h"

namespace loadlock::zip {
namespace {

using graph::Refuse;

// Extra fields that change nothing of what a member is: zip64, torch's padding ("FB"), and times
// and owners of Unix. Any other could: 0x7075 gives the member another name.
constexpr uint16_t kExtraZip64 = 0x0001;
constexpr uint16_t kExtraTorchPadding = 0x4246;
constexpr uint16_t kExtraUnixTimes = 0x5455;
constexpr uint16_t kExtraUnixOwner = 0x7875;

// Up to zip64; what is above is encryption and other compressions.
constexpr uint16_t kMaxVersion = 45;
constexpr uint16_t kEncrypted = 0x0001;
constexpr uint16_t kDeflateLevel = 0x0006;
constexpr uint16_t kPatched = 0x0020;
constexpr uint16_t kStrongEncryption = 0x0040;
constexpr uint16_t kMaskedHeaders = 0x2000;

constexpr uint32_t kDosDirectory = 0x10;
constexpr uint32_t kUnixType = 0170000;
constexpr uint32_t kUnixRegular = 0100000;
constexpr uint32_t kUnixDirectory = 0040000;

std::string Shown(std::string_view name) { return absl::StrCat("'", graph::Quote(name), "'"); }

std::string_view AsText(Bytes raw) {
  return {reinterpret_cast<const char*>(raw.data()), raw.size()};
}

// Reads the extra field; *zip64 is the content of its zip64 part, unset if it has none.
const char* ExtraProblem(Bytes extra, std::optional<Bytes>* zip64) {
  bytes::Cursor in(extra);
  while (!in.AtEnd()) {
    uint16_t id = 0;
    uint16_t size = 0;
    Bytes content;
    if (!in.ReadLe16(&id) || !in.ReadLe16(&size) || !in.Read(size, &content)) {
      return "its extra field is cut off";
    }
    switch (id) {
      case kExtraZip64:
        if (zip64->has_value()) return "its zip64 sizes come twice";
        *zip64 = content;
        break;
      case kExtraTorchPadding:
      case kExtraUnixTimes:
      case kExtraUnixOwner:
        break;
      default:
        return "its extra field holds what readers may take for another name or size";
    }
  }
  return nullptr;
}

const char* FlagProblem(const Header& header) {
  if ((header.flags & kEncrypted) != 0) return "it is encrypted";
  if ((header.flags & kPatched) != 0) return "it is a patch of other data";
  if ((header.flags & kStrongEncryption) != 0) return "it is encrypted";
  if ((header.flags & kMaskedHeaders) != 0) return "its header is masked";
  const bool deflate = header.method == static_cast<uint16_t>(Method::kDeflate);
  const uint16_t known = kFlagDescriptor | kFlagUtf8 | (deflate ? kDeflateLevel : 0);
  return (header.flags & ~known) == 0 ? nullptr : "it has flags that readers treat differently";
}

const char* MethodName(uint16_t method) {
  switch (method) {
    case 9:
      return "deflate64";
    case 12:
      return "bzip2";
    case 14:
      return "lzma";
    case 93:
      return "zstd";
    case 95:
      return "xz";
    case 99:
      return "AES encryption";
    default:
      return "a method that is not known";
  }
}

std::optional<graph::Refusal> CheckWhatItIs(const Header& header) {
  const auto unsupported = [&](const std::string& why) {
    return Refuse("ZIP_UNSUPPORTED",
                  absl::StrCat("the zip member ", Shown(header.name), " is refused: ", why),
                  header.at);
  };
  if (const char* why = FlagProblem(header)) return unsupported(why);
  if (header.method != static_cast<uint16_t>(Method::kStored) &&
      header.method != static_cast<uint16_t>(Method::kDeflate)) {
    return unsupported(absl::StrCat("it is compressed with ", MethodName(header.method),
                                    "; only stored and deflate are read"));
  }
  if (header.version_needed > kMaxVersion) return unsupported("it needs a newer reader");
  if (header.disk != 0) return unsupported("it lies in another file");
  if (header.internal_attributes > 1) return unsupported("its attributes are not known");
  const uint32_t unix_type = header.external_attributes >> 16 & kUnixType;
  if (IsDirectory(header)) {
    if (unix_type == 0 || unix_type == kUnixDirectory) return std::nullopt;
    return unsupported("its name is that of a directory, its attributes say otherwise");
  }
  if ((header.external_attributes & kDosDirectory) != 0 ||
      (unix_type != 0 && unix_type != kUnixRegular)) {
    return unsupported("its attributes say that it is a directory or another special file");
  }
  return std::nullopt;
}

graph::Refusal Mismatch(const Header& header, const std::string& what) {
  return Refuse("ZIP_MISMATCH",
                absl::StrCat("the zip member ", Shown(header.name), ": ", what,
                             ", so that readers differ on it"),
                header.at);
}

// In the directory each value that does not fit stands in the zip64 field, in this order.
bool Resolve(const Header& header, std::optional<Bytes> zip64, uint64_t* size, uint64_t* compressed,
             uint64_t* offset) {
  *size = header.size32;
  *compressed = header.compressed32;
  *offset = header.offset32;
  const bool wanted =
      header.size32 == kSee64 || header.compressed32 == kSee64 || header.offset32 == kSee64;
  if (wanted != zip64.has_value()) return false;
  if (!wanted) return true;
  bytes::Cursor in(*zip64);
  return (header.size32 != kSee64 || in.ReadLe64(size)) &&
         (header.compressed32 != kSee64 || in.ReadLe64(compressed)) &&
         (header.offset32 != kSee64 || in.ReadLe64(offset)) && in.AtEnd();
}

// What torch puts into the local zip64 field: the values that do not fit, though its local sizes
// are zero.
bool HoldsWhatDoesNotFit(Bytes zip64, const Header& central) {
  bytes::Cursor in(zip64);
  for (const uint64_t value : {central.size, central.compressed, central.offset}) {
    uint64_t stated = 0;
    if (value >= kSee64 && (!in.ReadLe64(&stated) || stated != value)) return false;
  }
  return in.AtEnd();
}

// Both sizes, as the specification has the local field.
bool HoldsBoth(Bytes zip64, uint64_t size, uint64_t compressed) {
  bytes::Cursor in(zip64);
  uint64_t first = 0;
  uint64_t second = 0;
  return in.ReadLe64(&first) && in.ReadLe64(&second) && in.AtEnd() && first == size &&
         second == compressed;
}

// Local sizes are those of the directory, in the header, in the zip64 field or (as Python before
// 3.12 writes small members) in both; or, if a descriptor follows, they may be zero.
bool SizesAgree(const Header& local, std::optional<Bytes> zip64, const Header& central) {
  const bool descriptor = (local.flags & kFlagDescriptor) != 0;
  const bool both = zip64.has_value() && (HoldsBoth(*zip64, central.size, central.compressed) ||
                                          (descriptor && HoldsBoth(*zip64, 0, 0)));
  if (local.size32 == kSee64 && local.compressed32 == kSee64) return both;
  const bool zero = descriptor && local.size32 == 0 && local.compressed32 == 0;
  if (zip64.has_value() && !both && !(zero && HoldsWhatDoesNotFit(*zip64, central))) return false;
  return zero || (local.size32 == central.size && local.compressed32 == central.compressed);
}

bool ReadFixedLocal(bytes::Cursor* in, Header* out, uint16_t* name_size, uint16_t* extra_size) {
  uint32_t signature = 0;
  uint32_t time = 0;
  return in->ReadLe32(&signature) && signature == kLocalSignature &&
         in->ReadLe16(&out->version_needed) && in->ReadLe16(&out->flags) &&
         in->ReadLe16(&out->method) && in->ReadLe32(&time) && in->ReadLe32(&out->crc) &&
         in->ReadLe32(&out->compressed32) && in->ReadLe32(&out->size32) &&
         in->ReadLe16(name_size) && in->ReadLe16(extra_size);
}

}  // namespace

std::optional<graph::Refusal> ReadCentral(bytes::Cursor* in, Header* out) {
  out->at = in->offset();
  uint32_t signature = 0;
  uint16_t made_by = 0;
  uint32_t time = 0;
  uint16_t name_size = 0;
  uint16_t extra_size = 0;
  uint16_t comment_size = 0;
  Bytes name;
  if (!in->ReadLe32(&signature) || signature != kCentralSignature || !in->ReadLe16(&made_by) ||
      !in->ReadLe16(&out->version_needed) || !in->ReadLe16(&out->flags) ||
      !in->ReadLe16(&out->method) || !in->ReadLe32(&time) || !in->ReadLe32(&out->crc) ||
      !in->ReadLe32(&out->compressed32) || !in->ReadLe32(&out->size32) ||
      !in->ReadLe16(&name_size) || !in->ReadLe16(&extra_size) || !in->ReadLe16(&comment_size) ||
      !in->ReadLe16(&out->disk) || !in->ReadLe16(&out->internal_attributes) ||
      !in->ReadLe32(&out->external_attributes) || !in->ReadLe32(&out->offset32) ||
      !in->Read(name_size, &name) || !in->Read(extra_size, &out->extra)) {
    return Refuse("MALFORMED", "the directory of the zip archive is malformed", out->at);
  }
  out->name = AsText(name);
  const auto encoding =
      (out->flags & kFlagUtf8) != 0 ? archive::Encoding::kUtf8 : archive::Encoding::kUnknown;
  std::string_view path = out->name;
  if (IsDirectory(*out)) path.remove_suffix(1);
  if (const char* why = archive::NameProblem(path, encoding)) {
    return Refuse("ZIP_NAME",
                  absl::StrCat("the zip member name ", Shown(out->name), " is refused: ", why),
                  out->at);
  }
  if (comment_size != 0) {
    return Refuse("ZIP_UNSUPPORTED",
                  absl::StrCat("the zip member ", Shown(out->name), " has a comment"), out->at);
  }
  if (auto refusal = CheckWhatItIs(*out)) return refusal;
  std::optional<Bytes> zip64;
  if (const char* why = ExtraProblem(out->extra, &zip64)) return Mismatch(*out, why);
  if (!Resolve(*out, zip64, &out->size, &out->compressed, &out->offset)) {
    return Mismatch(*out, "its zip64 field does not hold exactly the sizes that refer to it");
  }
  if (out->method == static_cast<uint16_t>(Method::kStored) && out->size != out->compressed) {
    return Mismatch(*out, "it is stored, and its two sizes are not the same");
  }
  if (IsDirectory(*out) &&
      (out->method != static_cast<uint16_t>(Method::kStored) || out->size != 0 || out->crc != 0)) {
    return Mismatch(*out, "it is a directory by its name and has data");
  }
  return std::nullopt;
}

std::optional<graph::Refusal> ReadLocal(bytes::Cursor* in, const Header& central, Header* out) {
  out->at = in->offset();
  uint16_t name_size = 0;
  uint16_t extra_size = 0;
  Bytes name;
  if (!ReadFixedLocal(in, out, &name_size, &extra_size) || !in->Read(name_size, &name) ||
      !in->Read(extra_size, &out->extra)) {
    return Refuse("ZIP_MISMATCH",
                  absl::StrCat("the zip member ", Shown(central.name),
                               " does not begin where the directory says: members overlap, or "
                               "there is no local header"),
                  out->at);
  }
  out->name = AsText(name);
  const auto differs = [&](const char* what) {
    return Mismatch(central, absl::StrCat("its ", what,
                                          " in the directory and before its data "
                                          "are not the same"));
  };
  if (out->name != central.name) return differs("name");
  if (out->flags != central.flags) return differs("flags");
  if (out->method != central.method) return differs("compression method");
  if (out->version_needed > kMaxVersion) return differs("version");
  std::optional<Bytes> zip64;
  if (const char* why = ExtraProblem(out->extra, &zip64)) return Mismatch(central, why);
  const bool descriptor = (out->flags & kFlagDescriptor) != 0;
  if (out->crc != central.crc && !(descriptor && out->crc == 0)) return differs("checksum");
  if (!SizesAgree(*out, zip64, central)) return differs("size");
  return std::nullopt;
}

std::optional<graph::Refusal> CheckDescriptor(Bytes bytes, uint64_t offset, const Header& central) {
  const bool wanted = (central.flags & kFlagDescriptor) != 0;
  // torch writes none behind an empty record.
  const bool may_lack = !wanted || (central.size == 0 && central.compressed == 0);
  if (bytes.empty() && may_lack) return std::nullopt;
  bytes::Cursor in(bytes, offset);
  uint32_t signature = 0;
  uint32_t crc = 0;
  uint64_t compressed = 0;
  uint64_t size = 0;
  bool read = wanted && in.ReadLe32(&signature) && in.ReadLe32(&crc);
  if (in.remaining() == 16) {
    read = read && in.ReadLe64(&compressed) && in.ReadLe64(&size);
  } else {
    uint32_t compressed32 = 0;
    uint32_t size32 = 0;
    read = read && in.ReadLe32(&compressed32) && in.ReadLe32(&size32);
    compressed = compressed32;
    size = size32;
  }
  if (read && in.AtEnd() && signature == kDescriptorSignature && crc == central.crc &&
      compressed == central.compressed && size == central.size) {
    return std::nullopt;
  }
  return Refuse("ZIP_MISMATCH",
                absl::StrCat("the zip member ", Shown(central.name),
                             ": what follows its data is no data descriptor that agrees with the "
                             "directory; readers may find other data there"),
                offset);
}

}  // namespace loadlock::zip
