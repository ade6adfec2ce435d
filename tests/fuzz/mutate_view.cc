// Mutations of answers for fuzz_client_view: one byte that chooses the message, and the message.
#include <string>

#include "loadlock/v1/report.pb.h"
#include "tests/fuzz/blind.h"
#include "tests/fuzz/dice.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/mutate_graph.h"
#include "tests/fuzz/mutate_proto.h"
#include "tests/fuzz/target.h"

namespace loadlock::fuzz {
namespace {

std::string Text(const std::string& old, Dice* dice) {
  if (dice->OneIn(3)) {
    return dice->Of<const char*>({"\x1b[2J", "\xe2\x80\xae", "a\nb", "", "\"", "\\", "\xef\xbf\xbd",
                                  "NAME_NOT_LISTED", "\xf0\x9f\x98\x80"});
  }
  return old + old + std::string(dice->Below(40), 'x');
}

template <typename Message, typename Change>
void MutateAs(std::string* bytes, Dice* dice, Change change) {
  Message message;
  if (!message.ParseFromString(*bytes)) return MutateBlindly(bytes, 64, dice);
  for (uint32_t i = 1 + dice->Below(3); i > 0; --i) change(&message);
  *bytes = message.SerializeAsString();
}

}  // namespace
}  // namespace loadlock::fuzz

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  using namespace loadlock;        // NOLINT(google-build-using-namespace): the entry is in C's
  using namespace loadlock::fuzz;  // NOLINT(google-build-using-namespace)
  Dice dice(seed);
  std::string all(AsText(data, size));
  if (all.empty() || dice.OneIn(8)) {
    MutateBlindly(&all, max_size - size, &dice);
    return StoreInput(all, data, max_size);
  }
  std::string bytes = all.substr(1);
  const TextSource text = [&dice](const google::protobuf::FieldDescriptor&,
                                  const std::string& old) { return Text(old, &dice); };
  switch (all[0]) {
    case 'g':
      MutateAs<v1::Graph>(&bytes, &dice, [&](v1::Graph* graph) {
        if (graph->kinds_size() > 0) MutateGraph(graph, &dice);
      });
      break;
    case 'r':
      MutateAs<v1::Report>(&bytes, &dice,
                           [&](v1::Report* report) { MutateMessage(report, text, &dice); });
      break;
    default:
      MutateBlindly(&bytes, 64, &dice);
  }
  return StoreInput(all[0] + bytes, data, max_size);
}
