// Detection and every format behind it.
#include "sandbox/formats/testing.h"
#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using loadlock::fuzz::Require;
  const loadlock::formats::Parsed parsed(loadlock::bytes::Bytes(data, size));
  for (const auto& refusal : parsed.output().refusals) {
    Require(!refusal.rule_id.empty() && !refusal.message.empty(), "a refusal says why");
  }
  Require(!parsed.rule().empty() || parsed.encoded().nodes > 0, "an accepted graph has nodes");
  Require(!parsed.rule().empty() || !parsed.format().empty(), "an accepted file has a format");
  return 0;
}
