#include "sandbox/formats/pickle/pickle_format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "sandbox/formats/testing.h"

namespace loadlock::formats {
namespace {

using testing::HasSubstr;

TEST(IdentifyPickleTest, WantsProtoAndAnOpcode) {
  EXPECT_STREQ(IdentifyPickle(ToBlob("\x80\4N.")), "pickle");
  EXPECT_EQ(IdentifyPickle(ToBlob("\x80\4")), nullptr);
  EXPECT_EQ(IdentifyPickle(ToBlob("\x80\6N.")), nullptr);     // no such protocol
  EXPECT_EQ(IdentifyPickle(ToBlob("\x80\4\xff.")), nullptr);  // no such opcode
  EXPECT_EQ(IdentifyPickle(ToBlob("N.")), nullptr);
}

TEST(HeaderlessPickleTest, IsReadWhenNothingElseFits) {
  const Blob none = ToBlob("N.");
  const Parsed parsed(none);
  EXPECT_EQ(parsed.rule(), "");
  EXPECT_EQ(parsed.format(), "pickle");
}

TEST(HeaderlessPickleTest, TextIsAnUnknownFormatAndSaysWhyItIsNoPickle) {
  for (const char* text : {"hello world\n", "os.system\n", "(", "}"}) {
    const Blob artifact = ToBlob(text);
    const Parsed parsed(artifact);
    EXPECT_EQ(parsed.rule(), "UNKNOWN_FORMAT") << text;
    EXPECT_EQ(parsed.format(), "") << text;
    EXPECT_THAT(parsed.message(), HasSubstr("none of the known formats")) << text;
    EXPECT_THAT(parsed.message(), HasSubstr("read as a pickle")) << text;
  }
}

TEST(HeaderlessPickleTest, NamesKeepTheReasonOfThePickle) {
  const Blob artifact = ToBlob("cposix\nsystem\n(S'id'\ntR");
  const Parsed parsed(artifact);
  EXPECT_EQ(parsed.rule(), "TRUNCATED");
  EXPECT_EQ(parsed.format(), "pickle");
  EXPECT_TRUE(parsed.Names("posix", "system"));
}

TEST(PickleFormatTest, UnknownProtocolIsRefused) {
  const Blob artifact = ToBlob("\x80\6N.");
  EXPECT_EQ(Parsed(artifact).rule(), "UNKNOWN_FORMAT");
}

TEST(PickleFormatTest, ArraysOfAnUncompressedFileAreRangesOfIt) {
  const Blob artifact = ReadTestFile("joblib__record");
  const Parsed parsed(artifact);
  ASSERT_EQ(parsed.rule(), "") << parsed.message();
  const graph::ArrayInfo& array = parsed.graph().array(parsed.output().root);
  EXPECT_EQ(array.shape, std::vector<int64_t>{2});
  EXPECT_EQ(parsed.graph().kind(array.dtype), graph::Kind::kDtypeRecord);
  EXPECT_EQ(parsed.decoded().size(), 0u);
  // joblib writes the array last.
  v1::Graph graph;
  ASSERT_TRUE(graph.ParseFromString(parsed.encoded().graph));
  ASSERT_EQ(graph.buffer_sources_size(), 1);
  EXPECT_EQ(graph.buffer_sources(0), v1::BUFFER_SOURCE_ARTIFACT);
  EXPECT_EQ(graph.buffer_lengths(0), 24u);
}

TEST(PickleFormatTest, ConcatenatedPicklesAreRefused) {
  const Blob artifact = ToBlob("\x80\2N.\x80\2cposix\nsystem\n.");
  EXPECT_EQ(Parsed(artifact).rule(), "TRAILING_DATA");
}

}  // namespace
}  // namespace loadlock::formats
