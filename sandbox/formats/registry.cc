#include "sandbox/formats/registry.h"

#include "sandbox/formats/boosters/lightgbm_format.h"
#include "sandbox/formats/boosters/xgboost_format.h"
#include "sandbox/formats/joblib/compressed.h"
#include "sandbox/formats/npy/npy_format.h"
#include "sandbox/formats/pickle/pickle_format.h"
#include "sandbox/formats/safetensors/safetensors_format.h"
#include "sandbox/formats/torch_legacy/torch_legacy_format.h"
#include "sandbox/formats/torch_tar/torch_tar_format.h"
#include "sandbox/formats/unsupported/unsupported.h"
#include "sandbox/formats/zip/zip_format.h"

namespace loadlock::formats {
namespace {

// One line a format.
constexpr Format kFormats[] = {
    {IdentifyPickle, ParsePickle},
    {IdentifyCompressed, ParseCompressed},
    {IdentifyNpy, ParseNpy},
    {IdentifyXgboost, ParseXgboost},
    {IdentifyLightgbm, ParseLightgbm},
    {IdentifySafetensors, ParseSafetensors},
    {IdentifyZip, ParseZip},
    {IdentifyTorchLegacy, ParseTorchLegacy},
    {IdentifyTorchTar, ParseTorchTar},
    {IdentifyUnsupported, RefuseUnsupported},
    {IdentifyHeaderlessPickle, ParseHeaderlessPickle, /*last_resort=*/true},
};

Detection DetectAmong(bytes::Bytes artifact, bool last_resort) {
  Detection found;
  for (const Format& format : kFormats) {
    if (format.last_resort != last_resort) continue;
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
  const Detection found = DetectAmong(artifact, /*last_resort=*/false);
  return found.name != nullptr ? found : DetectAmong(artifact, /*last_resort=*/true);
}

}  // namespace loadlock::formats
