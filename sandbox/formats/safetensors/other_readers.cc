#include "sandbox/formats/safetensors/other_readers.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

#include "sandbox/decoders/compress/codec.h"
#include "sandbox/decoders/pickle/parse.h"
#include "sandbox/decoders/tar/tar.h"
#include "sandbox/decoders/zip/archive.h"

namespace loadlock::formats {
namespace {

using bytes::Bytes;

// Follows a pickle's opcodes without doing what they say. There are no jumps, so where the next one
// stands depends on bytes alone; that a stack would run empty is left out of account, which
// can only take it further than a reader comes.
class PickleWalk {
 public:
  explicit PickleWalk(Bytes stream) : in_(stream) {}

  // Whether a reader could have been told a name before it stops.
  bool NamesSomething() {
    State state = State::kGoesOn;
    while (state == State::kGoesOn) state = Step();
    return state == State::kNames;
  }

 private:
  enum class State { kGoesOn, kStops, kNames };

  static State OnlyIf(bool read) { return read ? State::kGoesOn : State::kStops; }

  State Step() {
    uint8_t opcode = 0;
    if (!in_.ReadU8(&opcode) || *pickle::OpcodeName(opcode) == '\0') return State::kStops;
    switch (opcode) {
      case 'c':
      case 'i':
        return Name();
      case 0x93:  // STACK_GLOBAL
        return pushed_ ? State::kNames : State::kStops;
      // A value of what was pushed, which is no object of any class; codes that an application
      // would have to register, persistent ids and buffers that it would have to bring.
      case '.':
      case 0x82:  // EXT1, EXT2, EXT4
      case 0x83:
      case 0x84:
      case 'P':
      case 'Q':
      case 0x97:  // NEXT_BUFFER
        return State::kStops;
      case 'F':
      case 'I':
      case 'L':
      case 'S':
      case 'V':
        return Line();
      case 'g':
        return stored_ ? Line() : State::kStops;
      case 'p':
        // The first thing that is done cannot store what is not there.
        if (!pushed_) return State::kStops;
        stored_ = true;
        return Line();
      default:
        return Binary(opcode);
    }
  }

  // Opcodes with a binary argument or none; those that neither push nor store count as if they did.
  State Binary(uint8_t opcode) {
    switch (opcode) {
      case 'h':
        return stored_ ? OnlyIf(in_.Skip(1)) : State::kStops;
      case 0x80:  // PROTO
        return OnlyIf(in_.Skip(1));
      default:
        pushed_ = true;
        stored_ = true;
        return Pushing(opcode);
    }
  }

  State Pushing(uint8_t opcode) {
    switch (opcode) {
      case 'K':
      case 'q':
        return OnlyIf(in_.Skip(1));
      case 'M':
        return OnlyIf(in_.Skip(2));
      case 'J':
      case 'j':
      case 'r':
        return OnlyIf(in_.Skip(4));
      case 'G':
      case 0x95:  // FRAME
        return OnlyIf(in_.Skip(8));
      case 'C':
      case 'U':
      case 0x8A:  // LONG1
      case 0x8C:  // SHORT_BINUNICODE
        return Counted<1>();
      case 'B':
      case 'T':
      case 'X':
      case 0x8B:  // LONG4
        return Counted<4>();
      case 0x8D:  // BINUNICODE8, BINBYTES8, BYTEARRAY8
      case 0x8E:
      case 0x96:
        return Counted<8>();
      default:
        return State::kGoesOn;
    }
  }

  template <int kBytes>
  State Counted() {
    Bytes raw;
    if (!in_.Read(kBytes, &raw)) return State::kStops;
    uint64_t length = 0;
    for (size_t i = raw.size(); i > 0; --i) length = length << 8 | raw[i - 1];
    return OnlyIf(in_.Skip(length));
  }

  bool TakeLine(Bytes* line) { return in_.ReadLine(in_.remaining(), line); }

  State Line() {
    Bytes line;
    pushed_ = true;
    return OnlyIf(TakeLine(&line));
  }

  // A module and a name; there is no module whose name has other letters.
  State Name() {
    Bytes module;
    Bytes name;
    if (!TakeLine(&module) || !TakeLine(&name)) return State::kStops;
    const bool importable =
        !module.empty() && std::all_of(module.begin(), module.end(), [](uint8_t c) {
          return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                 c == '_' || c == '.';
        });
    return importable ? State::kNames : State::kStops;
  }

  bytes::Cursor in_;
  bool pushed_ = false;
  bool stored_ = false;
};

// Whether a decompressor gives a byte before it stops.
bool GivesData(const compress::Codec& codec, Bytes artifact) {
  const std::unique_ptr<compress::Decompressor> decompressor = codec.make();
  if (decompressor == nullptr) return true;
  std::array<uint8_t, 4096> out;
  size_t position = 0;
  for (;;) {
    const compress::Step step = decompressor->Next(artifact.subspan(position), absl::MakeSpan(out));
    if (step.produced > 0) return true;
    if (step.state != compress::Step::State::kMore || step.consumed == 0) return false;
    position += step.consumed;
  }
}

}  // namespace

const char* OtherReaderOfSafetensors(Bytes artifact) {
  if (PickleWalk(artifact).NamesSomething()) return "pickle";
  for (const compress::Codec& codec : compress::Codecs()) {
    if (codec.matches(artifact) && GivesData(codec, artifact)) return codec.name;
  }
  if (zip::HasMagic(artifact)) return "zip";
  return tar::HasMagic(artifact) ? "tar" : nullptr;
}

}  // namespace loadlock::formats
