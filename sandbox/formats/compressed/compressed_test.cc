#include "sandbox/formats/compressed/compressed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <string>

#include "sandbox/formats/testing.h"

namespace loadlock::formats {
namespace {

using testing::HasSubstr;

Blob Zlib(const Blob& data) {
  uLongf size = compressBound(data.size());
  Blob out(size);
  EXPECT_EQ(compress2(out.data(), &size, data.data(), data.size(), 9), Z_OK);
  out.resize(size);
  return out;
}

const char kPoison[] = "cposix\nsystem\n(S'id'\ntR.";

TEST(CompressedTest, ArraysAreRangesOfTheDecodedFile) {
  for (const char* file : {"joblib+zlib__logistic", "joblib+lz4__logistic"}) {
    const Blob artifact = ReadTestFile(file);
    const Parsed parsed(artifact);
    ASSERT_EQ(parsed.rule(), "") << parsed.message();
    v1::Graph graph;
    ASSERT_TRUE(graph.ParseFromString(parsed.encoded().graph));
    ASSERT_GT(graph.buffer_sources_size(), 0);
    for (int i = 0; i < graph.buffer_sources_size(); ++i) {
      EXPECT_EQ(graph.buffer_sources(i), v1::BUFFER_SOURCE_DECODED);
      EXPECT_LE(graph.buffer_offsets(i) + graph.buffer_lengths(i), parsed.decoded().size());
    }
  }
}

TEST(CompressedTest, HoldsTheSameGraphAsTheUncompressedFile) {
  const Blob plain = ReadTestFile("joblib__logistic");
  const Blob compressed = ReadTestFile("joblib+zlib__logistic");
  const Parsed first(plain);
  const Parsed second(compressed);
  ASSERT_EQ(second.rule(), "") << second.message();
  EXPECT_EQ(first.encoded().nodes, second.encoded().nodes);
  ASSERT_EQ(first.output().globals.size(), second.output().globals.size());
  for (size_t i = 0; i < first.output().globals.size(); ++i) {
    EXPECT_EQ(first.output().globals[i].name(), second.output().globals[i].name());
  }
}

TEST(CompressedTest, PoisonIsSeenThroughTheCompression) {
  const Blob artifact = Zlib(ToBlob(kPoison));
  const Parsed parsed(artifact);
  EXPECT_EQ(parsed.format(), "pickle+zlib");
  EXPECT_TRUE(parsed.Names("posix", "system"));
}

TEST(CompressedTest, NamesAreKnownEvenIfTheStreamIsCut) {
  Blob data = ToBlob(kPoison);
  data.pop_back();
  for (int i = 0; i < 20'000; ++i) data.push_back("N0"[i % 2]);
  data.push_back('.');
  Blob artifact = Zlib(data);
  artifact.resize(artifact.size() - 5);
  const Parsed parsed(artifact);
  EXPECT_EQ(parsed.rule(), "TRUNCATED");
  EXPECT_THAT(parsed.message(), HasSubstr("zlib"));
  EXPECT_TRUE(parsed.Names("posix", "system"));
}

TEST(CompressedTest, WhatIsInAStreamThatIsNotReadIsNotClaimed) {
  const Blob artifact = ReadTestFile("joblib+xz__arrays");
  bytes::BudgetLimits limits = SmallBudget();
  limits.max_heap_bytes = 1 << 16;  // less than xz wants for its dictionary
  const Parsed parsed(artifact, limits);
  EXPECT_EQ(parsed.rule(), "BUDGET_HEAP");
  EXPECT_EQ(parsed.format(), "xz");
}

TEST(CompressedTest, EveryFormatIsReadInside) {
  for (const char* file : {"npy__version1", "safetensors__float32", "xgboost-ubjson__categories",
                           "skops__plain", "pickle__plain_protocol0", "gguf__quantised"}) {
    const Blob plain = ReadTestFile(file);
    const Blob artifact = Zlib(plain);
    const Parsed inside(artifact);
    const Parsed outside(plain);
    ASSERT_EQ(inside.rule(), "") << file << ": " << inside.message();
    EXPECT_EQ(inside.format(), outside.format() + "+zlib");
    EXPECT_EQ(inside.encoded().nodes, outside.encoded().nodes) << file;
    v1::Graph graph;
    ASSERT_TRUE(graph.ParseFromString(inside.encoded().graph));
    for (int i = 0; i < graph.buffer_sources_size(); ++i) {
      ASSERT_EQ(graph.buffer_sources(i), v1::BUFFER_SOURCE_DECODED) << file;
      ASSERT_LE(graph.buffer_offsets(i) + graph.buffer_lengths(i), inside.decoded().size());
    }
  }
}

TEST(CompressedTest, NotesComeThrough) {
  const Blob artifact = Zlib(ReadTestFile("gguf__vocabulary"));
  const Parsed parsed(artifact);
  ASSERT_EQ(parsed.rule(), "") << parsed.message();
  EXPECT_EQ(parsed.output().notes.size(), 1U);
}

TEST(CompressedTest, OneLevelIsAllThatIsDecompressed) {
  const Blob pickle = ReadTestFile("pickle__plain_protocol4");
  for (const auto& [inner, name] :
       {std::pair{Zlib(pickle), "zlib"}, std::pair{ReadTestFile("joblib+gzip__arrays"), "gzip"},
        std::pair{ReadTestFile("joblib+xz__arrays"), "xz"}}) {
    const Blob artifact = Zlib(inner);
    const Parsed parsed(artifact);
    EXPECT_EQ(parsed.rule(), "UNKNOWN_FORMAT") << name;
    EXPECT_THAT(parsed.message(), HasSubstr(std::string("holds ") + name));
  }
}

TEST(CompressedTest, WhatIsNoModelInsideIsRefusedByName) {
  for (const auto& [inner, format] :
       {std::pair{"\x89HDF\r\n\x1a\n", "hdf5+zlib"}, std::pair{"import os\n", "python+zlib"},
        std::pair{"\xfe\xff whatever", "zlib"}}) {
    const Blob artifact = Zlib(ToBlob(inner));
    const Parsed parsed(artifact);
    EXPECT_EQ(parsed.rule(), "UNKNOWN_FORMAT") << format;
    EXPECT_EQ(parsed.format(), format);
  }
  const Blob empty = Zlib({});
  EXPECT_EQ(Parsed(empty).rule(), "TRUNCATED");
}

TEST(CompressedTest, BombIsStoppedByTheBudget) {
  const Blob bomb = Zlib(Blob(uint64_t{256} << 20));
  const Parsed parsed(bomb);
  EXPECT_EQ(parsed.rule(), "BUDGET_DECODED");
  EXPECT_LE(parsed.decoded().size(), SmallBudget().max_decoded_bytes);
}

}  // namespace
}  // namespace loadlock::formats
