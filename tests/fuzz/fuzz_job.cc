// The worker's end: the first packet, with any number of descriptors, and the job in it. The first
// byte of an input says how many descriptors come with the rest.
#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <string_view>

#include "loadlock/v1/worker.pb.h"
#include "sandbox/channel/worker_end.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/packets.h"
#include "tests/fuzz/target.h"

namespace loadlock::fuzz {
namespace {

void CheckPacket(std::string_view packet, size_t fds) {
  SocketPair pair = NewSocketPair();
  if (!SendPacket(pair.ours.get(), packet, fds)) return;
  const absl::StatusOr<channel::ReceivedJob> received = channel::ReceiveJob(pair.theirs.get());
  const bool whole = !packet.empty() && packet[0] == 'J' && packet.size() <= channel::kMaxPacket;
  Require(received.ok() == (whole && fds == 2), "exactly one job with exactly two descriptors");
  if (!received.ok()) {
    const std::string why(received.status().message());
    Require(IsPrintable(why) && !why.empty(), "what is wrong is named");
    return;
  }
  Require(received->job == packet.substr(1), "the job as it was sent");
  Require(received->artifact.valid() && received->decoded.valid() &&
              received->artifact.get() != received->decoded.get(),
          "both descriptors");
}

// A job that is read is written as it was read.
void CheckJob(std::string_view bytes) {
  v1::Job job;
  if (!job.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return;
  v1::Job again;
  Require(again.ParseFromString(job.SerializeAsString()) &&
              again.artifact_size() == job.artifact_size() &&
              again.max_nodes() == job.max_nodes() &&
              again.max_heap_bytes() == job.max_heap_bytes() &&
              again.max_decoded_bytes() == job.max_decoded_bytes() &&
              again.max_depth() == job.max_depth(),
          "a job means the same again");
}

}  // namespace
}  // namespace loadlock::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace loadlock;  // NOLINT(google-build-using-namespace): the entry is in C's
  const int next = fuzz::NextDescriptor();
  fuzz::Input input(fuzz::AsText(data, size));
  const uint8_t fds = input.Below(fuzz::kMaxSentFds + 1);
  const std::string_view packet = input.rest();
  fuzz::CheckPacket(packet, fds);
  if (!packet.empty()) fuzz::CheckJob(packet.substr(1));
  fuzz::Require(fuzz::NextDescriptor() == next, "no descriptor is left");
  return 0;
}
