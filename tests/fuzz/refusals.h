// What every refusal of a parser owes its reader.
#ifndef LOADLOCK_TESTS_FUZZ_REFUSALS_H_
#define LOADLOCK_TESTS_FUZZ_REFUSALS_H_

#include <algorithm>
#include <string_view>

#include "sandbox/graph/refusal.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/target.h"

namespace loadlock::fuzz {

inline bool IsRuleId(std::string_view text) {
  return !text.empty() && text.size() <= 63 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

// `stream_size`: bytes of what was parsed; of the decompressed stream, if it was compressed.
inline void CheckRefusal(const graph::Refusal& refusal, uint64_t stream_size) {
  Require(IsRuleId(refusal.rule_id), "a refusal has a rule id");
  Require(!refusal.message.empty() && refusal.message.size() <= 1024,
          "a refusal says why, in a sentence");
  for (const std::string_view text :
       {std::string_view(refusal.message), std::string_view(refusal.name),
        std::string_view(refusal.member_path), std::string_view(refusal.opcode),
        std::string_view(refusal.object_path), std::string_view(refusal.allow)}) {
    Require(IsPrintableAscii(text), "bytes of the artifact are escaped");
  }
  Require(refusal.byte_offset.value_or(0) <= stream_size, "the place lies in the stream");
}

}  // namespace loadlock::fuzz

#endif  // LOADLOCK_TESTS_FUZZ_REFUSALS_H_
