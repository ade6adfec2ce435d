// The body of a target that feeds one decoder: everything a parse needs, and what must hold
// after it.
#ifndef LOADLOCK_TESTS_FUZZ_PARSER_TARGET_H_
#define LOADLOCK_TESTS_FUZZ_PARSER_TARGET_H_

#include <sys/mman.h>
#include <unistd.h>

#include "sandbox/decoders/pickle/parse.h"
#include "sandbox/formats/testing.h"
#include "tests/fuzz/target.h"

namespace loadlock::fuzz {

// `parse(stream, decoded, budget, builder)` gives a pickle::ParseResult.
template <typename ParseFunction>
int RunParser(const uint8_t* data, size_t size, ParseFunction parse) {
  const int fd = memfd_create("decoded", MFD_CLOEXEC);
  Require(fd >= 0, "memfd_create");
  {
    bytes::Budget budget(formats::SmallBudget());
    graph::Builder builder(&budget);
    graph::DecodedFile decoded(fd, &budget);
    const pickle::Stream stream{{data, size}, v1::BUFFER_SOURCE_ARTIFACT, 0};
    const pickle::ParseResult result = parse(stream, decoded, budget, builder);
    Require(result.refusal.has_value() == (result.root == graph::kNoNode),
            "a parse has a root or a refusal");
    if (result.refusal) {
      Require(!result.refusal->rule_id.empty() && !result.refusal->message.empty(),
              "a refusal says why");
    } else {
      graph::Encoded encoded;
      const auto refusal = builder.Encode(result.root, &encoded);
      Require(refusal.has_value() || encoded.nodes > 0, "an accepted graph has nodes");
    }
  }
  close(fd);
  return 0;
}

}  // namespace loadlock::fuzz

#endif  // LOADLOCK_TESTS_FUZZ_PARSER_TARGET_H_
