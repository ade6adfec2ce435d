#include "sandbox/formats/compressed/compressed.h"

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

// A stream that breaks is parsed up to there all the same: a reader of pickles would have run what
// comes before, and the report should name it. The break stays the reason.
void NameWhatIsThere(const Input& content, Output* output) {
  Output parsed;
  parsed.graph = output->graph;
  ParsePickleStream({content.artifact, content.source, content.offset}, content, &parsed);
  output->format = std::move(parsed.format);
}

// Parses the whole content by the format that it is of.
void ParseContent(const Input& content, const char* codec, Output* output) {
  if (content.artifact.empty()) {
    return Refuse("TRUNCATED", absl::StrCat("the ", codec, " stream holds no data"), output);
  }
  ParsePart(content, Place::kStream, absl::StrCat("the ", codec, " stream"), output);
}

}  // namespace

const char* IdentifyCompressed(bytes::Bytes artifact) {
  const compress::Codec* codec = FindCodec(artifact);
  return codec == nullptr ? nullptr : codec->name;
}

void ParseCompressed(const Input& input, Output* output) {
  const compress::Codec* codec = FindCodec(input.artifact);
  output->format.clear();
  auto broken = compress::DecompressAll(*codec, input.artifact, input.budget, input.decoded);
  Input content = input;
  content.artifact = input.decoded->Map();
  content.source = v1::BUFFER_SOURCE_DECODED;
  content.offset = 0;
  if (content.artifact.size() != input.decoded->size()) {
    output->format = codec->name;
    return Refuse(
        "BUDGET_HEAP",
        absl::StrCat("decompressed data cannot be mapped: ", std::strerror(input.decoded->error())),
        output);
  }
  if (!broken) {
    ParseContent(content, codec->name, output);
  } else {
    output->refusals.push_back(*std::move(broken));
    // Without content it is not known what would have stood in it.
    if (!content.artifact.empty()) NameWhatIsThere(content, output);
  }
  output->format =
      output->format.empty() ? codec->name : absl::StrCat(output->format, "+", codec->name);
}

}  // namespace loadlock::formats
