#include "sandbox/formats/format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <set>
#include <string>

#include "sandbox/formats/registry.h"
#include "sandbox/formats/testing.h"

namespace loadlock::formats {
namespace {

using testing::HasSubstr;

class RealFileTest : public testing::TestWithParam<std::string> {};

TEST_P(RealFileTest, IsRecognisedAndAccepted) {
  const Blob artifact = ReadTestFile(GetParam());
  const Parsed parsed(artifact);
  ASSERT_EQ(parsed.rule(), "") << parsed.message();
  EXPECT_EQ(parsed.format(), FormatOf(GetParam()));
  EXPECT_GT(parsed.encoded().nodes, 0u);
}

TEST_P(RealFileTest, EveryTruncationIsRefused) {
  const Blob artifact = ReadTestFile(GetParam());
  for (size_t length = 0; length < artifact.size(); ++length) {
    const Blob cut(artifact.begin(), artifact.begin() + static_cast<ptrdiff_t>(length));
    const Parsed parsed(cut);
    ASSERT_NE(parsed.rule(), "") << length << " of " << artifact.size() << " bytes";
    ASSERT_NE(parsed.message(), "");
    ASSERT_EQ(parsed.output().root, graph::kNoNode);
  }
}

TEST_P(RealFileTest, AnythingThatFollowsIsRefused) {
  Blob artifact = ReadTestFile(GetParam());
  const size_t size = artifact.size();
  for (const char* tail : {"\n", ".", "N.", "PK\5\6", "\x80\4N."}) {
    artifact.resize(size);
    artifact.insert(artifact.end(), tail, tail + std::char_traits<char>::length(tail));
    EXPECT_NE(Parsed(artifact).rule(), "") << tail;
  }
  artifact.resize(size);
  artifact.push_back(0);
  EXPECT_NE(Parsed(artifact).rule(), "");
}

// Most flips change a value and stay valid; the point is that each ends, with a verdict, within
// the budget of bytes. One that does not end meets ctest's time-out.
TEST_P(RealFileTest, FlippedBytesEndInAVerdict) {
  const Blob artifact = ReadTestFile(GetParam());
  for (size_t i = 0; i < artifact.size(); ++i) {
    for (const uint8_t flip : {0x01, 0x80, 0xff}) {
      Blob changed = artifact;
      changed[i] ^= flip;
      const Parsed parsed(changed);
      if (parsed.rule().empty()) {
        ASSERT_GT(parsed.encoded().nodes, 0u);
        ASSERT_NE(parsed.format(), "");
      } else {
        ASSERT_NE(parsed.message(), "");
      }
      ASSERT_LE(parsed.decoded().size(), SmallBudget().max_decoded_bytes);
    }
  }
}

std::string TestName(const testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  std::replace_if(
      name.begin(), name.end(), [](char c) { return !std::isalnum(c); }, '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Files, RealFileTest, testing::ValuesIn(TestFiles()), TestName);

TEST(RealFilesTest, CoverEveryFormat) {
  std::set<std::string> formats;
  for (const std::string& file : TestFiles()) formats.insert(FormatOf(file));
  for (const char* format : {"pickle", "joblib", "npy", "skops", "joblib+zlib", "joblib+gzip",
                             "joblib+bz2", "joblib+lzma", "joblib+xz", "joblib+lz4", "pickle+zlib",
                             "pickle+lz4", "npy+zstd", "gguf", "tar", "tar+gzip", "zip"}) {
    EXPECT_TRUE(formats.contains(format)) << format;
  }
}

TEST(DetectTest, EmptyAndUnknownFilesAreRefused) {
  EXPECT_EQ(Parsed(Blob()).rule(), "UNKNOWN_FORMAT");
  const Blob unknown = ToBlob("\xfe\xff whatever");
  const Parsed parsed(unknown);
  EXPECT_EQ(parsed.rule(), "UNKNOWN_FORMAT");
  EXPECT_EQ(parsed.format(), "");
  EXPECT_THAT(parsed.message(), HasSubstr("\\xfe\\xff what"));
}

// A safetensors length whose low bytes are a pickle's or a zlib stream's first bytes.
Blob SafetensorsOfLength(uint64_t length) {
  Blob artifact;
  for (int i = 0; i < 8; ++i) artifact.push_back(static_cast<uint8_t>(length >> (8 * i)));
  artifact.push_back('{');
  artifact.resize(8 + length - 1, ' ');
  artifact.push_back('}');
  return artifact;
}

TEST(DetectTest, FirstByteAloneDecidesNothing) {
  const Blob like_zlib = SafetensorsOfLength(0x78);
  EXPECT_EQ(Parsed(like_zlib).format(), "safetensors");
  const Blob like_pickle = SafetensorsOfLength(0x80);
  EXPECT_EQ(Parsed(like_pickle).format(), "safetensors");
}

// As many bytes of header as the first bytes of other formats say, and nothing in them that such a
// reader could make something of.
TEST(DetectTest, LengthsThatLookLikeAnotherFormatAreLengths) {
  for (const uint64_t length :
       {uint64_t{0x28}, uint64_t{0x58}, uint64_t{0x70}, uint64_t{0x78}, uint64_t{0x80},
        uint64_t{0x158}, uint64_t{0x6328},       // MARK, GLOBAL of a module with NULs
        uint64_t{0x9c78}, uint64_t{0x0178},      // zlib, a stored block
        uint64_t{0x029c78}, uint64_t{0x049c78},  // and compressed ones
        uint64_t{0x088b1f},                      // gzip
        uint64_t{0x940480},                      // PROTO, MEMOIZE
        uint64_t{0x5d0280}, uint64_t{0x63},      // PROTO, EMPTY_LIST; GLOBAL
        uint64_t{0x93}, uint64_t{0x0183},        // STACK_GLOBAL of nothing, EXT2
        uint64_t{0x50}, uint64_t{0x120708}}) {   // PERSID; ONNX
    const Blob artifact = SafetensorsOfLength(length);
    const Parsed parsed(artifact);
    EXPECT_EQ(parsed.format(), "safetensors") << length;
    EXPECT_EQ(parsed.rule(), "") << length << ": " << parsed.message();
  }
}

TEST(DetectTest, EveryShortLengthIsALength) {
  for (uint64_t length = 2; length < 5000; ++length) {
    const Blob artifact = SafetensorsOfLength(length);
    const Detection found = Detect(artifact);
    ASSERT_STREQ(found.name, "safetensors") << length;
    ASSERT_EQ(found.other_name, nullptr) << length << ": " << found.other_name;
  }
}

// A header of so many bytes, with a text at an offset of the file.
Blob Polyglot(uint64_t length, size_t at, const std::string& text) {
  Blob artifact = SafetensorsOfLength(length);
  std::copy(text.begin(), text.end(), artifact.begin() + static_cast<ptrdiff_t>(at));
  return artifact;
}

TEST(DetectTest, FilesMadeForTwoReadersAreRefused) {
  // BINUNICODE of some bytes, then a name between lines: pickle.load would import it.
  const Blob pickle = Polyglot(0x1058, 5 + 0x10, "cposix\nsystem\n");
  // The same behind PROTO 4; SHORT_BINUNICODE takes five bytes over.
  const Blob framed = Polyglot(0x058c0480, 9, "cposix\nsystem\n");
  for (const Blob& artifact : {pickle, framed}) {
    const Parsed parsed(artifact);
    EXPECT_EQ(parsed.rule(), "UNKNOWN_FORMAT");
    EXPECT_EQ(parsed.format(), "");
    EXPECT_THAT(parsed.message(), HasSubstr("valid as safetensors and as pickle"));
    EXPECT_THAT(parsed.message(), HasSubstr("readers differ"));
  }
  // A deflate stream that begins in the text: the last block, in fixed codes.
  const Blob gzip = Polyglot(0x088b1f, 10, "K");
  EXPECT_THAT(Parsed(gzip).message(), HasSubstr("valid as safetensors and as gzip"));
}

TEST(DetectTest, EveryFormatIdentifiesOnlyItsOwnFiles) {
  for (const std::string& file : TestFiles()) {
    const Blob artifact = ReadTestFile(file);
    int fitting = 0;
    for (const Format& format : Registry()) {
      if (format.claim == Claim::kReads && format.identify(artifact) != nullptr) ++fitting;
    }
    EXPECT_LE(fitting, 1) << file;
  }
}

TEST(GlobalsTest, AreKeptWhenTheStreamBreaksLater) {
  const Blob artifact = ToBlob("\x80\2cposix\nsystem\n\x8c\2idq\1\x85R\xff");
  const Parsed parsed(artifact);
  EXPECT_NE(parsed.rule(), "");
  EXPECT_EQ(parsed.format(), "pickle");
  ASSERT_TRUE(parsed.Names("posix", "system"));
  EXPECT_EQ(parsed.output().globals[0].first_offset(), 2u);
  EXPECT_EQ(parsed.output().globals[0].opcode(), "GLOBAL");
}

TEST(BudgetTest, RunsOutAsARefusal) {
  const Blob artifact = ReadTestFile("joblib__logistic");
  bytes::BudgetLimits nodes = SmallBudget();
  nodes.max_nodes = 3;
  EXPECT_EQ(Parsed(artifact, nodes).rule(), "BUDGET_NODES");
  bytes::BudgetLimits heap = SmallBudget();
  heap.max_heap_bytes = 64;
  EXPECT_EQ(Parsed(artifact, heap).rule(), "BUDGET_HEAP");
}

}  // namespace
}  // namespace loadlock::formats
