// lz4 frames (not raw blocks, not the legacy frame). The library verifies the header's
// checksum, and those of the blocks and the content if they are there; python-lz4 writes none
// by default.
#include <lz4frame.h>

#include <algorithm>
#include <string_view>

#include "sandbox/decoders/compress/codecs_internal.h"

namespace loadlock::compress {
namespace {

constexpr uint8_t kMagic[] = {0x04, 0x22, 0x4d, 0x18};
// Magic, FLG, BD, header checksum; more if FLG says so.
constexpr size_t kMinHeaderSize = 7;
constexpr uint8_t kFlagDictionary = 0x01;
constexpr uint8_t kFlagReserved = 0x02;
constexpr uint8_t kVersionMask = 0xc0;
constexpr uint8_t kVersion1 = 0x40;

class Lz4Decoder : public Decompressor {
 public:
  static std::unique_ptr<Decompressor> Make() {
    auto decoder = std::make_unique<Lz4Decoder>();
    if (LZ4F_isError(LZ4F_createDecompressionContext(&decoder->context_, LZ4F_VERSION)) != 0) {
      return nullptr;
    }
    return decoder;
  }
  ~Lz4Decoder() override { LZ4F_freeDecompressionContext(context_); }

  Step Next(Bytes in, absl::Span<uint8_t> out) override {
    Step step;
    step.consumed = in.size();
    step.produced = out.size();
    // On return the two sizes are what was taken and given; after an error they mean nothing.
    const size_t hint = LZ4F_decompress(context_, out.data(), &step.produced, in.data(),
                                        &step.consumed, /*options=*/nullptr);
    if (LZ4F_isError(hint) != 0) {
      step.consumed = 0;
      step.produced = 0;
      Explain(hint, &step);
    } else {
      step.state = hint == 0 ? Step::State::kEnd : Step::State::kMore;
    }
    return step;
  }

 private:
  // The error codes are only in the library's static interface, their names are in the stable one.
  static void Explain(size_t error, Step* step) {
    const std::string_view name = LZ4F_getErrorName(error);
    if (name == "ERROR_allocation_failed") {
      step->state = Step::State::kMemory;
      return;
    }
    step->state = Step::State::kCorrupt;
    step->why = name == "ERROR_contentChecksum_invalid"
                    ? "the checksum of its content does not match"
                    : "the lz4 data, its header or a checksum is invalid";
  }

  LZ4F_dctx* context_ = nullptr;
};

}  // namespace

bool MatchesLz4(Bytes artifact) {
  return artifact.size() >= kMinHeaderSize &&
         std::equal(std::begin(kMagic), std::end(kMagic), artifact.begin());
}

const char* Lz4HeaderProblem(Bytes artifact) {
  const uint8_t flags = artifact[4];
  if ((flags & kVersionMask) != kVersion1 || (flags & kFlagReserved) != 0) {
    return "its header is of an unknown version";
  }
  if ((flags & kFlagDictionary) != 0) {
    return "it needs a dictionary, which readers ignore or ask for";
  }
  return nullptr;
}

std::unique_ptr<Decompressor> MakeLz4() { return Lz4Decoder::Make(); }

}  // namespace loadlock::compress
