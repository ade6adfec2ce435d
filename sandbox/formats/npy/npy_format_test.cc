#include "sandbox/formats/npy/npy_format.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "sandbox/formats/testing.h"

namespace loadlock::formats {
namespace {

TEST(NpyFormatTest, AllVersionsMeanTheSame) {
  for (const char* file : {"npy__version1", "npy__version2", "npy__version3", "npy__fortran"}) {
    const Blob artifact = ReadTestFile(file);
    const Parsed parsed(artifact);
    ASSERT_EQ(parsed.rule(), "") << parsed.message();
    const graph::ArrayInfo& array = parsed.graph().array(parsed.output().root);
    EXPECT_EQ(array.shape, (std::vector<int64_t>{2, 3}));
    EXPECT_EQ(array.fortran, std::string(file) == "npy__fortran");
    EXPECT_EQ(parsed.graph().text(array.dtype), "<f8");
  }
}

TEST(NpyFormatTest, DataIsARangeOfTheFile) {
  const Blob artifact = ReadTestFile("npy__version1");
  const Parsed parsed(artifact);
  v1::Graph graph;
  ASSERT_TRUE(graph.ParseFromString(parsed.encoded().graph));
  ASSERT_EQ(graph.buffer_offsets_size(), 1);
  EXPECT_EQ(graph.buffer_sources(0), v1::BUFFER_SOURCE_ARTIFACT);
  ASSERT_EQ(graph.buffer_lengths(0), 48u);
  ASSERT_EQ(graph.buffer_offsets(0) + graph.buffer_lengths(0), artifact.size());
  double values[6];
  std::memcpy(values, artifact.data() + graph.buffer_offsets(0), sizeof(values));
  for (int i = 0; i < 6; ++i) EXPECT_EQ(values[i], i);
}

TEST(NpyFormatTest, CompressedIsRefused) {
  // numpy.load reads no compressed .npy; joblib.load would unpickle what is inside.
  const Blob artifact = ReadTestFile("npy__version1");
  EXPECT_STREQ(IdentifyNpy(artifact), "npy");
  EXPECT_EQ(IdentifyNpy(ToBlob("\x93NUMPX\1")), nullptr);
}

}  // namespace
}  // namespace loadlock::formats
