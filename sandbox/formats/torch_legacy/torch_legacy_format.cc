#include "sandbox/formats/torch_legacy/torch_legacy_format.h"

#include <utility>

#include "sandbox/decoders/pickle/torch_legacy.h"

namespace loadlock::formats {
namespace {

constexpr char kName[] = "torch-legacy";

}  // namespace

const char* IdentifyTorchLegacy(bytes::Bytes artifact) {
  return pickle::IsTorchLegacy(artifact) ? kName : nullptr;
}

void ParseTorchLegacy(const Input& input, Output* output) {
  output->format = kName;
  pickle::ParseResult result =
      pickle::ParseTorchLegacy(input.Whole(), {}, *input.decoded, *input.budget, *output->graph);
  if (result.refusal) {
    input.MakeRelative(&*result.refusal);
    output->refusals.push_back(*std::move(result.refusal));
  } else {
    output->root = result.root;
  }
}

}  // namespace loadlock::formats
