#include "sandbox/formats/npy/npy_format.h"

#include <utility>

#include "sandbox/decoders/npy/header.h"
#include "sandbox/decoders/npy/npy.h"

namespace loadlock::formats {

const char* IdentifyNpy(bytes::Bytes artifact) { return npy::HasMagic(artifact) ? "npy" : nullptr; }

void ParseNpy(const Input& input, Output* output) {
  auto result = npy::Parse({input.artifact, input.source, input.offset}, *input.decoded,
                           *input.budget, *output->graph);
  output->format = "npy";
  if (result.refusal) {
    input.MakeRelative(&*result.refusal);
    output->refusals.push_back(*std::move(result.refusal));
  } else {
    output->root = result.root;
  }
}

}  // namespace loadlock::formats
