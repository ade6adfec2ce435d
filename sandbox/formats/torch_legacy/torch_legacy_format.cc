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
  const graph::Buffer file = {v1::BUFFER_SOURCE_ARTIFACT, 0, input.artifact, input.artifact.size()};
  pickle::ParseResult result =
      pickle::ParseTorchLegacy(file, {}, *input.decoded, *input.budget, *output->graph);
  if (result.refusal) {
    output->refusals.push_back(*std::move(result.refusal));
  } else {
    output->root = result.root;
  }
}

}  // namespace loadlock::formats
