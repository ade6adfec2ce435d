// LightGBM's text, and JSON read as an xgboost model: what the first byte says.
#include <string_view>

#include "sandbox/bytes/utf8.h"
#include "sandbox/decoders/boosters/lightgbm.h"
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
        const bool text = !stream.bytes.empty() && stream.bytes[0] == 't';
        if (!loadlock::bytes::ValidUtf8(stream.bytes)) {
          result.refusal = loadlock::graph::Refuse("MALFORMED", "not UTF-8", 0);
        } else if (text) {
          const std::string_view all(reinterpret_cast<const char*>(stream.bytes.data()),
                                     stream.bytes.size());
          result.refusal = loadlock::boosters::LowerLightgbm(all, 0, target, &result.root);
        } else {
          result.refusal = loadlock::document::ReadJson(stream.bytes, 0, &doc);
          if (!result.refusal) {
            result.refusal = loadlock::boosters::LowerXgboost(doc, 0, target, &result.root);
          }
        }
        if (result.refusal) result.root = loadlock::graph::kNoNode;
        return result;
      },
      loadlock::fuzz::Places::kKeys);
}
