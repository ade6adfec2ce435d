// The zip reader, with every member of what it accepts extracted.
#include <sys/mman.h>
#include <unistd.h>

#include "sandbox/decoders/zip/archive.h"
#include "tests/fuzz/target.h"

namespace loadlock::fuzz {
namespace {

void CheckRefusal(const std::optional<graph::Refusal>& refusal, size_t size) {
  if (!refusal) return;
  Require(!refusal->rule_id.empty() && !refusal->message.empty(), "a refusal says why");
  Require(!refusal->byte_offset || *refusal->byte_offset <= size, "the offset lies in the file");
}

void CheckArchive(bytes::Bytes file, int fd) {
  bytes::Budget budget({.max_decoded_bytes = uint64_t{4} << 20});
  graph::DecodedFile decoded(fd, &budget);
  zip::Archive archive;
  auto refusal = archive.Open({v1::BUFFER_SOURCE_ARTIFACT, 0, file, file.size()}, &budget);
  CheckRefusal(refusal, file.size());
  if (refusal) return;
  uint64_t end = 0;
  for (const zip::Member& member : archive.members()) {
    Require(member.offset >= end, "members do not overlap");
    end = member.data_offset + member.data.size();
    Require(end <= file.size(), "members lie in the file");
    Require(archive.Find(member.name) == &member, "a member is found by its name");
    graph::Buffer content;
    const auto broken = archive.Extract(member, &budget, &decoded, &content);
    CheckRefusal(broken, file.size());
    Require(broken || content.length == member.size, "a member has its size");
  }
  Require(decoded.size() <= budget.limits().max_decoded_bytes, "output is within the budget");
}

}  // namespace
}  // namespace loadlock::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const int fd = memfd_create("decoded", MFD_CLOEXEC);
  loadlock::fuzz::Require(fd >= 0, "memfd_create");
  loadlock::fuzz::CheckArchive({data, size}, fd);
  close(fd);
  return 0;
}
