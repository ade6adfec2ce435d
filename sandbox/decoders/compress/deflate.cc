// zlib (RFC 1950) and gzip (RFC 1952) streams, both around deflate.
#include <zlib.h>

#include <algorithm>
#include <limits>

#include "sandbox/decoders/compress/codecs_internal.h"

namespace loadlock::compress {
namespace {

// zlib's names for the wrapper that inflate expects.
constexpr int kZlibWindowBits = 15;
constexpr int kGzipWindowBits = 15 + 16;

constexpr uint8_t kGzipFlagName = 0x08;
// File names end with a NUL. Linux allows 255 bytes.
constexpr size_t kMaxGzipName = 1024;
constexpr size_t kGzipHeaderSize = 10;

uInt Clamp(size_t size) {
  return static_cast<uInt>(std::min<size_t>(size, std::numeric_limits<uInt>::max()));
}

class Inflater : public Decompressor {
 public:
  static std::unique_ptr<Decompressor> Make(int window_bits) {
    auto inflater = std::make_unique<Inflater>();
    if (inflateInit2(&inflater->stream_, window_bits) != Z_OK) return nullptr;
    inflater->open_ = true;
    return inflater;
  }
  ~Inflater() override {
    if (open_) inflateEnd(&stream_);
  }

  Step Next(Bytes in, absl::Span<uint8_t> out) override {
    const uInt in_size = Clamp(in.size());
    const uInt out_size = Clamp(out.size());
    // zlib's interface is not const; it does not write to its input.
    stream_.next_in = const_cast<Bytef*>(in.data());
    stream_.avail_in = in_size;
    stream_.next_out = out.data();
    stream_.avail_out = out_size;
    const int code = inflate(&stream_, Z_NO_FLUSH);
    Step step;
    step.consumed = in_size - stream_.avail_in;
    step.produced = out_size - stream_.avail_out;
    Explain(code, &step);
    return step;
  }

 private:
  static void Explain(int code, Step* step) {
    switch (code) {
      case Z_OK:
      case Z_BUF_ERROR:  // no progress: more input or room is needed
        step->state = Step::State::kMore;
        return;
      case Z_STREAM_END:
        step->state = Step::State::kEnd;
        return;
      case Z_MEM_ERROR:
        step->state = Step::State::kMemory;
        return;
      case Z_NEED_DICT:
        step->state = Step::State::kCorrupt;
        step->why = "it needs a preset dictionary";
        return;
      default:
        step->state = Step::State::kCorrupt;
        step->why = "the deflate data or its checksum is invalid";
    }
  }

  z_stream stream_ = {};
  bool open_ = false;
};

const char* NoBlockOfReservedType(uint8_t first) {
  return (first >> 1 & 3) == 3 ? "the first deflate block has the reserved type" : nullptr;
}

}  // namespace

// joblib takes a file for zlib if it begins with 0x78, a window of 32 KiB; the second byte
// makes both a multiple of 31 and must not ask for a dictionary.
bool MatchesZlib(Bytes artifact) {
  if (artifact.size() < 3 || artifact[0] != 0x78) return false;
  const uint8_t flags = artifact[1];
  return (artifact[0] * 256 + flags) % 31 == 0 && (flags & 0x20) == 0 &&
         NoBlockOfReservedType(artifact[2]) == nullptr;
}

bool MatchesGzip(Bytes artifact) {
  return artifact.size() >= kGzipHeaderSize && artifact[0] == 0x1f && artifact[1] == 0x8b &&
         artifact[2] == Z_DEFLATED;
}

// A name is what gzip(1) writes and nobody reads. The header checksum is verified by zlib and
// skipped by Python, its bit is "continuation" to old readers; extra fields and comments no
// model file has.
const char* GzipHeaderProblem(Bytes artifact) {
  const uint8_t flags = artifact[3];
  if ((flags & ~kGzipFlagName) != 0) {
    return "its header has flags that readers treat differently (only a file name is accepted)";
  }
  if (flags == 0) return nullptr;
  const Bytes name = artifact.subspan(kGzipHeaderSize);
  const auto* end = std::find(name.begin(), name.begin() + std::min(name.size(), kMaxGzipName), 0);
  if (end == name.begin() + kMaxGzipName) return "the file name in its header has no end";
  return nullptr;
}

std::unique_ptr<Decompressor> MakeZlib() { return Inflater::Make(kZlibWindowBits); }
std::unique_ptr<Decompressor> MakeGzip() { return Inflater::Make(kGzipWindowBits); }

}  // namespace loadlock::compress
