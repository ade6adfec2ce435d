// The pickle machine without joblib's arrays.
#include "tests/fuzz/parser_target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  return loadlock::fuzz::RunParser(
      data, size, [](const auto& stream, auto& decoded, auto& budget, auto& builder) {
        return loadlock::pickle::Parse(stream, {.joblib_arrays = false}, decoded, budget, builder);
      });
}
