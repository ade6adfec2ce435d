#include "sandbox/formats/registry.h"

#include <algorithm>
#include <iterator>
#include <string>

#include "absl/strings/str_cat.h"
#include "sandbox/formats/boosters/lightgbm_format.h"
#include "sandbox/formats/boosters/xgboost_format.h"
#include "sandbox/formats/bundle/bundle.h"
#include "sandbox/formats/compressed/compressed.h"
#include "sandbox/formats/gguf/gguf_format.h"
#include "sandbox/formats/npy/npy_format.h"
#include "sandbox/formats/pickle/pickle_format.h"
#include "sandbox/formats/safetensors/index.h"
#include "sandbox/formats/safetensors/other_readers.h"
#include "sandbox/formats/safetensors/safetensors_format.h"
#include "sandbox/formats/torch_legacy/torch_legacy_format.h"
#include "sandbox/formats/torch_tar/torch_tar_format.h"
#include "sandbox/formats/unsupported/unsupported.h"
#include "sandbox/formats/zip/zip_format.h"

namespace loadlock::formats {
namespace {

// One line a format.
constexpr Format kFormats[] = {
    {IdentifyPickle, ParsePickle, Claim::kReads, Place::kMember},
    {IdentifyCompressed, ParseCompressed},
    {IdentifyNpy, ParseNpy, Claim::kReads, Place::kMember},
    {IdentifyXgboost, ParseXgboost, Claim::kReads, Place::kMember},
    {IdentifyLightgbm, ParseLightgbm, Claim::kReads, Place::kMember},
    {IdentifySafetensors, ParseSafetensors, Claim::kReads, Place::kMember},
    // A member of an archive has no folder in which other files are.
    {IdentifySafetensorsIndex, ParseSafetensorsIndex},
    {IdentifyGguf, ParseGguf, Claim::kReads, Place::kMember},
    {IdentifyZip, ParseZip, Claim::kReads, Place::kStream},
    {IdentifyTorchLegacy, ParseTorchLegacy, Claim::kReads, Place::kMember},
    {IdentifyTorchTar, ParseTorchTar, Claim::kReads, Place::kStream},
    {IdentifyTar, ParseTar, Claim::kReads, Place::kStream},
    {IdentifyUnsupported, RefuseUnsupported, Claim::kNames, Place::kMember},
    {IdentifyHeaderlessPickle, ParseHeaderlessPickle, Claim::kLastResort, Place::kMember},
};

Detection DetectAmong(bytes::Bytes artifact, Claim claim) {
  Detection found;
  for (const Format& format : kFormats) {
    if (format.claim != claim) continue;
    const char* name = format.identify(artifact);
    if (name == nullptr) continue;
    if (found.name != nullptr) return {nullptr, found.name, name};
    found = {&format, name, nullptr};
  }
  return found;
}

}  // namespace

absl::Span<const Format> Registry() { return kFormats; }

Detection Detect(bytes::Bytes artifact) {
  // What another format makes of a number and a text is not left to how that format begins.
  if (const char* safetensors = IdentifySafetensors(artifact)) {
    const char* other = OtherReaderOfSafetensors(artifact);
    if (other != nullptr) return {nullptr, safetensors, other};
    const auto* format =
        std::find_if(std::begin(kFormats), std::end(kFormats),
                     [](const Format& f) { return f.identify == IdentifySafetensors; });
    return {format, safetensors, nullptr};
  }
  for (const Claim claim : {Claim::kReads, Claim::kNames}) {
    const Detection found = DetectAmong(artifact, claim);
    if (found.name != nullptr) return found;
  }
  return DetectAmong(artifact, Claim::kLastResort);
}

void ParsePart(const Input& input, Place place, std::string_view where, Output* output) {
  const std::string holder(where);
  const auto refuse = [output](const std::string& message) {
    output->refusals.push_back(graph::Refuse("UNKNOWN_FORMAT", message));
  };
  const Detection found = Detect(input.artifact);
  output->format.clear();
  if (found.format != nullptr && found.format->place >= place) {
    output->format = found.name;
    found.format->parse(input, output);
  } else if (found.format != nullptr) {
    refuse(absl::StrCat(holder, " holds ", found.name,
                        ", which is not read from within it; take it out first"));
  } else if (found.name != nullptr) {
    refuse(absl::StrCat("the content of ", holder, " is valid as ", found.name, " and as ",
                        found.other_name, ", so that readers differ on it"));
  } else {
    const auto* begin = reinterpret_cast<const char*>(input.artifact.data());
    refuse(absl::StrCat("what ", holder, " holds is none of the known formats; it begins with ",
                        graph::Quote({begin, std::min<size_t>(input.artifact.size(), 8)})));
  }
}

}  // namespace loadlock::formats
