#include "sandbox/formats/joblib/compressed.h"

#include <cstring>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sandbox/decoders/compress/codec.h"
#include "sandbox/formats/pickle/pickle_format.h"
#include "sandbox/formats/registry.h"

namespace loadlock::formats {
namespace {

const compress::Codec* FindCodec(bytes::Bytes artifact) {
  for (const compress::Codec& codec : compress::Codecs()) {
    if (codec.matches(artifact)) return &codec;
  }
  return nullptr;
}

void Refuse(const char* rule, std::string message, Output* output) {
  output->refusals.push_back(graph::Refuse(rule, std::move(message)));
}

// Whether the decompressed content may be parsed as a pickle; refuses if not.
bool HoldsAPickle(bytes::Bytes content, const char* codec, Output* output) {
  if (content.empty()) {
    Refuse("TRUNCATED", absl::StrCat("the ", codec, " stream holds no data"), output);
    return false;
  }
  const Detection found = Detect(content);
  if (found.other_name != nullptr) {
    Refuse("UNKNOWN_FORMAT",
           absl::StrCat("the content of the ", codec, " stream is valid as ", found.name,
                        " and as ", found.other_name, ", so that readers differ on it"),
           output);
    return false;
  }
  if (found.format == nullptr || found.name == std::string_view("pickle")) return true;
  Refuse("UNKNOWN_FORMAT",
         absl::StrCat("the ", codec, " stream holds ", found.name,
                      ", and only a pickle is read from a compressed stream; decompress it first"),
         output);
  return false;
}

}  // namespace

const char* IdentifyCompressed(bytes::Bytes artifact) {
  const compress::Codec* codec = FindCodec(artifact);
  return codec == nullptr ? nullptr : codec->name;
}

void ParseCompressed(const Input& input, Output* output) {
  const compress::Codec* codec = FindCodec(input.artifact);
  auto broken = compress::DecompressAll(*codec, input.artifact, input.budget, input.decoded);
  const bool whole = !broken;
  if (broken) output->refusals.push_back(*std::move(broken));
  const bytes::Bytes content = input.decoded->Map();
  if (content.size() != input.decoded->size()) {
    Refuse(
        "BUDGET_HEAP",
        absl::StrCat("decompressed data cannot be mapped: ", std::strerror(input.decoded->error())),
        output);
    return;
  }
  if (whole && !HoldsAPickle(content, codec->name, output)) return;
  if (content.empty()) {
    // Whether a pickle or joblib stands in it is not known.
    output->format = codec->name;
    return;
  }
  // A stream that breaks is parsed up to there all the same: Python would have run what
  // comes before, and the report should name it. The break stays the reason.
  Output parsed;
  parsed.graph = output->graph;
  ParsePickleStream({content, v1::BUFFER_SOURCE_DECODED, 0}, input, &parsed);
  output->format = absl::StrCat(parsed.format, "+", codec->name);
  if (!whole) return;
  output->root = parsed.root;
  output->refusals = std::move(parsed.refusals);
}

}  // namespace loadlock::formats
