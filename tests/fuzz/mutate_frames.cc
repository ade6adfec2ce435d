// Mutations of conversations that keep packets whole.
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/fuzz/blind.h"
#include "tests/fuzz/dice.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/recorded.h"
#include "tests/fuzz/target.h"

namespace loadlock::fuzz {
namespace {

std::string Little32(uint64_t value) {
  std::string out;
  for (unsigned shift = 0; shift < 32; shift += 8) out += static_cast<char>(value >> shift);
  return out;
}

std::string Payload(Dice* dice) {
  const size_t size = dice->OneIn(8) ? dice->Below(70'000) : dice->Below(1200);
  return std::string(size, 'x');
}

// Three parts, with sizes that fit or nearly do.
std::string Answer(Dice* dice) {
  const std::string parts = Payload(dice);
  const size_t graph = dice->Below(parts.size() + 1);
  const size_t provenance = dice->Below(parts.size() - graph + 1);
  const size_t lie = dice->OneIn(4) ? static_cast<size_t>(TellingInt(dice, 0)) : 0;
  return absl::StrCat("A", Little32(graph + lie), Little32(provenance), parts);
}

std::string Fresh(Dice* dice) {
  switch (dice->Below(8)) {
    case 0:
      return "E";
    case 1:
      return Answer(dice);
    case 2:
      return absl::StrCat("V", Little32(62), Little32(0xc000003e));
    case 3:
      return std::string("Y") + static_cast<char>(dice->Bits());
    default:
      return absl::StrCat(dice->Of<const char*>({"G", "P", "R", "F", "J"}), Payload(dice));
  }
}

void MutateOnce(std::vector<std::string>* packets, Dice* dice) {
  if (packets->empty()) packets->emplace_back("E");
  const size_t at = dice->Below(packets->size());
  const auto place = packets->begin() + static_cast<ptrdiff_t>(at);
  switch (dice->Below(8)) {
    case 0:
      packets->erase(place);
      return;
    case 1:
      packets->insert(place, std::string(*place));
      return;
    case 2:
      std::swap(*place, (*packets)[dice->Below(packets->size())]);
      return;
    case 3:
      if (!place->empty()) (*place)[0] = dice->Of<char>({'G', 'P', 'R', 'E', 'A', 'V', 'Y', 'x'});
      return;
    case 4:
      MutateBlindly(&*place, 16, dice);
      return;
    default:
      packets->insert(place, Fresh(dice));
  }
}

}  // namespace
}  // namespace loadlock::fuzz

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  using namespace loadlock::fuzz;  // NOLINT(google-build-using-namespace): the entry is in C's
  Dice dice(seed);
  Recorded recorded = FromFile(AsText(data, size));
  for (uint32_t i = 1 + dice.Below(3); i > 0; --i) MutateOnce(&recorded.packets, &dice);
  if (dice.OneIn(4)) MutateBlindly(&recorded.artifact, 64, &dice);
  if (dice.OneIn(4)) MutateBlindly(&recorded.decoded, 64, &dice);
  return StoreInput(ToFile(recorded), data, max_size);
}
