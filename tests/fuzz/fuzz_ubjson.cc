// UBJSON, read as a document and as the model of a pickled Booster.
#include "sandbox/decoders/boosters/xgboost.h"
#include "sandbox/decoders/document/document.h"
#include "tests/fuzz/parser_target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using loadlock::pickle::ParseResult;
  return loadlock::fuzz::RunParser(
      data, size,
      [](const auto& stream, auto& decoded, auto& budget, auto& builder) {
        ParseResult result;
        loadlock::document::Document doc(&budget);
        const loadlock::boosters::Target target{&builder, &decoded, &budget};
        result.refusal = loadlock::document::ReadUbjson(stream.bytes, 0, &doc);
        if (!result.refusal) {
          result.refusal = loadlock::boosters::LowerXgboost(doc, 0, target, &result.root);
        }
        if (result.refusal) result.root = loadlock::graph::kNoNode;
        return result;
      },
      loadlock::fuzz::Places::kKeys);
}
