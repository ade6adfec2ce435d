// Mutations of pickles that keep opcodes whole: taken out, doubled, moved, put in with arguments
// that mean something, and spliced from another pickle. What does not read as opcodes (arrays of
// joblib between them) stays one piece.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/fuzz/blind.h"
#include "tests/fuzz/dice.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/target.h"

namespace loadlock::fuzz {
namespace {

constexpr uint8_t kFrame = 0x95;

// What follows an opcode: that many bytes, that many lines, or a length of so many bytes and as
// many bytes as it says.
struct Argument {
  uint8_t bytes = 0;
  uint8_t lines = 0;
  uint8_t length = 0;
};

std::optional<Argument> ArgumentOf(uint8_t opcode) {
  constexpr std::string_view kNone(
      "(.02NRabdlstu1)]}eo\x81\x85\x86\x87\x88\x89\x8f\x90\x91\x92\x93\x94\x97\x98Q");
  const char c = static_cast<char>(opcode);
  const auto is = [c](std::string_view all) { return all.find(c) != std::string_view::npos; };
  if (is(kNone)) return Argument{};
  if (is("FILPSVgp")) return Argument{0, 1, 0};
  if (is("ci")) return Argument{0, 2, 0};
  if (is("Khq\x80\x82")) return Argument{1, 0, 0};
  if (is("M\x83")) return Argument{2, 0, 0};
  if (is("Jjr\x84")) return Argument{4, 0, 0};
  if (is("G\x95")) return Argument{8, 0, 0};
  if (is("UC\x8a\x8c")) return Argument{0, 0, 1};
  if (is("TXB\x8b")) return Argument{0, 0, 4};
  if (is("\x8d\x8e\x96")) return Argument{0, 0, 8};
  return std::nullopt;
}

// Size of the operation that `bytes` begin with; 0 if they do not begin with one.
size_t OperationSize(std::string_view bytes) {
  const std::optional<Argument> argument = ArgumentOf(static_cast<uint8_t>(bytes[0]));
  if (!argument) return 0;
  size_t size = 1 + argument->bytes;
  for (int i = 0; i < argument->lines; ++i) {
    const size_t newline = bytes.find('\n', size);
    if (newline == std::string_view::npos) return 0;
    size = newline + 1;
  }
  if (argument->length > 0) {
    uint64_t length = 0;
    if (bytes.size() < size + argument->length) return 0;
    for (int i = argument->length; i > 0; --i) {
      length = length << 8 | static_cast<uint8_t>(bytes[size + static_cast<size_t>(i) - 1]);
    }
    size += argument->length;
    if (length > bytes.size()) return 0;
    size += length;
  }
  return size <= bytes.size() ? size : 0;
}

using Operations = std::vector<std::string>;

Operations Split(std::string_view pickle) {
  Operations operations;
  while (!pickle.empty()) {
    size_t size = OperationSize(pickle);
    if (size == 0) size = pickle.size();
    operations.emplace_back(pickle.substr(0, size));
    pickle.remove_prefix(size);
  }
  return operations;
}

std::string Join(const Operations& operations) {
  std::string out;
  for (const std::string& operation : operations) out += operation;
  return out;
}

std::string Name(Dice* dice) {
  return std::string("c") + dice->Of<const char*>({"numpy\nndarray\n",
                                                   "numpy\ndtype\n",
                                                   "numpy.core.multiarray\n_reconstruct\n",
                                                   "numpy._core.multiarray\nscalar\n",
                                                   "numpy._core.numeric\n_frombuffer\n",
                                                   "builtins\nset\n",
                                                   "builtins\nbytearray\n",
                                                   "builtins\ncomplex\n",
                                                   "builtins\nslice\n",
                                                   "builtins\nrange\n",
                                                   "builtins\nfrozenset\n",
                                                   "collections\nOrderedDict\n",
                                                   "copyreg\n_reconstructor\n",
                                                   "builtins\nobject\n",
                                                   "_codecs\nencode\n",
                                                   "posix\nsystem\n",
                                                   "numpy.random._pickle\n__randomstate_ctor\n",
                                                   "joblib.numpy_pickle\nNumpyArrayWrapper\n",
                                                   "builtins\ngetattr\n",
                                                   "numpy.random._mt19937\nMT19937\n",
                                                   "a.b\nC\n"});
}

std::string Short(uint8_t opcode, std::string_view text) {
  std::string out = {static_cast<char>(opcode), static_cast<char>(text.size())};
  return out.append(text);
}

std::string Text(Dice* dice) {
  return dice->Of<const char*>(
      {"",          "a",        "f8",           "<f8",   "O",       "|O",    "<",
       "MT19937",   "latin1",   "utf-8",        "shape", "dtype",   "order", "allow_mmap",
       "__class__", "__dict__", "__setstate__", "numpy", "ndarray", "b",     "C",
       "F",         "\xc3\xa9"});
}

// One operation, or a few that belong together.
std::string Fresh(Dice* dice) {
  const auto byte = [dice](char opcode) {
    return std::string{opcode, static_cast<char>(dice->OneIn(3) ? dice->Bits() : dice->Below(8))};
  };
  switch (dice->Below(16)) {
    case 0:
      return Name(dice);
    case 1:
      return Short(0x8C, Text(dice));
    case 2:
      return Short('C', Text(dice));
    case 3:
      return byte('K');
    case 4:
      return byte('h');
    case 5:
      return byte('q');
    case 6:
      return absl::StrCat(Name(dice), "(", Short(0x8C, Text(dice)), "tR");
    case 7:
      return absl::StrCat(Name(dice), ")\x81}", Short(0x8C, Text(dice)), "Nsb");
    case 8:
      return absl::StrCat("(", byte('K'), byte('K'),
                          dice->Of<const char*>({"t", "l", "e", "\x90", "\x91"}));
    case 9:
      return absl::StrCat("}(", Short(0x8C, Text(dice)), byte('K'), Short(0x8C, Text(dice)), "Nu");
    case 10: {
      std::string number = "J";
      const auto value = static_cast<uint64_t>(TellingInt(dice, 0));
      for (unsigned shift = 0; shift < 32; shift += 8) number += static_cast<char>(value >> shift);
      return number;
    }
    case 11: {
      std::string bytes;
      for (uint32_t i = dice->Below(12); i > 0; --i) bytes += static_cast<char>(dice->Bits());
      return Short(0x8A, bytes);
    }
    case 12:
      return std::string("I") + dice->Of<const char*>({"0", "00", "01", "-1", "007", "1L", ""}) +
             "\n";
    default:
      return dice->Of<std::string>({"(",    ".",    "0",    "2",    "N",    "R",    "a",    "b",
                                    "d",    "l",    "s",    "t",    "u",    "1",    ")",    "]",
                                    "}",    "e",    "o",    "\x81", "\x85", "\x86", "\x87", "\x88",
                                    "\x89", "\x8f", "\x90", "\x91", "\x92", "\x93", "\x94"});
  }
}

// Fewer operations than this: no pickle of a fuzzer needs more.
constexpr size_t kMaxOperations = 4000;

void MutateOnce(Operations* operations, Dice* dice) {
  if (operations->empty()) operations->emplace_back("N.");
  const size_t at = dice->Below(operations->size());
  const auto place = operations->begin() + static_cast<ptrdiff_t>(at);
  const size_t count =
      std::min<size_t>(1 + dice->Below(dice->OneIn(4) ? 12 : 2), operations->size() - at);
  const auto end = place + static_cast<ptrdiff_t>(count);
  switch (dice->Below(8)) {
    case 0:
      operations->erase(place, end);
      return;
    case 1: {
      const Operations copy(place, end);
      const size_t to = dice->Below(operations->size() + 1);
      operations->insert(operations->begin() + static_cast<ptrdiff_t>(to), copy.begin(),
                         copy.end());
      return;
    }
    case 2:
      std::swap(*place, (*operations)[dice->Below(operations->size())]);
      return;
    case 3:
    case 4:
    case 5:
      operations->insert(place, Fresh(dice));
      return;
    case 6:
      *place = Fresh(dice);
      return;
    default: {
      // The argument, not the opcode.
      std::string argument = place->substr(1);
      MutateBlindly(&argument, 8, dice);
      place->resize(1);
      place->append(argument);
    }
  }
}

Operations Mutated(std::string_view pickle, Dice* dice) {
  Operations operations = Split(pickle);
  for (uint32_t i = 1 + dice->Below(4); i > 0; --i) MutateOnce(&operations, dice);
  // Frames whose lengths do not hold any more hide everything else; one in four stays.
  if (!dice->OneIn(4)) {
    std::erase_if(operations, [](const std::string& operation) {
      return static_cast<uint8_t>(operation[0]) == kFrame;
    });
  }
  if (operations.size() > kMaxOperations) operations.resize(kMaxOperations);
  return operations;
}

}  // namespace
}  // namespace loadlock::fuzz

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size,
                                          unsigned seed) {
  using namespace loadlock::fuzz;  // NOLINT(google-build-using-namespace): the entry is in C's
  Dice dice(seed);
  std::string pickle(AsText(data, size));
  if (dice.OneIn(6)) {
    MutateBlindly(&pickle, max_size - size, &dice);
    return StoreInput(pickle, data, max_size);
  }
  return StoreInput(Join(Mutated(pickle, &dice)), data, max_size);
}

extern "C" size_t LLVMFuzzerCustomCrossOver(const uint8_t* data, size_t size, const uint8_t* other,
                                            size_t other_size, uint8_t* out, size_t max_size,
                                            unsigned seed) {
  using namespace loadlock::fuzz;  // NOLINT(google-build-using-namespace): the entry is in C's
  Dice dice(seed);
  Operations first = Split(AsText(data, size));
  const Operations second = Split(AsText(other, other_size));
  const size_t from = dice.Below(second.size());
  const size_t count = std::min<size_t>(1 + dice.Below(30), second.size() - from);
  const size_t to = dice.Below(first.size() + 1);
  const auto begin = second.begin() + static_cast<ptrdiff_t>(from);
  first.insert(first.begin() + static_cast<ptrdiff_t>(to), begin,
               begin + static_cast<ptrdiff_t>(count));
  return StoreInput(Join(first), out, max_size);
}
