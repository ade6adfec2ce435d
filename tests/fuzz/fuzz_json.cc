// The JSON reader under both ways to treat keys that stand twice.
#include "sandbox/bytes/budget.h"
#include "sandbox/decoders/json/document.h"
#include "tests/fuzz/target.h"

namespace loadlock::fuzz {
namespace {

bytes::Budget SmallHeap() { return bytes::Budget({.max_heap_bytes = uint64_t{64} << 20}); }

void CheckValues(const json::Document& document, size_t size) {
  for (json::ValueId id = 0; id < document.size(); ++id) {
    Require(document.offset(id) < size, "a value begins in the text");
    if (document.Is(id, json::Type::kArray) || document.Is(id, json::Type::kObject)) {
      for (const json::ValueId item : document.items(id)) Require(item < id, "parts come first");
    }
    if (document.Is(id, json::Type::kString)) {
      Require(document.text(id).size() <= size, "a string is not longer than the text");
    }
  }
}

}  // namespace
}  // namespace loadlock::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace loadlock;  // NOLINT(google-build-using-namespace): the entry is in C's
  using fuzz::Require;
  const json::Options options{.max_depth = 100, .allow_non_finite = true};
  bytes::Budget strict_budget = fuzz::SmallHeap();
  json::Document strict;
  const auto refusal =
      strict.Parse({data, size}, options, json::Duplicates::kRefuse, &strict_budget);
  Require(!refusal || (!refusal->rule_id.empty() && !refusal->message.empty()), "says why");
  bytes::Budget budget = fuzz::SmallHeap();
  json::Document reported;
  const auto other = reported.Parse({data, size}, options, json::Duplicates::kReport, &budget);
  if (!other) {
    fuzz::CheckValues(reported, size);
    Require(refusal.has_value() == !reported.duplicates().empty(), "only keys make the difference");
  } else {
    Require(refusal.has_value(), "what is no JSON is refused in both ways");
  }
  if (!refusal) Require(strict.size() == reported.size(), "both read the same");
  return 0;
}
