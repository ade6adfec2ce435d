// The .npy header and the pickle that may stand behind it.
#include "sandbox/decoders/npy/npy.h"
#include "tests/fuzz/parser_target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return loadlock::fuzz::RunParser(
      data, size, [](const auto& stream, auto& decoded, auto& budget, auto& builder) {
        return loadlock::npy::Parse(stream, decoded, budget, builder);
      });
}
