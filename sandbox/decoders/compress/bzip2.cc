// bzip2 streams. The format has a checksum for each block and one for the stream; the library
// verifies both.
#include <bzlib.h>

#include <algorithm>
#include <limits>

#include "sandbox/decoders/compress/codecs_internal.h"

namespace loadlock::compress {
namespace {

constexpr uint8_t kBlockMagic[] = {0x31, 0x41, 0x59, 0x26, 0x53, 0x59};
constexpr uint8_t kEndMagic[] = {0x17, 0x72, 0x45, 0x38, 0x50, 0x90};
constexpr size_t kHeaderSize = 4;

unsigned Clamp(size_t size) {
  return static_cast<unsigned>(std::min<size_t>(size, std::numeric_limits<unsigned>::max()));
}

class Bunzip2 : public Decompressor {
 public:
  static std::unique_ptr<Decompressor> Make() {
    auto bunzip2 = std::make_unique<Bunzip2>();
    if (BZ2_bzDecompressInit(&bunzip2->stream_, /*verbosity=*/0, /*small=*/0) != BZ_OK) {
      return nullptr;
    }
    bunzip2->open_ = true;
    return bunzip2;
  }
  ~Bunzip2() override {
    if (open_) BZ2_bzDecompressEnd(&stream_);
  }

  Step Next(Bytes in, absl::Span<uint8_t> out) override {
    const unsigned in_size = Clamp(in.size());
    const unsigned out_size = Clamp(out.size());
    // The library's interface is not const and its bytes are char; it does not write to its input.
    stream_.next_in = const_cast<char*>(reinterpret_cast<const char*>(in.data()));
    stream_.avail_in = in_size;
    stream_.next_out = reinterpret_cast<char*>(out.data());
    stream_.avail_out = out_size;
    const int code = BZ2_bzDecompress(&stream_);
    Step step;
    step.consumed = in_size - stream_.avail_in;
    step.produced = out_size - stream_.avail_out;
    if (code == BZ_OK) {
      step.state = Step::State::kMore;
    } else if (code == BZ_STREAM_END) {
      step.state = Step::State::kEnd;
    } else if (code == BZ_MEM_ERROR) {
      step.state = Step::State::kMemory;
    } else {
      step.state = Step::State::kCorrupt;
      step.why = "the bzip2 data or its checksum is invalid";
    }
    return step;
  }

 private:
  bz_stream stream_ = {};
  bool open_ = false;
};

}  // namespace

bool MatchesBzip2(Bytes artifact) {
  if (artifact.size() < kHeaderSize + sizeof(kBlockMagic)) return false;
  const bool header = artifact[0] == 'B' && artifact[1] == 'Z' && artifact[2] == 'h' &&
                      artifact[3] >= '1' && artifact[3] <= '9';
  const Bytes block = artifact.subspan(kHeaderSize, sizeof(kBlockMagic));
  return header && (std::equal(block.begin(), block.end(), kBlockMagic) ||
                    std::equal(block.begin(), block.end(), kEndMagic));
}

std::unique_ptr<Decompressor> MakeBzip2() { return Bunzip2::Make(); }

}  // namespace loadlock::compress
