// Every codec that takes the header for its own.
#include "sandbox/decoders/compress/codec.h"
#include "tests/fuzz/parser_target.h"
#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using loadlock::fuzz::Require;
  const loadlock::bytes::Bytes artifact(data, size);
  for (const loadlock::compress::Codec& codec : loadlock::compress::Codecs()) {
    if (!codec.matches(artifact)) continue;
    loadlock::bytes::Budget budget(loadlock::formats::SmallBudget());
    loadlock::graph::DecodedFile decoded(loadlock::fuzz::EmptyDecodedFile(), &budget);
    const auto refusal = loadlock::compress::DecompressAll(codec, artifact, &budget, &decoded);
    Require(decoded.size() <= budget.limits().max_decoded_bytes, "output is within the budget");
    if (!refusal) continue;
    Require(refusal->byte_offset.has_value(), "a refusal says where");
    loadlock::fuzz::CheckRefusal(*refusal, size);
  }
  return 0;
}
