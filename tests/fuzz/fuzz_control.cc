// Messages between the daemon and the launcher. No worker holds that socket; what a confused or
// other build sends must still be told from a message. The first byte of an input says how many
// descriptors come with the rest.
#include <array>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

#include "sandbox/jail/control.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/packets.h"
#include "tests/fuzz/target.h"

namespace loadlock::fuzz {
namespace {

using jail::Message;
using jail::Received;

constexpr size_t kHead = offsetof(Message, text);

bool SameFields(const Message& a, const Message& b) {
  return a.kind == b.kind && a.version == b.version && a.id == b.id && a.tier == b.tier &&
         a.minimum == b.minimum && a.usable == b.usable && a.warm_workers == b.warm_workers &&
         a.urgent == b.urgent && a.replacement == b.replacement && a.exit_code == b.exit_code &&
         a.exit_status == b.exit_status && a.max_rss_bytes == b.max_rss_bytes &&
         a.cpu_microseconds == b.cpu_microseconds && a.limits.heap_bytes == b.limits.heap_bytes &&
         a.limits.address_space_bytes == b.limits.address_space_bytes &&
         a.limits.file_bytes == b.limits.file_bytes &&
         a.limits.cpu_seconds == b.limits.cpu_seconds && a.Text() == b.Text();
}

// A message that was received can be sent, and is received as the same.
void CheckAgain(const Message& message) {
  SocketPair pair = NewSocketPair();
  Require(jail::SendMessage(pair.ours.get(), message, {}, MSG_DONTWAIT), "a message can be sent");
  Message again;
  std::array<channel::UniqueFd, 2> fds;
  Require(jail::ReceiveMessage(pair.theirs.get(), &again, &fds, MSG_DONTWAIT) == Received::kMessage,
          "and received");
  Require(SameFields(message, again), "as it was");
}

void CheckPacket(std::string_view packet, size_t fd_count) {
  SocketPair pair = NewSocketPair();
  if (!SendPacket(pair.ours.get(), packet, fd_count)) return;
  Message message;
  std::array<channel::UniqueFd, 2> fds;
  const Received received = jail::ReceiveMessage(pair.theirs.get(), &message, &fds, MSG_DONTWAIT);
  Require(received != Received::kNothing, "there is a packet");
  if (received != Received::kMessage) return;
  Require(packet.size() >= kHead && packet.size() == kHead + message.text_size,
          "a message is as long as it says");
  Require(
      message.kind >= jail::MessageKind::kConfigure && message.kind <= jail::MessageKind::kExited,
      "its kind is one that there is");
  Require(message.Text() == packet.substr(kHead), "its text is what was sent");
  Require(fds[0].valid() == (fd_count > 0) && fds[1].valid() == (fd_count > 1),
          "its descriptors are there");
  CheckAgain(message);
}

}  // namespace
}  // namespace loadlock::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace loadlock;  // NOLINT(google-build-using-namespace): the entry is in C's
  const int next = fuzz::NextDescriptor();
  fuzz::Input input(fuzz::AsText(data, size));
  const uint8_t fds = input.Below(fuzz::kMaxSentFds + 1);
  // As it is, and with a version and a length that fit, so that the rest is met.
  fuzz::CheckPacket(input.rest(), fds);
  std::string packet(input.rest());
  if (packet.size() >= fuzz::kHead) {
    const uint32_t version = jail::kControlVersion;
    const auto text_size = static_cast<uint32_t>(packet.size() - fuzz::kHead);
    std::memcpy(packet.data() + offsetof(jail::Message, version), &version, sizeof(version));
    std::memcpy(packet.data() + offsetof(jail::Message, text_size), &text_size, sizeof(text_size));
    fuzz::CheckPacket(packet, fds);
  }
  fuzz::Require(fuzz::NextDescriptor() == next, "no descriptor is left");
  return 0;
}
