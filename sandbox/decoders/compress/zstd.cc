// zstd frames (RFC 8878). The library verifies the checksum of the content if there is one; zstd(1)
// writes it, libraries by default do not.
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>

#include "sandbox/decoders/compress/codecs_internal.h"

namespace loadlock::compress {
namespace {

constexpr uint8_t kMagic[] = {0x28, 0xb5, 0x2f, 0xfd};
// Magic, descriptor, window or size, header of one block.
constexpr size_t kMinFrame = 9;
constexpr uint8_t kFlagUnused = 0x10;
constexpr uint8_t kFlagReserved = 0x08;
constexpr uint8_t kFlagDictionary = 0x03;

class ZstdDecoder : public Decompressor {
 public:
  static std::unique_ptr<Decompressor> Make() {
    auto decoder = std::make_unique<ZstdDecoder>();
    decoder->context_ = ZSTD_createDCtx();
    if (decoder->context_ == nullptr ||
        ZSTD_isError(
            ZSTD_DCtx_setParameter(decoder->context_, ZSTD_d_windowLogMax, kZstdWindowLog)) != 0) {
      return nullptr;
    }
    return decoder;
  }
  ~ZstdDecoder() override { ZSTD_freeDCtx(context_); }

  Step Next(Bytes in, absl::Span<uint8_t> out) override {
    ZSTD_inBuffer input = {in.data(), in.size(), 0};
    ZSTD_outBuffer output = {out.data(), out.size(), 0};
    const size_t hint = ZSTD_decompressStream(context_, &output, &input);
    Step step;
    step.consumed = input.pos;
    step.produced = output.pos;
    if (ZSTD_isError(hint) != 0) {
      Explain(ZSTD_getErrorCode(hint), &step);
    } else {
      // Zero: the frame is complete and all of it was given out.
      step.state = hint == 0 ? Step::State::kEnd : Step::State::kMore;
    }
    return step;
  }

 private:
  static void Explain(ZSTD_ErrorCode error, Step* step) {
    if (error == ZSTD_error_memory_allocation ||
        error == ZSTD_error_frameParameter_windowTooLarge) {
      step->state = Step::State::kMemory;
      return;
    }
    step->state = Step::State::kCorrupt;
    step->why = error == ZSTD_error_checksum_wrong ? "the checksum of its content does not match"
                                                   : "the zstd data or its header is invalid";
  }

  ZSTD_DCtx* context_ = nullptr;
};

}  // namespace

bool MatchesZstd(Bytes artifact) {
  return artifact.size() >= kMinFrame &&
         std::equal(std::begin(kMagic), std::end(kMagic), artifact.begin());
}

const char* ZstdHeaderProblem(Bytes artifact) {
  const uint8_t descriptor = artifact[4];
  if ((descriptor & (kFlagUnused | kFlagReserved)) != 0) {
    return "its header has flags that readers may treat differently";
  }
  if ((descriptor & kFlagDictionary) != 0) {
    return "it needs a dictionary, which readers ignore or ask for";
  }
  return nullptr;
}

std::unique_ptr<Decompressor> MakeZstd() { return ZstdDecoder::Make(); }

}  // namespace loadlock::compress
