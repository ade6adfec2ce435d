// The tar reader. The checksum of every header is put right, so that no mutation is lost on it.
#include <string>
#include <vector>

#include "sandbox/decoders/tar/archive.h"
#include "tests/fuzz/refusals.h"
#include "tests/fuzz/target.h"

namespace loadlock::fuzz {
namespace {

constexpr size_t kBlock = 512;
constexpr size_t kMagic = 257;
constexpr size_t kChecksum = 148;

// Whatever looks like a header by its magic.
void MendChecksums(std::vector<uint8_t>* file) {
  for (size_t at = 0; at + kBlock <= file->size(); at += kBlock) {
    uint8_t* const block = file->data() + at;
    if (std::string_view(reinterpret_cast<const char*>(block) + kMagic, 5) != "ustar") continue;
    std::fill_n(block + kChecksum, 8, uint8_t{' '});
    unsigned sum = 0;
    for (size_t i = 0; i < kBlock; ++i) sum += block[i];
    for (size_t i = 0; i < 6; ++i) {
      block[kChecksum + i] = static_cast<uint8_t>('0' + (sum >> (3 * (5 - i)) & 7U));
    }
    block[kChecksum + 6] = 0;
  }
}

}  // namespace
}  // namespace loadlock::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace loadlock;  // NOLINT(google-build-using-namespace): the entry is in C's
  std::vector<uint8_t> file(data, data + size);
  fuzz::MendChecksums(&file);
  bytes::Budget budget(bytes::BudgetLimits{});
  tar::Archive archive;
  if (const auto refusal = archive.Open(file, &budget)) {
    fuzz::CheckRefusal(*refusal, size);
    return 0;
  }
  fuzz::Require(archive.members().empty() || tar::IsTar(file), "an archive begins with a header");
  uint64_t end = 0;
  for (const tar::Member& member : archive.members()) {
    fuzz::Require(member.offset >= end, "members do not overlap");
    end = member.offset + member.data.size();
    fuzz::Require(end <= size, "members lie in the file");
    fuzz::Require(archive.Find(member.name) == &member && tar::HasMember(file, member.name),
                  "a member is found by its name");
  }
  return 0;
}
