// Legacy torch files, whole.
#include "sandbox/decoders/pickle/torch_legacy.h"
#include "tests/fuzz/parser_target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace loadlock;  // NOLINT(google-build-using-namespace): the entry is in C's
  return fuzz::RunParser(data, size,
                         [](const auto& stream, auto& decoded, auto& budget, auto& builder) {
                           const graph::Buffer file = {stream.source, stream.offset, stream.bytes,
                                                       stream.bytes.size()};
                           return pickle::ParseTorchLegacy(file, {}, decoded, budget, builder);
                         });
}
