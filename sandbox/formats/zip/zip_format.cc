#include "sandbox/formats/zip/zip_format.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sandbox/decoders/zip/archive.h"
#include "sandbox/formats/bundle/bundle.h"
#include "sandbox/formats/npz/npz_format.h"
#include "sandbox/formats/skops/skops_format.h"
#include "sandbox/formats/torch_zip/torch_zip_format.h"

namespace loadlock::formats {
namespace {

using zip::Archive;

bool HasSuffix(const Archive& archive, std::string_view suffix) {
  return std::any_of(archive.members().begin(), archive.members().end(),
                     [suffix](const zip::Member& member) { return member.name.ends_with(suffix); });
}

bool IsKeras(const Archive& archive) {
  return archive.Find("config.json") != nullptr && archive.Find("metadata.json") != nullptr;
}
bool IsSavedModel(const Archive& archive) { return HasSuffix(archive, "saved_model.pb"); }
bool IsCoreMl(const Archive& archive) { return HasSuffix(archive, "/model.mlmodel"); }
bool IsAny(const Archive&) { return true; }

// What numpy.savez(path) without arrays writes: an end record of zeros, and nothing else.
bool IsEmptyNpz(bytes::Bytes artifact) {
  constexpr std::array<uint8_t, 22> kEmpty = {'P', 'K', 5, 6};
  return std::equal(artifact.begin(), artifact.end(), kEmpty.begin(), kEmpty.end());
}

struct InZip {
  // As in reports.
  const char* name;
  bool (*matches)(const Archive& archive);
  // Null: known and refused, with what it is.
  void (*parse)(const Archive& archive, const Input& input, Output* output);
  const char* what;
};

// The first that matches.
constexpr InZip kInZip[] = {
    {"skops", IsSkops, ParseSkops, ""},
    {"torchscript", IsTorchScript, nullptr,
     "a TorchScript archive, which holds code that torch compiles and runs; save the state dict "
     "with torch.save(model.state_dict(), path), or export to ONNX"},
    {"torch-export", IsTorchExport, nullptr,
     "an archive of torch.export (.pt2), which holds a program that torch runs; save the state "
     "dict with torch.save(program.state_dict, path)"},
    {"torch-package", IsTorchPackage, nullptr,
     "an archive of torch.package, which holds Python code; save the state dict with torch.save"},
    {"mar", IsTorchServe, nullptr,
     "an archive of TorchServe (.mar), which holds Python code; unpack it and give the weights "
     "in it"},
    {"torch", IsTorchZip, ParseTorchZip, ""},
    {"keras", IsKeras, nullptr,
     "a Keras model, whose configuration may name Python code; save the weights as .npz or "
     ".safetensors"},
    {"tensorflow", IsSavedModel, nullptr,
     "a zipped TensorFlow SavedModel, whose operations may read and write files; save its "
     "variables as .npz or .safetensors"},
    {"coreml", IsCoreMl, nullptr,
     "a zipped Core ML package, which loadlock does not read; give the model that it was "
     "converted from"},
    {"npz", IsNpz, ParseNpz, ""},
    {"zip", IsAny, ParseZipBundle, ""},
};

}  // namespace

const char* IdentifyZip(bytes::Bytes artifact) { return zip::HasMagic(artifact) ? "zip" : nullptr; }

void ParseZip(const Input& input, Output* output) {
  output->format = "zip";
  const graph::Buffer whole = input.Whole();
  if (IsEmptyNpz(whole.data)) {
    output->format = "npz";
    output->root = output->graph->Dict();
    return;
  }
  Archive archive;
  if (auto refusal = archive.Open(whole, input.budget)) {
    output->refusals.push_back(*std::move(refusal));
    return;
  }
  for (const InZip& format : kInZip) {
    if (!format.matches(archive)) continue;
    output->format = format.name;
    if (format.parse != nullptr) return format.parse(archive, input, output);
    output->refusals.push_back(
        graph::Refuse("UNKNOWN_FORMAT", absl::StrCat("this is ", format.what)));
    return;
  }
}

}  // namespace loadlock::formats
