#include "sandbox/formats/boosters/lightgbm_format.h"

#include <string_view>
#include <utility>

#include "sandbox/bytes/utf8.h"
#include "sandbox/decoders/boosters/lightgbm.h"
#include "sandbox/formats/boosters/booster_object.h"

namespace loadlock::formats {
namespace {

std::string_view AsText(bytes::Bytes raw) {
  return {reinterpret_cast<const char*>(raw.data()), raw.size()};
}

}  // namespace

const char* IdentifyLightgbm(bytes::Bytes artifact) {
  constexpr std::string_view kBegin = "tree\nversion=";
  return AsText(artifact).substr(0, kBegin.size()) == kBegin ? "lightgbm" : nullptr;
}

void ParseLightgbm(const Input& input, Output* output) {
  graph::NodeId record = graph::kNoNode;
  std::optional<graph::Refusal> refusal;
  if (!bytes::ValidUtf8(input.artifact)) {
    refusal = graph::Refuse("MALFORMED", "LightGBM model: the text is not UTF-8");
  } else {
    refusal = boosters::LowerLightgbm(AsText(input.artifact), 0,
                                      {output->graph, input.decoded, input.budget}, &record);
  }
  PutBooster("lightgbm.basic", "_handle", record, std::move(refusal), output);
}

}  // namespace loadlock::formats
