// The members of a torch tar: an input is the sizes of storages and tensors (u16 each), then
// storages, tensors and pickle, so that no mutation is lost on a checksum.
#include <algorithm>
#include <string>

#include "sandbox/formats/testing_torch.h"
#include "tests/fuzz/parser_target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace loadlock;  // NOLINT(google-build-using-namespace): the entry is in C's
  constexpr size_t kSizes = 4;
  if (size < kSizes) return 0;
  std::string rest(reinterpret_cast<const char*>(data) + kSizes, size - kSizes);
  const auto take = [&](size_t at) {
    const size_t wanted = data[at] | static_cast<size_t>(data[at + 1]) << 8U;
    const std::string part = rest.substr(0, wanted);
    rest.erase(0, part.size());
    return part;
  };
  const std::string storages = take(0);
  const std::string tensors = take(2);
  const formats::Blob file = formats::ToBlob(formats::torch_testing::TarFile(
      {{"pickle", rest}, {"tensors", tensors}, {"storages", storages}}));
  formats::Parsed parsed(file);
  fuzz::Require(parsed.format() == "torch-tar", "a torch file is one whatever its members are");
  for (const auto& refusal : parsed.output().refusals) fuzz::CheckRefusal(refusal, file.size());
  if (parsed.rule().empty()) fuzz::CheckEncoded(parsed.encoded(), file, parsed.DecodedBytes());
  return 0;
}
