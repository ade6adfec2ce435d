// The libraries behind the codecs; only codec.cc includes this.
#ifndef LOADLOCK_SANDBOX_DECODERS_COMPRESS_CODECS_INTERNAL_H_
#define LOADLOCK_SANDBOX_DECODERS_COMPRESS_CODECS_INTERNAL_H_

#include <cstdint>
#include <memory>

#include "sandbox/decoders/compress/decompressor.h"

namespace loadlock::compress {

// deflate.cc. Window of 32 KiB, tables of 7 KiB, bookkeeping.
inline constexpr uint64_t kDeflateMemory = uint64_t{64} << 10;
bool MatchesZlib(Bytes artifact);
bool MatchesGzip(Bytes artifact);
const char* GzipHeaderProblem(Bytes artifact);
std::unique_ptr<Decompressor> MakeZlib();
std::unique_ptr<Decompressor> MakeGzip();

// bzip2.cc. 100 kB and four bytes for each byte of a 900 kB block.
inline constexpr uint64_t kBzip2Memory = uint64_t{4} << 20;
bool MatchesBzip2(Bytes artifact);
std::unique_ptr<Decompressor> MakeBzip2();

// xz.cc. Preset 9, the greatest that xz and Python offer, needs 65 MiB for its dictionary of
// 64 MiB. A header may ask for 4 GiB in 13 bytes; liblzma is given this limit instead.
inline constexpr uint64_t kXzMemory = uint64_t{80} << 20;
bool MatchesXz(Bytes artifact);
bool MatchesLzma(Bytes artifact);
const char* LzmaHeaderProblem(Bytes artifact);
std::unique_ptr<Decompressor> MakeXz();
std::unique_ptr<Decompressor> MakeLzma();

// lz4_frame.cc. A block of at most 4 MiB in and out, and 128 KiB of history.
inline constexpr uint64_t kLz4Memory = uint64_t{9} << 20;
bool MatchesLz4(Bytes artifact);
const char* Lz4HeaderProblem(Bytes artifact);
std::unique_ptr<Decompressor> MakeLz4();

// zstd.cc. A window of 64 MiB, as much again as a block in and out, and tables. Only zstd --ultra
// and
// --long ask for more, and only for files that are larger than that.
inline constexpr int kZstdWindowLog = 26;
inline constexpr uint64_t kZstdMemory = uint64_t{66} << 20;
bool MatchesZstd(Bytes artifact);
const char* ZstdHeaderProblem(Bytes artifact);
std::unique_ptr<Decompressor> MakeZstd();

}  // namespace loadlock::compress

#endif  // LOADLOCK_SANDBOX_DECODERS_COMPRESS_CODECS_INTERNAL_H_
