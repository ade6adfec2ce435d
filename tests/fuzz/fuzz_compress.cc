// Every codec that takes the header for its own.
#include <sys/mman.h>
#include <unistd.h>

#include "sandbox/decoders/compress/codec.h"
#include "sandbox/formats/testing.h"
#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using loadlock::fuzz::Require;
  const loadlock::bytes::Bytes artifact(data, size);
  for (const loadlock::compress::Codec& codec : loadlock::compress::Codecs()) {
    if (!codec.matches(artifact)) continue;
    const int fd = memfd_create("decoded", MFD_CLOEXEC);
    Require(fd >= 0, "memfd_create");
    {
      loadlock::bytes::Budget budget(loadlock::formats::SmallBudget());
      loadlock::graph::DecodedFile decoded(fd, &budget);
      const auto refusal = loadlock::compress::DecompressAll(codec, artifact, &budget, &decoded);
      Require(decoded.size() <= budget.limits().max_decoded_bytes, "output is within the budget");
      Require(!refusal || *refusal->byte_offset <= size, "the offset lies in the input");
    }
    close(fd);
  }
  return 0;
}
