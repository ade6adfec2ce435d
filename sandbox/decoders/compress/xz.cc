// .xz streams and the older .lzma ("alone") format, both by liblzma under a memory limit.
#include <lzma.h>

#include <algorithm>

#include "sandbox/decoders/compress/codecs_internal.h"

namespace loadlock::compress {
namespace {

constexpr uint8_t kXzMagic[] = {0xfd, '7', 'z', 'X', 'Z', 0x00};
// Magic, flags, CRC of the flags.
constexpr size_t kXzHeaderSize = 12;
// Properties, dictionary size (4), uncompressed size (8), first byte of the range coder.
constexpr size_t kLzmaHeaderSize = 14;
// lc=3 lp=0 pb=2: what every preset has and joblib looks for.
constexpr uint8_t kLzmaProperties = 0x5d;
constexpr uint64_t kLzmaUnknownSize = UINT64_MAX;
// The limits by which liblzma itself tells .lzma files from others.
constexpr uint64_t kLzmaMaxKnownSize = uint64_t{1} << 38;

class LzmaDecoder : public Decompressor {
 public:
  enum class Container { kXz, kAlone };

  static std::unique_ptr<Decompressor> Make(Container container) {
    auto decoder = std::make_unique<LzmaDecoder>();
    // Without LZMA_CONCATENATED the decoder stops after the first stream. A check that this
    // build cannot verify is an error, not a warning.
    const lzma_ret code =
        container == Container::kXz
            ? lzma_stream_decoder(&decoder->stream_, kXzMemory, LZMA_TELL_UNSUPPORTED_CHECK)
            : lzma_alone_decoder(&decoder->stream_, kXzMemory);
    if (code != LZMA_OK) return nullptr;
    return decoder;
  }
  ~LzmaDecoder() override { lzma_end(&stream_); }

  Step Next(Bytes in, absl::Span<uint8_t> out) override {
    stream_.next_in = in.data();
    stream_.avail_in = in.size();
    stream_.next_out = out.data();
    stream_.avail_out = out.size();
    const lzma_ret code = lzma_code(&stream_, LZMA_RUN);
    Step step;
    step.consumed = in.size() - stream_.avail_in;
    step.produced = out.size() - stream_.avail_out;
    Explain(code, &step);
    return step;
  }

 private:
  static void Explain(lzma_ret code, Step* step) {
    switch (code) {
      case LZMA_OK:
      case LZMA_BUF_ERROR:  // no progress: more input or room is needed
        step->state = Step::State::kMore;
        return;
      case LZMA_STREAM_END:
        step->state = Step::State::kEnd;
        return;
      case LZMA_MEM_ERROR:
      case LZMA_MEMLIMIT_ERROR:
        step->state = Step::State::kMemory;
        return;
      case LZMA_UNSUPPORTED_CHECK:
        step->state = Step::State::kCorrupt;
        step->why = "its checksum is of a kind that cannot be verified";
        return;
      case LZMA_OPTIONS_ERROR:
        step->state = Step::State::kCorrupt;
        step->why = "its header has options that are not supported";
        return;
      default:
        step->state = Step::State::kCorrupt;
        step->why = "the LZMA data or its checksum is invalid";
    }
  }

  lzma_stream stream_ = LZMA_STREAM_INIT;
};

uint64_t LittleEndian(Bytes bytes) {
  uint64_t value = 0;
  for (size_t i = bytes.size(); i > 0; --i) value = value << 8 | bytes[i - 1];
  return value;
}

uint64_t LzmaSize(Bytes artifact) { return LittleEndian(artifact.subspan(5, 8)); }

// 2^n or 2^n + 2^(n-1), as all encoders write.
bool UsualDictionarySize(uint64_t size) {
  if (size == 0) return false;
  const uint64_t low = size & (~size + 1);
  return size == low || size == low * 3;
}

}  // namespace

bool MatchesXz(Bytes artifact) {
  return artifact.size() >= kXzHeaderSize &&
         std::equal(std::begin(kXzMagic), std::end(kXzMagic), artifact.begin());
}

// There is no magic number. The fields that are fixed in practice are 14 bytes of evidence.
bool MatchesLzma(Bytes artifact) {
  if (artifact.size() < kLzmaHeaderSize || artifact[0] != kLzmaProperties) return false;
  const uint64_t size = LzmaSize(artifact);
  return UsualDictionarySize(LittleEndian(artifact.subspan(1, 4))) &&
         (size == kLzmaUnknownSize || size < kLzmaMaxKnownSize) && artifact[13] == 0;
}

// Whether a stream of stated size may also have an end marker, liblzma changed its mind about
// (5.2.6). joblib and xz(1) never state the size.
const char* LzmaHeaderProblem(Bytes artifact) {
  return LzmaSize(artifact) == kLzmaUnknownSize
             ? nullptr
             : "its header states the uncompressed size (only streams with an end marker are "
               "accepted, as Python and xz write them)";
}

std::unique_ptr<Decompressor> MakeXz() { return LzmaDecoder::Make(LzmaDecoder::Container::kXz); }
std::unique_ptr<Decompressor> MakeLzma() {
  return LzmaDecoder::Make(LzmaDecoder::Container::kAlone);
}

}  // namespace loadlock::compress
