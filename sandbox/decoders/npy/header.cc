#include "sandbox/decoders/npy/header.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sandbox/bytes/utf8.h"
#include "sandbox/decoders/npy/literal.h"

namespace loadlock::npy {
namespace {

using graph::Refuse;

constexpr uint8_t kMagic[] = {0x93, 'N', 'U', 'M', 'P', 'Y'};

graph::Refusal Truncated(uint64_t offset) {
  return Refuse("TRUNCATED", "the file ends inside the .npy header", offset);
}

// Recursion is bounded by kMaxRecordDepth.
class HeaderParser {
 public:
  explicit HeaderParser(LiteralReader reader) : reader_(reader) {}

  std::optional<graph::Refusal> Parse(Header* out) {
    if (!Dict(out) && !refusal_) Fail("is not the dictionary that numpy writes");
    return std::move(refusal_);
  }

 private:
  // Keeps the first reason: that is the innermost.
  bool Fail(const std::string& what, const char* rule = "MALFORMED") {
    if (!refusal_) {
      refusal_ = Refuse(rule, absl::StrCat("the .npy header ", what), reader_.offset());
    }
    return false;
  }

  bool Dict(Header* out) {
    if (!reader_.Accept('{')) return false;
    bool descr = false;
    bool order = false;
    bool shape = false;
    while (!reader_.Accept('}')) {
      std::string key;
      if (!reader_.ReadString(&key) || !reader_.Accept(':')) return false;
      bool* seen = key == "descr"           ? &descr
                   : key == "fortran_order" ? &order
                   : key == "shape"         ? &shape
                                            : nullptr;
      if (seen == nullptr) return Fail(absl::StrCat("has the key ", graph::Quote(key)));
      if (*seen) return Fail(absl::StrCat("has the key ", key, " twice"));
      *seen = true;
      if (seen == &descr && !ReadDescr(0, &out->descr)) return false;
      if (seen == &order && !reader_.ReadBool(&out->fortran_order)) return false;
      if (seen == &shape && !ReadShape(&out->shape)) return false;
      if (!reader_.Accept(',') && !reader_.Next('}')) return false;
    }
    if (!descr || !order || !shape) return Fail("lacks descr, fortran_order or shape");
    return reader_.AcceptPaddingToEnd() ||
           Fail("does not end with spaces and one newline after the dictionary");
  }

  // (), (3,), (3, 4), (3, 4,)
  bool ReadShape(std::vector<int64_t>* out) {
    if (!reader_.Accept('(')) return false;
    bool comma = true;
    while (!reader_.Accept(')')) {
      int64_t dimension = 0;
      if (!comma || !reader_.ReadInt(&dimension)) {
        return Fail("has a shape that is not a tuple of non-negative integers");
      }
      out->push_back(dimension);
      if (out->size() > kMaxRank) return Fail("has more than 32 dimensions", "ARRAY_BOUNDS");
      comma = reader_.Accept(',');
    }
    // (3) is a number and no tuple.
    return out->size() != 1 || comma || Fail("has a shape that is not a tuple");
  }

  bool ReadDescr(int depth, Descr* out) {
    if (!reader_.Next('[')) {
      return reader_.ReadString(&out->typestr) || Fail("has a descr that is no string or list");
    }
    if (depth >= kMaxRecordDepth) return Fail("nests records too deep", "DTYPE");
    out->record = true;
    if (!reader_.Accept('[')) return false;
    bool comma = true;
    while (!reader_.Accept(']')) {
      if (!comma) return false;
      out->fields.emplace_back();
      if (!ReadField(depth, &out->fields.back())) return false;
      comma = reader_.Accept(',');
    }
    return true;
  }

  bool ReadField(int depth, Field* out) {
    if (!reader_.Accept('(')) return false;
    if (reader_.Next('(')) return Fail("has a field with a title, which is not supported", "DTYPE");
    if (!reader_.ReadString(&out->name) || !reader_.Accept(',') ||
        !ReadDescr(depth + 1, &out->descr)) {
      return false;
    }
    if (reader_.Accept(',')) {
      if (!ReadShape(&out->shape)) return false;
      if (out->shape.empty()) return Fail("has a field of an empty shape", "DTYPE");
    }
    return reader_.Accept(')');
  }

  LiteralReader reader_;
  std::optional<graph::Refusal> refusal_;
};

bool ReadLength(bytes::Cursor* cursor, uint8_t major, uint32_t* out) {
  if (major > 1) return cursor->ReadLe32(out);
  uint16_t length = 0;
  if (!cursor->ReadLe16(&length)) return false;
  *out = length;
  return true;
}

}  // namespace

bool HasMagic(bytes::Bytes file) {
  return file.size() >= sizeof(kMagic) &&
         std::equal(std::begin(kMagic), std::end(kMagic), file.begin());
}

std::optional<graph::Refusal> ReadHeader(bytes::Cursor* cursor, Header* out) {
  if (!HasMagic(cursor->rest())) {
    return Refuse("MALFORMED", "not a .npy file: the magic bytes are missing", cursor->offset());
  }
  uint8_t major = 0;
  uint8_t minor = 0;
  if (!cursor->Skip(sizeof(kMagic)) || !cursor->ReadU8(&major) || !cursor->ReadU8(&minor)) {
    return Truncated(cursor->offset());
  }
  if (major < 1 || major > 3 || minor != 0) {
    return Refuse("MALFORMED", absl::StrCat(".npy version ", major, ".", minor, " is unknown"),
                  cursor->offset() - 2);
  }
  uint32_t length = 0;
  if (!ReadLength(cursor, major, &length)) return Truncated(cursor->offset());
  if (length > kMaxHeader) {
    return Refuse(
        "MALFORMED",
        absl::StrCat("the .npy header claims ", length, " bytes, numpy reads at most ", kMaxHeader),
        cursor->offset());
  }
  const uint64_t start = cursor->offset();
  bytes::Bytes text;
  if (!cursor->Read(length, &text)) return Truncated(start + cursor->remaining());
  const bool utf8 = major == 3;
  if (utf8 && !bytes::ValidUtf8(text)) {
    return Refuse("MALFORMED", "the .npy header is not valid UTF-8", start);
  }
  out->data_offset = cursor->offset();
  return HeaderParser(
             LiteralReader(bytes::Cursor(text, start), utf8 ? LiteralReader::Encoding::kUtf8
                                                            : LiteralReader::Encoding::kLatin1))
      .Parse(out);
}

}  // namespace loadlock::npy
