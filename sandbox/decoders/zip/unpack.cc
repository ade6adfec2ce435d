#include "sandbox/decoders/zip/unpack.h"

namespace loadlock::zip {

std::optional<graph::Refusal> ExtractAll(const Archive& archive, bytes::Budget* budget,
                                         graph::DecodedFile* decoded,
                                         std::vector<graph::Buffer>* contents) {
  if (!budget->ChargeHeap(archive.members().size() * sizeof(graph::Buffer))) {
    return graph::Refuse("BUDGET_HEAP", "the archive has more members than there is memory for");
  }
  contents->resize(archive.members().size());
  for (size_t i = 0; i < contents->size(); ++i) {
    if (auto refusal = archive.Extract(archive.members()[i], budget, decoded, &(*contents)[i])) {
      return refusal;
    }
  }
  return std::nullopt;
}

std::optional<graph::Refusal> MapContents(graph::DecodedFile* decoded,
                                          std::vector<graph::Buffer>* contents) {
  const Bytes map = decoded->Map();
  if (map.size() != decoded->size()) {
    return graph::Refuse("BUDGET_HEAP", "inflated members cannot be mapped");
  }
  for (graph::Buffer& content : *contents) {
    if (content.source == v1::BUFFER_SOURCE_DECODED && content.data.empty()) {
      content.data = map.subspan(content.offset, content.length);
    }
  }
  return std::nullopt;
}

}  // namespace loadlock::zip
