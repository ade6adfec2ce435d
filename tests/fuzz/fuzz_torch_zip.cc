// The pickle of a torch zip: an input is data.pkl, and the storages that it may name stand in the
// archive around it, so that no mutation is lost on a checksum.
#include <string>
#include <vector>

#include "sandbox/decoders/zip/testing/writer.h"
#include "tests/fuzz/parser_target.h"

namespace loadlock::fuzz {
namespace {

// Bytes of data/0 to data/3.
constexpr size_t kSizes[] = {16, 32, 64, 0};

zip::testing::Entry Member(std::string name, std::string content) {
  zip::testing::Entry entry;
  entry.name = std::move(name);
  entry.content = std::move(content);
  return entry;
}

// Storages that no id can name are left out: they would be refused.
std::string Archive(const std::string& pickle) {
  std::vector<zip::testing::Entry> entries = {Member("m/data.pkl", pickle),
                                              Member("m/version", "3\n")};
  for (size_t i = 0; i < std::size(kSizes); ++i) {
    const std::string key = std::to_string(i);
    if (pickle.find(key) == std::string::npos) continue;
    entries.push_back(Member("m/data/" + key, std::string(kSizes[i], '\1')));
  }
  return zip::testing::Write(entries, {.zip64_end = true});
}

}  // namespace
}  // namespace loadlock::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace loadlock;  // NOLINT(google-build-using-namespace): the entry is in C's
  const std::string pickle(reinterpret_cast<const char*>(data), size);
  const formats::Blob file = formats::ToBlob(fuzz::Archive(pickle));
  formats::Parsed parsed(file);
  fuzz::Require(parsed.format() == "torch", "a torch file is one whatever its pickle is");
  for (const auto& refusal : parsed.output().refusals) fuzz::CheckRefusal(refusal, file.size());
  if (parsed.rule().empty()) fuzz::CheckEncoded(parsed.encoded(), file, parsed.DecodedBytes());
  return 0;
}
