// The tree of a skops file: an input is its schema.json, packed into an archive with some members,
// so that mutations reach what the checksums of an archive hide from them.
#include <string>
#include <vector>

#include "sandbox/decoders/zip/testing/writer.h"
#include "sandbox/formats/testing.h"
#include "tests/fuzz/target.h"

namespace loadlock::fuzz {
namespace {

// Names in `schema` that end in .npy or .bin get a member that is good enough to be read.
std::vector<zip::testing::Entry> Members(const std::string& schema) {
  constexpr size_t kMost = 50;
  std::vector<zip::testing::Entry> members;
  for (const char* suffix : {".npy\"", ".bin\""}) {
    for (size_t at = schema.find(suffix); at != std::string::npos && members.size() < kMost;
         at = schema.find(suffix, at + 1)) {
      const size_t begin = schema.rfind('"', at);
      if (begin == std::string::npos) continue;
      zip::testing::Entry entry;
      entry.name = schema.substr(begin + 1, at + 4 - begin - 1);
      const formats::Blob npy = formats::ReadTestFile("npy__version1");
      entry.content.assign(npy.begin(), npy.end());
      members.push_back(entry);
    }
  }
  return members;
}

}  // namespace
}  // namespace loadlock::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace loadlock;  // NOLINT(google-build-using-namespace): the entry is in C's
  const std::string text(reinterpret_cast<const char*>(data), size);
  std::vector<zip::testing::Entry> entries = fuzz::Members(text);
  zip::testing::Entry schema;
  schema.name = "schema.json";
  schema.content = text;
  entries.push_back(schema);
  const formats::Blob file = formats::ToBlob(zip::testing::Write(entries));
  const formats::Parsed parsed(file);
  for (const auto& refusal : parsed.output().refusals) {
    fuzz::Require(!refusal.rule_id.empty() && !refusal.message.empty(), "a refusal says why");
  }
  fuzz::Require(!parsed.rule().empty() || parsed.encoded().nodes > 0,
                "an accepted graph has nodes");
  return 0;
}
