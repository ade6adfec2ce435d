#include "sandbox/formats/unsupported/heads.h"

#include <algorithm>
#include <cstdint>

namespace loadlock::formats {
namespace {

using bytes::Bytes;

std::string_view AsText(Bytes raw) {
  return {reinterpret_cast<const char*>(raw.data()), raw.size()};
}

// Protocol buffers: a varint of at most five bytes.
bool ReadVarint(bytes::Cursor* in, uint32_t* out) {
  constexpr int kMostBytes = 5;
  *out = 0;
  for (int i = 0; i < kMostBytes; ++i) {
    uint8_t byte = 0;
    if (!in->ReadU8(&byte)) return false;
    *out |= static_cast<uint32_t>(byte & 0x7F) << (7 * i);
    if ((byte & 0x80) == 0) return true;
  }
  return false;
}

// A message that begins with field 1, a small number, and goes on with field `tag`, whose first
// bytes, as far as they are in the file, are *content.
bool ReadModelProto(Bytes artifact, uint32_t* version, uint32_t* tag, Bytes* content) {
  constexpr uint8_t kField1Varint = 0x08;
  constexpr uint32_t kMaxVersion = 64;
  constexpr uint32_t kLengthDelimited = 2;
  bytes::Cursor in(artifact);
  uint8_t first = 0;
  uint32_t length = 0;
  if (!in.ReadU8(&first) || first != kField1Varint || !ReadVarint(&in, version) || *version == 0 ||
      *version > kMaxVersion || !ReadVarint(&in, tag) || (*tag & 7) != kLengthDelimited ||
      !ReadVarint(&in, &length)) {
    return false;
  }
  *content = in.rest().first(std::min<size_t>(in.remaining(), length));
  return true;
}

bool IsPrintable(Bytes text) {
  return std::all_of(text.begin(), text.end(), [](uint8_t c) { return c >= 0x20 && c < 0x7F; });
}

constexpr uint32_t kField2 = 0x12;

// What field 2 is tells the three apart that begin alike: a text, or a message.
bool HoldsAMessage(Bytes content) { return !content.empty() && !IsPrintable(content); }

}  // namespace

bool Begins(Bytes artifact, std::string_view magic) {
  return artifact.size() >= magic.size() &&
         std::equal(magic.begin(), magic.end(), artifact.begin(),
                    [](char want, uint8_t have) { return static_cast<uint8_t>(want) == have; });
}

bool IsHdf5(Bytes artifact) { return Begins(artifact, "\x89HDF\r\n\x1a\n"); }
bool Is7z(Bytes artifact) { return Begins(artifact, "7z\xbc\xaf\x27\x1c"); }
bool IsRar(Bytes artifact) { return Begins(artifact, "Rar!\x1a\x07"); }
bool IsCatboost(Bytes artifact) { return Begins(artifact, "CBM1"); }
bool IsOldJoblib(Bytes artifact) { return Begins(artifact, "ZF0x"); }
bool IsParquet(Bytes artifact) { return Begins(artifact, "PAR1"); }
bool IsArrow(Bytes artifact) { return Begins(artifact, "ARROW1") || Begins(artifact, "FEA1"); }
bool IsMatlab(Bytes artifact) { return Begins(artifact, "MATLAB 5.0 MAT-file"); }

bool IsJava(Bytes artifact) { return Begins(artifact, std::string_view("\xac\xed\x00\x05", 4)); }

bool IsExecutable(Bytes artifact) {
  return Begins(artifact,
                "\x7f"
                "ELF") ||
         Begins(artifact, std::string_view("MZ\x90\0", 4));
}

// Before GGUF: "ggml", "ggmf", "ggjt" and "ggla", as little-endian numbers.
bool IsOldGgml(Bytes artifact) {
  return Begins(artifact, "lmgg") || Begins(artifact, "fmgg") || Begins(artifact, "tjgg") ||
         Begins(artifact, "algg");
}

// ModelProto: ir_version, then producer_name or another text (2 to 6), or the graph (7).
bool IsOnnx(Bytes artifact) {
  constexpr uint32_t kGraph = 0x3a;
  uint32_t version = 0;
  uint32_t tag = 0;
  Bytes content;
  if (!ReadModelProto(artifact, &version, &tag, &content)) return false;
  return tag == kGraph || (tag >= kField2 && tag < kGraph && IsPrintable(content));
}

// SavedModel: schema version 1, then a MetaGraphDef whose MetaInfoDef begins with the operations
// (2) or is empty of texts before them.
bool IsSavedModel(Bytes artifact) {
  uint32_t version = 0;
  uint32_t tag = 0;
  Bytes content;
  if (!ReadModelProto(artifact, &version, &tag, &content) || version != 1 || tag != kField2 ||
      !HoldsAMessage(content)) {
    return false;
  }
  bytes::Cursor in(content);
  uint32_t meta_info = 0;
  uint32_t length = 0;
  uint32_t inner = 0;
  constexpr uint32_t kField1 = 0x0a;
  return ReadVarint(&in, &meta_info) && meta_info == kField1 && ReadVarint(&in, &length) &&
         ReadVarint(&in, &inner) && inner == kField2;
}

// Model: specification version, then a ModelDescription.
bool IsCoreMl(Bytes artifact) {
  uint32_t version = 0;
  uint32_t tag = 0;
  Bytes content;
  return ReadModelProto(artifact, &version, &tag, &content) && tag == kField2 &&
         HoldsAMessage(content) && !IsSavedModel(artifact);
}

// A flatbuffer with its identifier behind the root's offset.
bool IsTflite(Bytes artifact) {
  return artifact.size() >= 8 && Begins(artifact.subspan(4), "TFL3");
}

// xgboost before 3.1: a header of 136 bytes (with or without "binf" before it), then the names of
// objective and booster, each with its length.
bool IsOldXgboost(Bytes artifact) {
  constexpr uint64_t kHeader = 136;
  constexpr uint64_t kMaxName = 64;
  if (Begins(artifact, "binf") || Begins(artifact, "bs64\t")) return true;
  bytes::Cursor cursor(artifact);
  uint64_t length = 0;
  Bytes name;
  if (!cursor.Skip(kHeader) || !cursor.ReadLe64(&length) || length > kMaxName ||
      !cursor.Skip(length) || !cursor.ReadLe64(&length) || length > kMaxName ||
      !cursor.Read(length, &name)) {
    return false;
  }
  const std::string_view booster = AsText(name);
  return booster == "gbtree" || booster == "gblinear" || booster == "dart";
}

// saveRDS and save, in their binary (X) and text (A) forms; version 2 or 3 as a big-endian number.
bool IsR(Bytes artifact) {
  for (const std::string_view magic :
       {std::string_view("X\n\0\0\0\2", 6), std::string_view("X\n\0\0\0\3", 6),
        std::string_view("A\n2\n"), std::string_view("A\n3\n"), std::string_view("RDX2\n"),
        std::string_view("RDX3\n"), std::string_view("RDA2\n"), std::string_view("RDA3\n")}) {
    if (Begins(artifact, magic)) return true;
  }
  return false;
}

// CPython 3: a magic number between 3,000 and 3,999, "\r\n", then flags of two bits.
bool IsPyc(Bytes artifact) {
  bytes::Cursor in(artifact);
  uint16_t magic = 0;
  uint16_t end_of_line = 0;
  uint32_t flags = 0;
  return in.ReadLe16(&magic) && magic >= 3000 && magic < 4000 && in.ReadLe16(&end_of_line) &&
         end_of_line == 0x0a0d && in.ReadLe32(&flags) && flags <= 3;
}

}  // namespace loadlock::formats
