#include <unistd.h>

#include <array>
#include <ctime>
#include <string>

#include "sandbox/channel/frame.h"
#include "sandbox/jail/exit_codes.h"
#include "sandbox/jail/raw_syscall.h"
#include "tests/hostile/scenario.h"

namespace loadlock::hostile {
namespace {

using channel::FrameType;
using channel::kChannelFd;
using std::string_literals::operator""s;

// One packet with these bytes.
bool Packet(std::string_view bytes) {
  return write(kChannelFd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size());
}

// Ends at once, without a word to the daemon.
[[noreturn]] int Leave() { jail::RawExit(jail::kExitOk); }

int Say(std::string_view packet) {
  if (!Packet(packet)) return jail::kExitChannel;
  Leave();
}

Output Sealed() {
  Output output = Honest();
  output.Seal();
  return output;
}

// The honest output as frames in another order: g, p, r for the three messages, e for the end.
int SendInOrder(Stage& stage, std::string_view order, Output output = Sealed()) {
  if (!WriteDecoded(stage.job.decoded.get(), output.decoded)) return jail::kExitFileLimit;
  for (const char part : order) {
    bool sent = false;
    if (part == 'g') sent = stage.writer.Write(FrameType::kGraph, *output.graph_bytes).ok();
    if (part == 'p') {
      sent = stage.writer.Write(FrameType::kProvenance, *output.provenance_bytes).ok();
    }
    if (part == 'r') sent = stage.writer.Write(FrameType::kResult, *output.result_bytes).ok();
    if (part == 'e') sent = stage.writer.End().ok();
    if (!sent) return jail::kExitChannel;
  }
  return jail::kExitOk;
}

int SendAndLeave(Stage& stage, std::string_view order) {
  const int code = SendInOrder(stage, order);
  if (code != jail::kExitOk) return code;
  Leave();
}

// The graph twice, with sizes that say so: the columns are concatenated.
int GraphTwice(Stage& stage) {
  Output output = Honest();
  output.graph_bytes = output.graph.SerializeAsString();
  *output.graph_bytes += *output.graph_bytes;
  return Send(stage.job, stage.writer, output);
}

int AfterTheEnd(Stage& stage) {
  const int code = SendInOrder(stage, "gpre");
  // Nobody reads on; it must not harm either.
  for (const std::string_view more : {"Gx", "E", "?", ""}) (void)Packet(more);
  return code;
}

int Endless(std::string_view packet) {
  while (Packet(packet)) {
  }
  return jail::kExitChannel;
}

int EndlessAfter(Stage& stage, std::string_view parts, char type) {
  const int code = SendInOrder(stage, parts);
  if (code != jail::kExitOk) return code;
  return Endless(std::string(channel::kMaxPacket, type));
}

[[noreturn]] void WaitForEver() {
  for (;;) asm volatile("");
}

int CloseAndLiveOn(Stage&) {
  close(kChannelFd);
  WaitForEver();
}

double Seconds() {
  timespec now;
  // Answered by the vDSO: no system call that the filter could refuse.
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// One byte a second, so that something always comes.
int Drip(Stage&) {
  while (true) {
    const double next = Seconds() + 1;
    if (!Packet("Gx")) return jail::kExitChannel;
    while (Seconds() < next) {
    }
  }
}

// A violation frame with this call.
std::string Violation(uint32_t number, uint32_t architecture) {
  std::string packet = "V";
  for (const uint32_t word : {number, architecture}) {
    for (int shift = 0; shift < 32; shift += 8) packet.push_back(static_cast<char>(word >> shift));
  }
  return packet;
}

constexpr uint32_t kX86_64 = 0xC000003E;
constexpr uint32_t kOpenat = 257;

const std::array kActs = {
    Act{"honest-frames", [](Stage& s) { return SendInOrder(s, "gpre"); }},
    Act{"frame-unknown-type", [](Stage&) { return Say("?x"); }},
    Act{"frame-type-zero", [](Stage&) { return Say("\0x"s); }},
    Act{"frame-type-255", [](Stage&) { return Say("\xff"); }},
    Act{"frame-empty-packet", [](Stage&) { return Say(""); }},
    Act{"frame-one-byte-too-long",
        [](Stage&) { return Say(std::string(channel::kMaxPacket + 1, 'G')); }},
    Act{"frame-twice-too-long",
        [](Stage&) { return Say(std::string(2 * channel::kMaxPacket, 'G')); }},
    Act{"frame-empty-graph", [](Stage&) { return Say("G"); }},
    Act{"frame-empty-provenance",
        [](Stage&) { return Packet("Gx") ? Say("P") : jail::kExitChannel; }},
    Act{"frame-empty-result", [](Stage&) { return Say("R"); }},
    Act{"frame-job", [](Stage&) { return Say("Jx"); }},
    Act{"frame-ready-again", [](Stage&) { return Say("Y\x1f"); }},
    Act{"frame-failed-late", [](Stage&) { return Say("Fno"); }},
    Act{"frame-end-only", [](Stage& s) { return SendInOrder(s, "e"); }},
    Act{"frame-end-with-bytes",
        [](Stage& s) { return SendInOrder(s, "gpr") == 0 ? Say("Ex") : jail::kExitChannel; }},
    Act{"frame-end-without-result", [](Stage& s) { return SendInOrder(s, "gpe"); }},
    Act{"frame-provenance-first", [](Stage& s) { return SendInOrder(s, "pgre"); }},
    Act{"frame-graph-after-provenance", [](Stage& s) { return SendInOrder(s, "gpgre"); }},
    Act{"frame-graph-after-result", [](Stage& s) { return SendInOrder(s, "gprge"); }},
    Act{"frame-provenance-after-result", [](Stage& s) { return SendInOrder(s, "grpe"); }},
    Act{"frame-no-graph", [](Stage& s) { return SendInOrder(s, "re"); }},
    Act{"frame-no-provenance", [](Stage& s) { return SendInOrder(s, "gre"); }},
    Act{"frame-result-twice", [](Stage& s) { return SendInOrder(s, "gprre"); }},
    Act{"frame-graph-twice", &GraphTwice},
    Act{"frame-provenance-twice", [](Stage& s) { return SendInOrder(s, "gppre"); }},
    Act{"frame-after-the-end", &AfterTheEnd},
    Act{"close-at-once", [](Stage&) { return Leave(); }},
    Act{"close-after-graph", [](Stage& s) { return SendAndLeave(s, "g"); }},
    Act{"close-after-provenance", [](Stage& s) { return SendAndLeave(s, "gp"); }},
    Act{"close-after-result", [](Stage& s) { return SendAndLeave(s, "gpr"); }},
    Act{"close-and-live-on", &CloseAndLiveOn},
    Act{"endless-graph", [](Stage& s) { return EndlessAfter(s, "", 'G'); }},
    Act{"endless-provenance", [](Stage& s) { return EndlessAfter(s, "g", 'P'); }},
    Act{"endless-result", [](Stage& s) { return EndlessAfter(s, "gp", 'R'); }},
    Act{"endless-small-frames", [](Stage&) { return Endless("Gx"); }},
    Act{"drip", &Drip},
    Act{"violation-forged", [](Stage&) { return Say(Violation(kOpenat, kX86_64)); }},
    Act{"violation-of-nothing", [](Stage&) { return Say(Violation(0xFFFFFFFF, 0)); }},
    Act{"violation-short", [](Stage&) { return Say("V\x01"); }},
    Act{"violation-long", [](Stage&) { return Say(Violation(kOpenat, kX86_64) + "x"); }},
};

}  // namespace

std::span<const Act> FrameActs() { return kActs; }

}  // namespace loadlock::hostile
