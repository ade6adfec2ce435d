// Mutations of recorded outputs that know what they change: packets, fields of the three messages,
// and the bytes of arrays. Most keep the sizes right, so that the lie is found where it is told.
#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "loadlock/v1/graph.pb.h"
#include "loadlock/v1/worker.pb.h"
#include "tests/fuzz/dice.h"
#include "tests/fuzz/mutate_graph.h"
#include "tests/fuzz/recorded.h"
#include "tests/fuzz/target.h"

namespace loadlock::fuzz {
namespace {

constexpr size_t kPayload = 65535;

// A recorded output whose messages parse, as messages.
struct Parts {
  v1::Graph graph;
  v1::Provenance provenance;
  v1::WorkerResult result;
};

bool Parse(const Recorded& recorded, Parts* parts) {
  std::string graph;
  std::string provenance;
  std::string result;
  for (const std::string& packet : recorded.packets) {
    if (packet.empty()) return false;
    if (packet[0] == 'G') graph.append(packet, 1);
    if (packet[0] == 'P') provenance.append(packet, 1);
    if (packet[0] == 'R') result.append(packet, 1);
  }
  return parts->graph.ParseFromString(graph) && parts->provenance.ParseFromString(provenance) &&
         parts->result.ParseFromString(result) && parts->graph.kinds_size() > 0;
}

void AppendPackets(char type, const std::string& bytes, Recorded* recorded) {
  for (size_t at = 0; at < bytes.size(); at += kPayload) {
    recorded->packets.push_back(std::string(1, type).append(bytes, at, kPayload));
  }
}

void SetSize(google::protobuf::RepeatedField<uint64_t>* column, int size) {
  column->Resize(size, 0);
}

// Messages to packets again. Sizes are told as they are, but for one time in thirty.
void Assemble(Parts* parts, Dice* dice, Recorded* recorded) {
  if (!dice->OneIn(30)) {
    SetSize(parts->provenance.mutable_node_offsets(), parts->graph.kinds_size());
    parts->provenance.mutable_node_opcodes()->Resize(parts->graph.kinds_size(), 0);
  }
  recorded->packets.clear();
  const std::string graph = parts->graph.SerializeAsString();
  const std::string provenance = parts->provenance.SerializeAsString();
  if (!dice->OneIn(30)) {
    parts->result.set_graph_bytes(graph.size());
    parts->result.set_provenance_bytes(provenance.size());
    parts->result.set_decoded_size(recorded->decoded.size());
  }
  AppendPackets('G', graph, recorded);
  AppendPackets('P', provenance, recorded);
  AppendPackets('R', parts->result.SerializeAsString(), recorded);
  recorded->packets.emplace_back("E");
}

void MutateResult(v1::WorkerResult* result, Dice* dice) {
  switch (dice->Below(5)) {
    case 0: {
      v1::Finding* finding = result->add_findings();
      finding->set_rule_id(dice->Of<const char*>({"SOME_RULE", "", "lower"}));
      finding->set_severity(static_cast<v1::Severity>(dice->Below(5)));
      finding->set_message("\x1b[2J text");
      return;
    }
    case 1:
      return result->set_format(TellingText(dice));
    case 2:
      return result->clear_globals();
    case 3: {
      v1::GlobalUse* use = result->add_globals();
      use->set_module(dice->Of<const char*>({"posix", "", "numpy"}));
      use->set_name("log1p");
      return;
    }
    default:
      return result->set_decoded_size(dice->OneIn(2) ? dice->Bits() : result->decoded_size() + 1);
  }
}

void MutateBytes(std::string* bytes, Dice* dice) {
  if (bytes->empty()) return;
  const size_t at = dice->Below(bytes->size());
  // Mostly whole integers of arrays.
  if (at + 8 <= bytes->size() && !dice->OneIn(4)) {
    int64_t value = 0;
    const size_t start = at / 8 * 8;
    std::memcpy(&value, bytes->data() + start, sizeof(value));
    value = TellingInt(dice, value);
    std::memcpy(bytes->data() + start, &value, sizeof(value));
    return;
  }
  (*bytes)[at] = static_cast<char>((*bytes)[at] ^ (1 << dice->Below(8)));
}

void MutatePackets(std::vector<std::string>* packets, Dice* dice) {
  if (packets->empty()) packets->emplace_back("E");
  const size_t at = dice->Below(packets->size());
  const auto place = packets->begin() + static_cast<ptrdiff_t>(at);
  std::string& packet = (*packets)[at];
  switch (dice->Below(9)) {
    case 0:
      packets->erase(place);
      return;
    case 1:
      packets->insert(place, std::string(packet));
      return;
    case 2:
      std::swap(packet, (*packets)[dice->Below(packets->size())]);
      return;
    case 3:
      if (!packet.empty())
        packet[0] = dice->Of<char>({'G', 'P', 'R', 'E', 'V', 'J', 'Y', 'F', 'x'});
      return;
    case 4:
      packet.resize(dice->Below(packet.size() + 1));
      return;
    case 5:
      MutateBytes(&packet, dice);
      return;
    case 6: {
      // In two, of the same type.
      const size_t half = dice->Below(packet.size() + 1);
      if (packet.empty() || half == 0) return;
      const std::string rest = std::string(1, packet[0]).append(packet, half);
      packet.resize(half);
      packets->insert(packets->begin() + static_cast<ptrdiff_t>(at) + 1, rest);
      return;
    }
    case 7:
      packet.append(dice->Below(4) == 0 ? kPayload : dice->Below(16), '\x08');
      return;
    default:
      packets->insert(place, std::string("V\x01\x01\0\0\x3e\0\0\xc0", 9));
      return;
  }
}

void Mutate(Recorded* recorded, Dice* dice) {
  Parts parts;
  if (dice->OneIn(5) || !Parse(*recorded, &parts)) {
    for (uint32_t i = 1 + dice->Below(3); i > 0; --i) MutatePackets(&recorded->packets, dice);
    return;
  }
  for (uint32_t i = 1 + dice->Below(3); i > 0; --i) {
    const uint32_t choice = dice->Below(10);
    if (choice < 7) {
      MutateGraph(&parts.graph, dice);
    } else if (choice < 9) {
      MutateBytes(
          recorded->decoded.empty() || dice->OneIn(4) ? &recorded->artifact : &recorded->decoded,
          dice);
    } else {
      MutateResult(&parts.result, dice);
    }
  }
  Assemble(&parts, dice, recorded);
}

// `other` with its buffers behind those of `first`.
v1::Graph Behind(const Recorded& first, v1::Graph other) {
  for (int i = 0; i < other.buffer_offsets_size() && i < other.buffer_sources_size(); ++i) {
    const bool decoded = other.buffer_sources(i) == v1::BUFFER_SOURCE_DECODED;
    const size_t shift = (decoded ? first.decoded : first.artifact).size();
    other.set_buffer_offsets(i, other.buffer_offsets(i) + shift);
  }
  return other;
}

Recorded CrossOver(Recorded first, const Recorded& second, Dice* dice) {
  Parts a;
  Parts b;
  if (!Parse(first, &a) || !Parse(second, &b)) {
    const size_t keep = dice->Below(first.packets.size() + 1);
    first.packets.resize(keep);
    first.packets.insert(first.packets.end(), second.packets.begin(), second.packets.end());
    return first;
  }
  const v1::Graph moved = Behind(first, b.graph);
  first.decoded += second.decoded;
  first.artifact += second.artifact;
  SpliceGraphs(&a.graph, moved, dice);
  Assemble(&a, dice, &first);
  return first;
}

size_t Store(const Recorded& recorded, uint8_t* out, size_t max_size) {
  const std::string file = ToFile(recorded);
  const size_t size = std::min(file.size(), max_size);
  std::copy_n(file.begin(), size, out);
  return size;
}

std::string_view View(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace
}  // namespace loadlock::fuzz

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  loadlock::fuzz::Dice dice(seed);
  loadlock::fuzz::Recorded recorded = loadlock::fuzz::FromFile(loadlock::fuzz::View(data, size));
  loadlock::fuzz::Mutate(&recorded, &dice);
  return loadlock::fuzz::Store(recorded, data, max_size);
}

extern "C" size_t LLVMFuzzerCustomCrossOver(const uint8_t* data, size_t size, const uint8_t* other,
                                            size_t other_size, uint8_t* out, size_t max_size,
                                            unsigned seed) {
  using loadlock::fuzz::FromFile;
  using loadlock::fuzz::View;
  loadlock::fuzz::Dice dice(seed);
  return loadlock::fuzz::Store(loadlock::fuzz::CrossOver(FromFile(View(data, size)),
                                                         FromFile(View(other, other_size)), &dice),
                               out, max_size);
}
