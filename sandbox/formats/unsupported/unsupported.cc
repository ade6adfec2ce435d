#include "sandbox/formats/unsupported/unsupported.h"

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "sandbox/decoders/tar/archive.h"
#include "sandbox/formats/torch_tar/torch_tar_format.h"

namespace loadlock::formats {
namespace {

using bytes::Bytes;

bool Begins(Bytes artifact, std::string_view magic) {
  return artifact.size() >= magic.size() &&
         std::equal(magic.begin(), magic.end(), artifact.begin(),
                    [](char want, uint8_t have) { return static_cast<uint8_t>(want) == have; });
}

bool IsGguf(Bytes artifact) { return Begins(artifact, "GGUF"); }
bool IsHdf5(Bytes artifact) { return Begins(artifact, "\x89HDF\r\n\x1a\n"); }
bool Is7z(Bytes artifact) { return Begins(artifact, "7z\xbc\xaf\x27\x1c"); }
bool IsZstd(Bytes artifact) { return Begins(artifact, "\x28\xb5\x2f\xfd"); }
bool IsCatboost(Bytes artifact) { return Begins(artifact, "CBM1"); }
bool IsOldJoblib(Bytes artifact) { return Begins(artifact, "ZF0x"); }

// A protobuf ModelProto: ir_version is field 1, then comes a string field (2 to 6) or the
// graph (7).
bool IsOnnx(Bytes artifact) {
  constexpr uint8_t kMaxIrVersion = 32;
  return artifact.size() >= 4 && artifact[0] == 0x08 && artifact[1] >= 1 &&
         artifact[1] <= kMaxIrVersion &&
         (artifact[2] == 0x12 || artifact[2] == 0x1a || artifact[2] == 0x3a);
}

bool IsTar(Bytes artifact) { return tar::IsTar(artifact) && IdentifyTorchTar(artifact) == nullptr; }

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
  const std::string_view booster(reinterpret_cast<const char*>(name.data()), name.size());
  return booster == "gbtree" || booster == "gblinear" || booster == "dart";
}

struct Unsupported {
  const char* name;
  bool (*matches)(Bytes artifact);
  const char* what;
};

constexpr Unsupported kUnsupported[] = {
    {"gguf", IsGguf, "a GGUF file, which is not supported yet"},
    {"hdf5", IsHdf5, "an HDF5 file (older Keras models), which is not supported yet"},
    {"onnx", IsOnnx, "what looks like an ONNX model, which is not supported yet"},
    {"tar", IsTar, "a tar archive; unpack it and give the files in it"},
    {"7z", Is7z, "a 7z archive; unpack it and give the files in it"},
    {"zstd", IsZstd, "a zstd stream, which joblib does not read either; decompress it first"},
    {"catboost", IsCatboost,
     "a CatBoost model, a flatbuffer with unchecked indices, which its library reads in the "
     "process "
     "that loads it; ask for ONNX (model.save_model(path, format='onnx'))"},
    {"xgboost-binary", IsOldXgboost,
     "a model in xgboost's old binary form, which newer versions do not load either; save it as "
     "JSON "
     "or UBJSON with the version that wrote it"},
    {"joblib-0.9", IsOldJoblib,
     "a file of joblib before 0.10, whose arrays lie in other files; load it where it was written "
     "and save it with a newer joblib"},
};

const Unsupported* Find(Bytes artifact) {
  for (const Unsupported& format : kUnsupported) {
    if (format.matches(artifact)) return &format;
  }
  return nullptr;
}

}  // namespace

const char* IdentifyUnsupported(Bytes artifact) {
  const Unsupported* format = Find(artifact);
  return format == nullptr ? nullptr : format->name;
}

void RefuseUnsupported(const Input& input, Output* output) {
  const Unsupported* format = Find(input.artifact);
  output->format = format->name;
  output->refusals.push_back(
      graph::Refuse("UNKNOWN_FORMAT", absl::StrCat("this is ", format->what)));
}

}  // namespace loadlock::formats
