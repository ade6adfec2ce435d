// The daemon's end of a worker's channel against a second reading of frame.h, written as a grammar
// over the whole conversation; and what an honest writer says against what is read of it. An input
// is a recorded output (recorded.h).
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/channel/daemon_end.h"
#include "sandbox/channel/worker_end.h"
#include "sandbox/clock/steady_time.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/packets.h"
#include "tests/fuzz/recorded.h"
#include "tests/fuzz/target.h"

namespace loadlock::fuzz {
namespace {

using channel::ReadOutcome;
using Kind = ReadOutcome::Kind;

// Different, so that one taken for another shows.
constexpr channel::Limits kLimits = {
    .max_graph_bytes = 3000, .max_provenance_bytes = 2000, .max_result_bytes = 1000};
constexpr size_t kMaxPackets = 64;

struct Expected {
  Kind kind = Kind::kClosed;
  channel::WorkerOutput output;
};

uint64_t Little32(std::string_view bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < 4; ++i) value |= uint64_t{static_cast<uint8_t>(bytes[i])} << (8 * i);
  return value;
}

// An answer is all three parts, or an error.
Kind ReadAnswer(std::string_view payload, channel::WorkerOutput* output) {
  if (payload.size() < 8) return Kind::kProtocol;
  const uint64_t graph = Little32(payload);
  const uint64_t provenance = Little32(payload.substr(4));
  payload.remove_prefix(8);
  if (graph + provenance >= payload.size()) return Kind::kProtocol;
  // As P may not come without G.
  if (graph == 0 && provenance > 0) return Kind::kProtocol;
  *output = {std::string(payload.substr(0, graph)), std::string(payload.substr(graph, provenance)),
             std::string(payload.substr(graph + provenance))};
  const bool fits = graph <= kLimits.max_graph_bytes &&
                    provenance <= kLimits.max_provenance_bytes &&
                    output->result.size() <= kLimits.max_result_bytes;
  return fits ? Kind::kComplete : Kind::kTooMuch;
}

// (G+ P*)? R+ E, or A, with V anywhere but behind the end; frames of the first are not empty.
Expected Read(const std::vector<std::string>& packets) {
  Expected expected;
  channel::WorkerOutput& out = expected.output;
  char last = 'Y';
  for (const std::string& packet : packets) {
    // The kernel delivers an empty packet, which reads as the end.
    if (packet.empty()) return expected;
    const char type = packet[0];
    const std::string_view payload = std::string_view(packet).substr(1);
    const auto after = [&](std::string_view all) {
      return all.find(last) != std::string_view::npos;
    };
    expected.kind = Kind::kProtocol;
    if (packet.size() > channel::kMaxPacket) return expected;
    const bool ordered = (type == 'G' && after("YG")) || (type == 'P' && after("GP")) ||
                         (type == 'R' && after("YGPR")) || (type == 'E' && after("R")) ||
                         (type == 'A' && after("Y")) || (type == 'V' && after("YGPR"));
    if (!ordered) return expected;
    if (type == 'A') {
      expected.kind = ReadAnswer(payload, &out);
      return expected;
    }
    if (type == 'E') {
      if (payload.empty()) expected.kind = Kind::kComplete;
      return expected;
    }
    if (type == 'V') {
      if (payload.size() == 8) expected.kind = Kind::kViolation;
      return expected;
    }
    if (payload.empty()) return expected;
    std::string* part = type == 'G' ? &out.graph : type == 'P' ? &out.provenance : &out.result;
    const uint64_t limit = type == 'G'   ? kLimits.max_graph_bytes
                           : type == 'P' ? kLimits.max_provenance_bytes
                                         : kLimits.max_result_bytes;
    part->append(payload);
    expected.kind = part->size() > limit ? Kind::kTooMuch : Kind::kClosed;
    if (expected.kind == Kind::kTooMuch) return expected;
    last = type;
  }
  return expected;
}

ReadOutcome ReadAll(int fd, channel::WorkerOutput* output) {
  return channel::ReadWorkerOutput(fd, kLimits, clock::SteadyTime::Now() + absl::Seconds(60), {},
                                   output);
}

void CheckConversation(std::vector<std::string> packets) {
  if (packets.size() > kMaxPackets) packets.resize(kMaxPackets);
  SocketPair pair = NewSocketPair();
  size_t sent = 0;
  while (sent < packets.size() && SendPacket(pair.theirs.get(), packets[sent])) ++sent;
  packets.resize(sent);
  pair.theirs.Reset();
  channel::WorkerOutput output;
  const ReadOutcome outcome = ReadAll(pair.ours.get(), &output);
  const Expected expected = Read(packets);
  Require(outcome.kind == expected.kind, "the conversation is understood as frame.h has it");
  const bool named = outcome.kind == Kind::kProtocol || outcome.kind == Kind::kTooMuch;
  Require(outcome.message.empty() != named && IsPrintable(outcome.message),
          "what breaks the protocol is named");
  if (outcome.kind != Kind::kComplete) return;
  Require(output.graph == expected.output.graph &&
              output.provenance == expected.output.provenance &&
              output.result == expected.output.result,
          "and all of it is kept");
}

// Before a job: the greeting.
void CheckGreeting(std::string_view packet) {
  SocketPair pair = NewSocketPair();
  if (!SendPacket(pair.theirs.get(), packet)) return;
  const channel::Greeting greeting = channel::ReadGreeting(pair.ours.get());
  using GreetingKind = channel::Greeting::Kind;
  GreetingKind expected = GreetingKind::kBroken;
  if (packet.size() == 2 && packet[0] == 'Y') expected = GreetingKind::kReady;
  if (!packet.empty() && packet[0] == 'F' && packet.size() <= channel::kMaxPacket) {
    expected = GreetingKind::kFailed;
  }
  Require(greeting.kind == expected, "a greeting is understood as frame.h has it");
  if (greeting.kind == GreetingKind::kReady) {
    Require(greeting.layers == static_cast<uint8_t>(packet[1]), "with its layers");
  }
  if (greeting.kind == GreetingKind::kFailed) {
    Require(greeting.message == packet.substr(1), "with its reason");
  }
}

// What the honest end writes, the other reads.
void CheckHonest(const Recorded& recorded) {
  const std::string result = recorded.packets.empty() ? "r" : "r" + recorded.packets[0];
  if (recorded.artifact.size() > kLimits.max_graph_bytes ||
      recorded.decoded.size() > kLimits.max_provenance_bytes ||
      result.size() > kLimits.max_result_bytes ||
      // The order that the honest worker keeps: origins only of nodes.
      (recorded.artifact.empty() && !recorded.decoded.empty())) {
    return;
  }
  SocketPair pair = NewSocketPair();
  channel::FrameWriter writer(pair.theirs.get());
  Require(writer.Answer(recorded.artifact, recorded.decoded, result).ok(), "an answer is sent");
  channel::WorkerOutput output;
  Require(ReadAll(pair.ours.get(), &output).kind == Kind::kComplete, "and read");
  Require(output.graph == recorded.artifact && output.provenance == recorded.decoded &&
              output.result == result,
          "as it was");
}

}  // namespace
}  // namespace loadlock::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace loadlock;  // NOLINT(google-build-using-namespace): the entry is in C's
  const int next = fuzz::NextDescriptor();
  const fuzz::Recorded recorded = fuzz::FromFile(fuzz::AsText(data, size));
  fuzz::CheckConversation(recorded.packets);
  if (!recorded.packets.empty()) fuzz::CheckGreeting(recorded.packets[0]);
  if (size % 4 == 0) fuzz::CheckHonest(recorded);
  fuzz::Require(fuzz::NextDescriptor() == next, "no descriptor is left");
  return 0;
}
