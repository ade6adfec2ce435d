#include "sandbox/decoders/compress/codec.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sandbox/decoders/compress/codecs_internal.h"

namespace loadlock::compress {
namespace {

using graph::Refuse;

// Output goes to the decoded file in pieces of this size: it stays in the second-level cache,
// and is above the block size (64 KiB) that lz4's writers choose.
constexpr size_t kChunk = size_t{256} << 10;
// Input is handed over in pieces that fit the libraries' 32-bit counters.
constexpr size_t kMaxInput = size_t{1} << 30;

const char* NoHeaderProblem(Bytes) { return nullptr; }

constexpr Codec kCodecs[] = {
    {"zlib", MatchesZlib, NoHeaderProblem, MakeZlib, kDeflateMemory},
    {"gzip", MatchesGzip, GzipHeaderProblem, MakeGzip, kDeflateMemory},
    {"bz2", MatchesBzip2, NoHeaderProblem, MakeBzip2, kBzip2Memory},
    {"lzma", MatchesLzma, LzmaHeaderProblem, MakeLzma, kXzMemory},
    {"xz", MatchesXz, NoHeaderProblem, MakeXz, kXzMemory},
    {"lz4", MatchesLz4, Lz4HeaderProblem, MakeLz4, kLz4Memory},
    {"zstd", MatchesZstd, ZstdHeaderProblem, MakeZstd, kZstdMemory},
};

// Heap that is charged while the library lives.
class HeapCharge {
 public:
  HeapCharge(bytes::Budget* budget, uint64_t size) : budget_(budget), size_(size) {
    granted_ = budget_->ChargeHeap(size_);
  }
  HeapCharge(const HeapCharge&) = delete;
  HeapCharge& operator=(const HeapCharge&) = delete;
  ~HeapCharge() {
    if (granted_) budget_->ReturnHeap(size_);
  }
  bool granted() const { return granted_; }

 private:
  bytes::Budget* budget_;
  uint64_t size_;
  bool granted_;
};

// One run over one stream. Positions are offsets in the compressed bytes.
class Run {
 public:
  Run(const Codec& codec, Bytes artifact, graph::DecodedFile* decoded)
      : codec_(codec), artifact_(artifact), decoded_(decoded), chunk_(kChunk) {}

  std::optional<graph::Refusal> Go(Decompressor* decompressor) {
    for (;;) {
      const Bytes rest = artifact_.subspan(position_);
      const Step step =
          decompressor->Next(rest.first(std::min(rest.size(), kMaxInput)), absl::MakeSpan(chunk_));
      position_ += step.consumed;
      if (auto refusal = Keep(Bytes(chunk_).first(step.produced))) return refusal;
      switch (step.state) {
        case Step::State::kMore:
          // A decoder that neither takes nor gives would do so forever.
          if (step.consumed == 0 && step.produced == 0) return Starved();
          break;
        case Step::State::kEnd:
          if (position_ != artifact_.size()) return Trailing();
          return std::nullopt;
        case Step::State::kCorrupt:
          return Refuse("MALFORMED",
                        absl::StrCat("not a valid ", codec_.name, " stream: ", step.why),
                        position_);
        case Step::State::kMemory:
          return Refuse(
              "BUDGET_HEAP",
              absl::StrCat("the ", codec_.name, " stream asks for a dictionary above the ",
                           codec_.memory_bytes, " bytes that decompression may use"),
              position_);
      }
    }
  }

 private:
  std::optional<graph::Refusal> Keep(Bytes produced) {
    if (decoded_->Append(produced)) return std::nullopt;
    if (decoded_->error() != 0) {
      return Refuse("BUDGET_DECODED",
                    absl::StrCat("decompressed data could not be stored after ", decoded_->size(),
                                 " bytes: ", std::strerror(decoded_->error())),
                    position_);
    }
    return Refuse(
        "BUDGET_DECODED",
        absl::StrCat(position_, " bytes of ", codec_.name, " expand to more than ",
                     decoded_->size(), " bytes, which is more than the budget of the request"),
        position_);
  }

  graph::Refusal Starved() const {
    if (position_ == artifact_.size()) {
      return Refuse("TRUNCATED", absl::StrCat("the file ends inside the ", codec_.name, " stream"),
                    position_);
    }
    return Refuse("MALFORMED", absl::StrCat("the ", codec_.name, " stream cannot be continued"),
                  position_);
  }

  graph::Refusal Trailing() const {
    return Refuse("TRAILING_DATA",
                  absl::StrCat(artifact_.size() - position_, " bytes follow the end of the ",
                               codec_.name, " stream; readers disagree on what they mean"),
                  position_);
  }

  const Codec& codec_;
  Bytes artifact_;
  graph::DecodedFile* decoded_;
  std::vector<uint8_t> chunk_;
  size_t position_ = 0;
};

}  // namespace

absl::Span<const Codec> Codecs() { return kCodecs; }

std::optional<graph::Refusal> DecompressAll(const Codec& codec, Bytes artifact,
                                            bytes::Budget* budget, graph::DecodedFile* decoded) {
  if (const char* problem = codec.header_problem(artifact)) {
    return Refuse("MALFORMED", absl::StrCat("the ", codec.name, " stream is refused: ", problem),
                  0);
  }
  const HeapCharge charge(budget, codec.memory_bytes + kChunk);
  std::unique_ptr<Decompressor> decompressor;
  if (charge.granted()) decompressor = codec.make();
  if (decompressor == nullptr) {
    return Refuse("BUDGET_HEAP",
                  absl::StrCat("decompressing ", codec.name, " takes up to ", codec.memory_bytes,
                               " bytes of memory, which the request does not have"),
                  0);
  }
  return Run(codec, artifact, decoded).Go(decompressor.get());
}

}  // namespace loadlock::compress
