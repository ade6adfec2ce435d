// Detection and every format behind it, as the worker runs them.
#include <algorithm>
#include <string_view>

#include "sandbox/bytes/utf8.h"
#include "sandbox/formats/registry.h"
#include "tests/fuzz/parser_target.h"
#include "tests/fuzz/target.h"

namespace loadlock::fuzz {
namespace {

bool IsUtf8(std::string_view text) {
  return bytes::ValidUtf8({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
}

// Exactly one format is chosen, or a reason is given.
void CheckDetection(bytes::Bytes artifact, const formats::Output& output) {
  const formats::Detection found = formats::Detect(artifact);
  Require(found.other_name == nullptr || found.format == nullptr, "two formats are none");
  Require((found.format == nullptr) || found.name != nullptr, "a format that is found has a name");
  if (found.format == nullptr) Require(!output.refusals.empty(), "what is unknown is refused");
}

void CheckOutput(bytes::Bytes artifact, const formats::Output& output,
                 graph::DecodedFile* decoded) {
  const uint64_t longest = std::max<uint64_t>(artifact.size(), decoded->size());
  for (const graph::Refusal& refusal : output.refusals) CheckRefusal(refusal, longest);
  for (const formats::GlobalUse& use : output.globals) {
    // The daemon escapes them; what is no UTF-8 it could not even read.
    Require(use.count() > 0 && IsUtf8(use.module()) && IsUtf8(use.name()),
            "names are text, and counted");
    Require(use.first_offset() <= longest, "and were read somewhere");
  }
  if (!output.refusals.empty()) {
    Require(output.root == graph::kNoNode, "what is refused has no root");
    return;
  }
  Require(!output.format.empty(), "an accepted file has a format");
  graph::Encoded encoded;
  if (const auto refusal = output.graph->Encode(output.root, &encoded)) {
    CheckRefusal(*refusal, longest);
    return;
  }
  CheckEncoded(encoded, artifact,
               decoded->size() > 0 ? decoded->Map() : absl::Span<const uint8_t>());
}

}  // namespace
}  // namespace loadlock::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace loadlock;  // NOLINT(google-build-using-namespace): the entry is in C's
  bytes::Budget budget(formats::SmallBudget());
  graph::Builder builder(&budget);
  graph::DecodedFile decoded(fuzz::EmptyDecodedFile(), &budget);
  formats::Output output;
  output.graph = &builder;
  const bytes::Bytes artifact(data, size);
  formats::Parse({artifact, &decoded, &budget}, &output);
  fuzz::CheckDetection(artifact, output);
  fuzz::CheckOutput(artifact, output, &decoded);
  return 0;
}
