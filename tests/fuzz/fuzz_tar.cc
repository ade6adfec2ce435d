// Tar archives: an input is an archive whose checksums are made right first, so that no mutation is
// lost on them.
#include <algorithm>
#include <cstdio>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/decoders/archive/name.h"
#include "sandbox/decoders/tar/tar.h"
#include "tests/fuzz/refusals.h"
#include "tests/fuzz/target.h"

namespace loadlock::fuzz {
namespace {

constexpr size_t kBlock = 512;

void CorrectChecksum(uint8_t* block) {
  constexpr size_t kMagic = 257;
  constexpr size_t kChecksum = 148;
  constexpr size_t kSize = 8;
  if (std::string_view(reinterpret_cast<const char*>(block) + kMagic, 5) != "ustar") return;
  std::fill_n(block + kChecksum, kSize, uint8_t{' '});
  unsigned sum = 0;
  for (size_t i = 0; i < kBlock; ++i) sum += block[i];
  char text[kSize];
  (void)std::snprintf(text, sizeof(text), "%06o", sum);
  std::copy_n(text, kSize - 1, block + kChecksum);
}

}  // namespace
}  // namespace loadlock::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace loadlock;  // NOLINT(google-build-using-namespace): the entry is in C's
  std::vector<uint8_t> file(data, data + size);
  for (size_t at = 0; at + fuzz::kBlock <= size; at += fuzz::kBlock) {
    fuzz::CorrectChecksum(file.data() + at);
  }
  bytes::Budget budget({});
  std::vector<tar::Member> members;
  if (const auto refusal = tar::Read(file, &budget, &members)) {
    fuzz::Require(refusal->byte_offset.has_value(), "a refusal says where");
    fuzz::CheckRefusal(*refusal, size);
    return 0;
  }
  fuzz::Require(size % fuzz::kBlock == 0, "an archive is whole blocks");
  std::set<std::string> names;
  uint64_t end = 0;
  for (const tar::Member& member : members) {
    fuzz::Require(archive::NameProblem(member.name, archive::Encoding::kUtf8) == nullptr,
                  "a name escapes nowhere");
    fuzz::Require(names.insert(member.name).second, "a name stands once");
    fuzz::Require(member.offset >= end && member.data_offset >= member.offset + fuzz::kBlock,
                  "members lie one behind the other");
    end = member.data_offset + member.data.size();
    fuzz::Require(end <= size, "and within the archive");
  }
  return 0;
}
