#include <bzlib.h>
#include <gtest/gtest.h>
#include <lz4frame.h>
#include <lzma.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <functional>
#include <string>
#include <vector>

#include "sandbox/decoders/compress/codec.h"

namespace loadlock::compress {
namespace {

using Blob = std::vector<uint8_t>;

Blob Deflate(const Blob& data, int window_bits, const char* name = nullptr, bool crc = false) {
  z_stream stream = {};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
  gz_header header = {};
  if (name != nullptr) {
    header.name = reinterpret_cast<Bytef*>(const_cast<char*>(name));
    header.hcrc = crc ? 1 : 0;
    deflateSetHeader(&stream, &header);
  }
  Blob out(deflateBound(&stream, data.size()) + 64);
  stream.next_in = const_cast<Bytef*>(data.data());
  stream.avail_in = static_cast<uInt>(data.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

Blob Bzip2(Blob data) {
  const auto used = static_cast<unsigned>(data.size());
  data.reserve(1);  // the library wants an address even for no bytes
  Blob out(data.size() + data.size() / 50 + 700);
  auto size = static_cast<unsigned>(out.size());
  EXPECT_EQ(BZ2_bzBuffToBuffCompress(reinterpret_cast<char*>(out.data()), &size,
                                     reinterpret_cast<char*>(data.data()), used, 9, 0, 0),
            BZ_OK);
  out.resize(size);
  return out;
}

Blob RunLzma(lzma_stream* stream, const Blob& data) {
  Blob out(data.size() * 2 + 4096);
  stream->next_in = data.data();
  stream->avail_in = data.size();
  stream->next_out = out.data();
  stream->avail_out = out.size();
  EXPECT_EQ(lzma_code(stream, LZMA_FINISH), LZMA_STREAM_END);
  out.resize(stream->total_out);
  lzma_end(stream);
  return out;
}

Blob Xz(const Blob& data) {
  lzma_stream stream = LZMA_STREAM_INIT;
  EXPECT_EQ(lzma_easy_encoder(&stream, 6, LZMA_CHECK_CRC64), LZMA_OK);
  return RunLzma(&stream, data);
}

Blob Lzma(const Blob& data) {
  lzma_stream stream = LZMA_STREAM_INIT;
  lzma_options_lzma options;
  EXPECT_FALSE(lzma_lzma_preset(&options, 6));
  EXPECT_EQ(lzma_alone_encoder(&stream, &options), LZMA_OK);
  return RunLzma(&stream, data);
}

Blob Lz4(const Blob& data, bool checksum = true) {
  LZ4F_preferences_t preferences = LZ4F_INIT_PREFERENCES;
  preferences.frameInfo.contentChecksumFlag =
      checksum ? LZ4F_contentChecksumEnabled : LZ4F_noContentChecksum;
  Blob out(LZ4F_compressFrameBound(data.size(), &preferences));
  const size_t size =
      LZ4F_compressFrame(out.data(), out.size(), data.data(), data.size(), &preferences);
  EXPECT_FALSE(LZ4F_isError(size));
  out.resize(size);
  return out;
}

Blob Zstd(const Blob& data, bool checksum = true, bool sized = true) {
  ZSTD_CCtx* const context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, checksum ? 1 : 0);
  ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, sized ? 1 : 0);
  Blob out(ZSTD_compressBound(data.size()));
  ZSTD_outBuffer output = {out.data(), out.size(), 0};
  ZSTD_inBuffer input = {data.data(), data.size(), 0};
  EXPECT_EQ(ZSTD_compressStream2(context, &output, &input, ZSTD_e_end), 0U);
  ZSTD_freeCCtx(context);
  out.resize(output.pos);
  return out;
}

struct Result {
  std::optional<graph::Refusal> refusal;
  Blob data;
  std::string rule() const { return refusal ? refusal->rule_id : ""; }
};

const Codec& Find(const std::string& name) {
  for (const Codec& codec : Codecs()) {
    if (name == codec.name) return codec;
  }
  ADD_FAILURE() << "no codec " << name;
  return Codecs()[0];
}

Result Unpack(const std::string& codec, const Blob& artifact, bytes::BudgetLimits limits = {}) {
  const int fd = memfd_create("decoded", MFD_CLOEXEC);
  EXPECT_GE(fd, 0);
  Result result;
  {
    bytes::Budget budget(limits);
    graph::DecodedFile decoded(fd, &budget);
    result.refusal = DecompressAll(Find(codec), artifact, &budget, &decoded);
    const auto mapped = decoded.Map();
    result.data.assign(mapped.begin(), mapped.end());
  }
  close(fd);
  return result;
}

// Half compressible, so that every codec has literals and matches.
Blob Sample(size_t size) {
  Blob data(size);
  uint32_t state = 1;
  for (size_t i = 0; i < size; ++i) {
    state = state * 1664525 + 1013904223;
    data[i] = static_cast<uint8_t>((i / 64) % 2 == 0 ? state >> 24 : i);
  }
  return data;
}

struct Case {
  const char* codec;
  std::function<Blob(const Blob&)> compress;
};

std::vector<Case> Cases() {
  return {{"zlib", [](const Blob& data) { return Deflate(data, 15); }},
          {"gzip", [](const Blob& data) { return Deflate(data, 31); }},
          {"bz2", Bzip2},
          {"lzma", Lzma},
          {"xz", Xz},
          {"lz4", [](const Blob& data) { return Lz4(data); }},
          {"zstd", [](const Blob& data) { return Zstd(data); }}};
}

class CompressTest : public testing::TestWithParam<Case> {};

TEST_P(CompressTest, RestoresTheData) {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{1000}, size_t{3'000'000}}) {
    const Blob data = Sample(size);
    const Result result = Unpack(GetParam().codec, GetParam().compress(data));
    ASSERT_FALSE(result.refusal) << result.refusal->message;
    EXPECT_EQ(result.data, data);
  }
}

TEST_P(CompressTest, IsRecognisedByOneCodecAlone) {
  const Blob artifact = GetParam().compress(Sample(100));
  for (const Codec& codec : Codecs()) {
    EXPECT_EQ(codec.matches(artifact), codec.name == std::string(GetParam().codec)) << codec.name;
  }
}

TEST_P(CompressTest, EveryTruncationIsRefused) {
  const Blob artifact = GetParam().compress(Sample(300));
  for (size_t length = 0; length < artifact.size(); ++length) {
    const Blob cut(artifact.begin(), artifact.begin() + static_cast<ptrdiff_t>(length));
    if (!Find(GetParam().codec).matches(cut)) {
      ASSERT_LT(length, 16u);
      continue;
    }
    const Result result = Unpack(GetParam().codec, cut);
    ASSERT_EQ(result.rule(), "TRUNCATED") << length;
    EXPECT_LE(*result.refusal->byte_offset, length);
  }
}

TEST_P(CompressTest, WhateverFollowsIsRefused) {
  const Blob artifact = GetParam().compress(Sample(300));
  for (const Blob& tail : {Blob{0}, Blob{0, 0, 0, 0}, Blob{'x'}, artifact}) {
    Blob longer = artifact;
    longer.insert(longer.end(), tail.begin(), tail.end());
    const Result result = Unpack(GetParam().codec, longer);
    ASSERT_EQ(result.rule(), "TRAILING_DATA");
    EXPECT_EQ(*result.refusal->byte_offset, artifact.size());
  }
}

// A flip may hide in bytes without meaning (a time stamp, an operating system); if it is not
// refused, the data must be what it was.
TEST_P(CompressTest, FlippedBitsAreRefusedOrWithoutEffect) {
  const Blob data = Sample(300);
  const Blob artifact = GetParam().compress(data);
  int refused = 0;
  for (size_t bit = 0; bit < artifact.size() * 8; ++bit) {
    Blob changed = artifact;
    changed[bit / 8] = static_cast<uint8_t>(changed[bit / 8] ^ 1u << bit % 8);
    if (!Find(GetParam().codec).matches(changed)) {
      ++refused;
      continue;
    }
    // One bit of a header may ask for gigabytes.
    const Result result = Unpack(GetParam().codec, changed, {.max_decoded_bytes = 1 << 20});
    if (result.refusal) {
      ++refused;
    } else if (GetParam().codec != std::string("lzma")) {  // it alone has no checksum
      ASSERT_EQ(result.data, data) << "bit " << bit;
    }
  }
  EXPECT_GT(refused, static_cast<int>(artifact.size()));
}

TEST_P(CompressTest, BombIsStoppedByTheBudget) {
  const Blob bomb = GetParam().compress(Blob(64 << 20));
  ASSERT_LT(bomb.size(), size_t{1} << 19);
  const Result result = Unpack(GetParam().codec, bomb, {.max_decoded_bytes = 8 << 20});
  EXPECT_LE(result.data.size(), size_t{8} << 20);
  ASSERT_EQ(result.rule(), "BUDGET_DECODED");
  EXPECT_NE(result.refusal->message.find("expand to more than"), std::string::npos);
  EXPECT_LE(result.data.size(), size_t{8} << 20);
}

TEST_P(CompressTest, ShortHeapIsRefusedBeforeItIsUsed) {
  const Blob artifact = GetParam().compress(Sample(300));
  EXPECT_EQ(Unpack(GetParam().codec, artifact, {.max_heap_bytes = 1 << 10}).rule(), "BUDGET_HEAP");
}

INSTANTIATE_TEST_SUITE_P(Codecs, CompressTest, testing::ValuesIn(Cases()),
                         [](const auto& param) { return std::string(param.param.codec); });

TEST(GzipTest, AcceptsAFileNameAndNoOtherFlag) {
  const Blob data = Sample(100);
  EXPECT_EQ(Unpack("gzip", Deflate(data, 31, "model.pkl")).data, data);
  const Result crc = Unpack("gzip", Deflate(data, 31, "model.pkl", /*crc=*/true));
  EXPECT_EQ(crc.rule(), "MALFORMED");
  for (const int flag : {0x01, 0x02, 0x04, 0x10, 0x20, 0x40, 0x80}) {
    Blob changed = Deflate(data, 31);
    changed[3] = static_cast<uint8_t>(flag);
    EXPECT_EQ(Unpack("gzip", changed).rule(), "MALFORMED") << flag;
  }
}

TEST(GzipTest, FileNameWithoutEndIsRefused) {
  Blob endless = Deflate(Sample(100), 31);
  endless[3] = 0x08;
  endless.insert(endless.begin() + 10, 100'000, 'a');
  EXPECT_EQ(Unpack("gzip", endless).rule(), "MALFORMED");
}

TEST(ZlibTest, OnlyTheHeaderThatJoblibReads) {
  const Codec& zlib = Find("zlib");
  EXPECT_TRUE(zlib.matches(Deflate(Sample(9), 15)));
  EXPECT_FALSE(zlib.matches(Deflate(Sample(9), 14)));        // another window
  EXPECT_FALSE(zlib.matches(Blob{0x78, 0x9d, 0x03}));        // check bits
  EXPECT_FALSE(zlib.matches(Blob{0x78, 0xbb, 0x03}));        // preset dictionary
  EXPECT_FALSE(zlib.matches(Blob{0x78, 0x9c, 0x06}));        // reserved block type
  EXPECT_FALSE(zlib.matches(Blob{0x78, 0x10, 0x00, 0x00}));  // a safetensors length
}

// 32 bytes that ask for a dictionary of 4 GiB (3 GiB) must not allocate it.
TEST(LzmaTest, HugeDictionaryIsRefused) {
  Blob claim(32, 0);
  claim[0] = 0x5d;
  for (size_t i = 5; i < 13; ++i) claim[i] = 0xff;
  for (const uint8_t top : {0x80, 0xc0, 0x10}) {
    claim[4] = top;
    ASSERT_TRUE(Find("lzma").matches(claim));
    EXPECT_EQ(Unpack("lzma", claim).rule(), "BUDGET_HEAP");
  }
}

// The same in an xz block header, whose checksum is made to fit.
TEST(XzTest, HugeDictionaryIsRefused) {
  Blob artifact = Xz(Sample(300));
  constexpr size_t kBlock = 12;
  const size_t size = (artifact[kBlock] + size_t{1}) * 4;
  ASSERT_EQ(artifact[kBlock + 2], 0x21);  // LZMA2, one byte of properties: the dictionary
  artifact[kBlock + 4] = 40;              // 4 GiB - 1
  const uint32_t crc = lzma_crc32(artifact.data() + kBlock, size - 4, 0);
  for (size_t i = 0; i < 4; ++i) {
    artifact[kBlock + size - 4 + i] = static_cast<uint8_t>(crc >> (8 * i));
  }
  EXPECT_EQ(Unpack("xz", artifact).rule(), "BUDGET_HEAP");
}

TEST(LzmaTest, StatedSizeIsRefused) {
  Blob artifact = Lzma(Sample(300));
  for (size_t i = 5; i < 13; ++i) artifact[i] = 0;
  artifact[6] = 1;
  ASSERT_TRUE(Find("lzma").matches(artifact));
  EXPECT_EQ(Unpack("lzma", artifact).rule(), "MALFORMED");
}

TEST(Lz4Test, ContentChecksumIsVerified) {
  Blob artifact = Lz4(Sample(300));
  artifact.back() ^= 1;
  const Result result = Unpack("lz4", artifact);
  ASSERT_EQ(result.rule(), "MALFORMED");
  EXPECT_NE(result.refusal->message.find("checksum of its content"), std::string::npos);
}

// python-lz4 writes no checksum unless it is asked to.
TEST(Lz4Test, NoChecksumIsAccepted) {
  const Blob data = Sample(300);
  EXPECT_EQ(Unpack("lz4", Lz4(data, /*checksum=*/false)).data, data);
}

TEST(Lz4Test, DictionaryAndSkippableFrameAreRefused) {
  Blob artifact = Lz4(Sample(300));
  artifact[4] |= 1;
  EXPECT_EQ(Unpack("lz4", artifact).rule(), "MALFORMED");
  EXPECT_FALSE(Find("lz4").matches(Blob{0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 0}));
  Blob followed = Lz4(Sample(300));
  for (const uint8_t byte : {0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 0}) {
    followed.push_back(byte);
  }
  EXPECT_EQ(Unpack("lz4", followed).rule(), "TRAILING_DATA");
}

TEST(CodecTest, NoDescriptorMeansRefusal) {
  const Blob artifact = Deflate(Sample(300), 15);
  bytes::Budget budget{bytes::BudgetLimits{}};
  graph::DecodedFile decoded(-1, &budget);
  const auto refusal = DecompressAll(Find("zlib"), artifact, &budget, &decoded);
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->rule_id, "BUDGET_DECODED");
}

TEST(ZstdTest, TakesFramesWithAndWithoutChecksum) {
  const Blob data = Sample(1000);
  EXPECT_EQ(Unpack("zstd", Zstd(data, /*checksum=*/false)).data, data);
  Blob broken = Zstd(data);
  broken.back() ^= 1;
  EXPECT_EQ(Unpack("zstd", broken).rule(), "MALFORMED");
}

TEST(ZstdTest, HeadersThatReadersTreatDifferentlyAreRefused) {
  for (const int flag : {0x01, 0x02, 0x03, 0x08, 0x10}) {
    Blob changed = Zstd(Sample(100));
    changed[4] = static_cast<uint8_t>(changed[4] | flag);
    EXPECT_EQ(Unpack("zstd", changed).rule(), "MALFORMED") << flag;
  }
  // A frame that readers skip, and one that follows another.
  EXPECT_FALSE(Find("zstd").matches(Blob{0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 0}));
  Blob twice = Zstd(Sample(100));
  const Blob once = twice;
  twice.insert(twice.end(), once.begin(), once.end());
  EXPECT_EQ(Unpack("zstd", twice).rule(), "TRAILING_DATA");
}

TEST(ZstdTest, HugeWindowsAreNotAllocated) {
  const Blob data = Sample(100'000);
  Blob frame = Zstd(data, /*checksum=*/true, /*sized=*/false);
  // No size, so that the window is what the byte behind the descriptor says: 2^(10 + n).
  ASSERT_EQ(frame[4] & 0xe0, 0);
  const auto with_window = [&frame](int log) {
    frame[5] = static_cast<uint8_t>((log - 10) << 3);
    return frame;
  };
  EXPECT_EQ(Unpack("zstd", with_window(26)).data, data);
  EXPECT_EQ(Unpack("zstd", with_window(27)).rule(), "BUDGET_HEAP");
  EXPECT_EQ(Unpack("zstd", with_window(41)).rule(), "BUDGET_HEAP");
}

}  // namespace
}  // namespace loadlock::compress
