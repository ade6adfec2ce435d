// Mutations of a load's answers for fuzz_client_model, message by message.
#include <string>
#include <utility>
#include <vector>

#include "loadlock/v1/service.pb.h"
#include "tests/fuzz/blind.h"
#include "tests/fuzz/dice.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/mutate_graph.h"
#include "tests/fuzz/mutate_proto.h"
#include "tests/fuzz/target.h"

namespace loadlock::fuzz {
namespace {

using Messages = std::vector<std::pair<char, std::string>>;

Messages Split(Input input) {
  Messages messages;
  while (!input.empty()) {
    const char tag = static_cast<char>(input.Byte());
    messages.emplace_back(tag, input.Take(input.Number<uint16_t>()));
  }
  return messages;
}

std::string Join(char bits, const Messages& messages) {
  std::string out(1, bits);
  for (const auto& [tag, bytes] : messages) {
    const std::string kept = bytes.substr(0, UINT16_MAX);
    out += {tag, static_cast<char>(kept.size()), static_cast<char>(kept.size() >> 8)};
    out += kept;
  }
  return out;
}

template <typename Message>
void MutateAs(std::string* bytes, Dice* dice) {
  Message message;
  if (!message.ParseFromString(*bytes)) return MutateBlindly(bytes, 16, dice);
  const auto text = [dice](const google::protobuf::FieldDescriptor&, const std::string& old) {
    return old.substr(dice->Below(old.size() + 1)).append(dice->Below(4), 'x');
  };
  if constexpr (std::is_same_v<Message, v1::Graph>) {
    if (message.kinds_size() > 0) MutateGraph(&message, dice);
  } else {
    MutateMessage(&message, text, dice);
  }
  *bytes = message.SerializeAsString();
}

void MutateOne(std::pair<char, std::string>* message, Dice* dice) {
  switch (message->first) {
    case 'g':
      return MutateAs<v1::Graph>(&message->second, dice);
    case 'r':
      return MutateAs<v1::Report>(&message->second, dice);
    case 'c':
      return MutateAs<v1::BufferChunk>(&message->second, dice);
    case 'e':
      return MutateAs<v1::FetchEnd>(&message->second, dice);
    default:
      return MutateBlindly(&message->second, 64, dice);
  }
}

// The report and the end as the graph has it, so that what is behind these checks is met.
void TellTheTruth(Messages* messages) {
  v1::Graph graph;
  v1::Report report;
  v1::FetchEnd end;
  for (const auto& [tag, bytes] : *messages) {
    v1::Graph piece;
    if (tag == 'g' && piece.ParseFromString(bytes)) graph.MergeFrom(piece);
    if (tag == 'r') report.ParseFromString(bytes);
  }
  uint64_t total = 0;
  for (const uint64_t length : graph.buffer_lengths()) total += length;
  report.set_buffer_count(static_cast<uint64_t>(graph.buffer_lengths_size()));
  report.set_buffer_bytes(total);
  end.set_node_count(static_cast<uint64_t>(graph.kinds_size()));
  end.set_buffer_count(report.buffer_count());
  end.set_buffer_bytes(total);
  for (auto& [tag, bytes] : *messages) {
    if (tag == 'r') bytes = report.SerializeAsString();
    if (tag == 'e') bytes = end.SerializeAsString();
  }
}

}  // namespace
}  // namespace loadlock::fuzz

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  using namespace loadlock::fuzz;  // NOLINT(google-build-using-namespace): the entry is in C's
  Dice dice(seed);
  std::string all(AsText(data, size));
  if (all.empty() || all[0] == '\xff' || dice.OneIn(10)) {
    MutateBlindly(&all, max_size - size, &dice);
    return StoreInput(all, data, max_size);
  }
  Messages messages = Split(Input(std::string_view(all).substr(1)));
  if (messages.empty()) messages.emplace_back('r', "");
  const size_t at = dice.Below(messages.size());
  switch (dice.Below(8)) {
    case 0:
      messages.erase(messages.begin() + static_cast<ptrdiff_t>(at));
      break;
    case 1:
      messages.push_back(messages[at]);
      break;
    case 2:
      std::swap(messages[at], messages[dice.Below(messages.size())]);
      break;
    case 3:
      all[0] = static_cast<char>(dice.Below(32));
      break;
    default:
      MutateOne(&messages[at], &dice);
  }
  if (!dice.OneIn(3)) TellTheTruth(&messages);
  return StoreInput(Join(all[0], messages), data, max_size);
}
