#include "sandbox/formats/safetensors/safetensors_format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "sandbox/formats/testing.h"

namespace loadlock::formats {
namespace {

using ::testing::ElementsAre;
using std::string_view_literals::operator""sv;

// A file of this header and so many bytes of data.
Blob File(std::string_view header, size_t data) {
  Blob file;
  for (int i = 0; i < 8; ++i) file.push_back(static_cast<uint8_t>(header.size() >> (8 * i)));
  file.insert(file.end(), header.begin(), header.end());
  file.resize(file.size() + data, 1);
  return file;
}

std::string RuleOf(std::string_view header, size_t data) {
  const Blob file = File(header, data);
  const Parsed parsed(file);
  EXPECT_EQ(parsed.format(), "safetensors") << header;
  return parsed.rule();
}

std::string Entry(std::string_view dtype, std::string_view shape, std::string_view offsets) {
  return std::string(R"({"dtype":")") + std::string(dtype) + R"(","shape":)" + std::string(shape) +
         R"(,"data_offsets":)" + std::string(offsets) + "}";
}

std::string One(std::string_view dtype, std::string_view shape, std::string_view offsets) {
  return R"({"a":)" + Entry(dtype, shape, offsets) + "}";
}

TEST(IdentifySafetensorsTest, LooksAtTheWholeHeader) {
  EXPECT_STREQ(IdentifySafetensors(ToBlob("\x04\0\0\0\0\0\0\0{}  "sv)), "safetensors");
  for (const std::string_view other :
       {"\x05\0\0\0\0\0\0\0{}  "sv,        // longer than the file
        "\x04\0\0\0\0\0\0\0[]  "sv,        // no object
        "\x04\0\0\0\0\0\0\0 {} "sv,        // space before it
        "\x03\0\0\0\0\0\0\0{] }"sv,        //
        "\x04\0\0\0\0\0\0\0{\0\0}"sv,      // no text
        "\x04\0\0\0\0\0\0\0{\xff\xfe}"sv,  //
        "\xff\xff\xff\xff\xff\xff\xff\xff{}"sv, "\x00\0\0\0\0\0\0\0{}"sv}) {
    EXPECT_EQ(IdentifySafetensors(ToBlob(other)), nullptr);
  }
}

TEST(SafetensorsFormatTest, RealFilesAreRangesOfTheFile) {
  for (const char* name : {"bool", "complex64", "float16", "float32", "float64", "int8", "int64"}) {
    const Blob artifact = ReadTestFile(std::string("safetensors__") + name);
    const Parsed parsed(artifact);
    EXPECT_EQ(parsed.rule(), "") << name << ": " << parsed.message();
    EXPECT_EQ(parsed.decoded().size(), 0U);
  }
}

TEST(SafetensorsFormatTest, ATensorIsAnArrayByItsName) {
  const Blob file =
      File(R"({"__metadata__":{"format":"pt"},"b":)" + Entry("I16", "[2,1]", "[8,12]") +
               R"(,"\u0061":)" + Entry("F64", "[]", "[0,8]") + "}  ",
           12);
  const Parsed parsed(file);
  ASSERT_EQ(parsed.rule(), "") << parsed.message();
  const graph::Builder& graph = parsed.graph();
  const auto edges = graph.edges(parsed.output().root);
  ASSERT_EQ(edges.size(), 4U);
  EXPECT_EQ(graph.text(edges[0]), "b");
  EXPECT_EQ(graph.text(edges[2]), "a");
  const graph::ArrayInfo& b = graph.array(edges[1]);
  EXPECT_EQ(graph.text(b.dtype), "<i2");
  EXPECT_EQ(b.shape, (std::vector<int64_t>{2, 1}));
  const graph::ArrayInfo& a = graph.array(edges[3]);
  EXPECT_EQ(graph.text(a.dtype), "<f8");
  EXPECT_TRUE(a.shape.empty());
}

TEST(SafetensorsFormatTest, NothingAndEmptyTensorsAreFine) {
  EXPECT_EQ(RuleOf("{}", 0), "");
  EXPECT_EQ(RuleOf(One("F32", "[0,7]", "[0,0]"), 0), "");
  EXPECT_EQ(RuleOf(R"({"a":)" + Entry("U8", "[1]", "[0,1]") + R"(,"b":)" +
                       Entry("U8", "[0]", "[1,1]") + R"(,"c":)" + Entry("U8", "[1]", "[1,2]") + "}",
                   2),
            "");
}

// What the reference reader takes, or two readers take for different things.
TEST(SafetensorsFormatTest, LaxHeadersAreRefused) {
  const std::string entry = Entry("U8", "[1]", "[0,1]");
  EXPECT_EQ(RuleOf(R"({"a":)" + entry + R"(,"a":)" + entry + "}", 1), "DUPLICATE_KEY");
  EXPECT_EQ(RuleOf(R"({"a":)" + entry + R"(,"\u0061":)" + entry + "}", 1), "DUPLICATE_KEY");
  EXPECT_EQ(RuleOf(R"({"__metadata__":{"a":"","a":""}})", 0), "DUPLICATE_KEY");
  EXPECT_EQ(RuleOf(R"({"__metadata__":null})", 0), "MALFORMED");
  EXPECT_EQ(RuleOf(R"({"__metadata__":{"a":1}})", 0), "MALFORMED");
  EXPECT_EQ(RuleOf(R"({"__metadata__":{},"__metadata__":{}})", 0), "DUPLICATE_KEY");
  EXPECT_EQ(RuleOf(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"x":1}})", 1),
            "MALFORMED");
  EXPECT_EQ(RuleOf(R"({"a":{"dtype":"U8","shape":[1]}})", 1), "MALFORMED");
  EXPECT_EQ(RuleOf(R"({"a":{"dtype":"U8","shape":[1],"shape":[1],"data_offsets":[0,1]}})", 1),
            "DUPLICATE_KEY");
  EXPECT_EQ(RuleOf(R"({"a":1})", 0), "MALFORMED");
  EXPECT_EQ(RuleOf(R"({"a":)" + entry + ",}", 1), "MALFORMED");
  EXPECT_EQ(RuleOf(R"({"a":[[[[[]]]]]})", 0), "BUDGET_DEPTH");
  EXPECT_EQ(RuleOf("{}{}", 0), "TRAILING_DATA");
  EXPECT_EQ(RuleOf(R"({")" + std::string(5000, 'n') + R"(":)" + entry + "}", 1), "MALFORMED");
}

TEST(SafetensorsFormatTest, SizesAndOffsetsAreProven) {
  EXPECT_EQ(RuleOf(One("F32", "[2]", "[0,8]"), 8), "");
  EXPECT_EQ(RuleOf(One("F32", "[2]", "[0,4]"), 4), "ARRAY_BOUNDS");
  EXPECT_EQ(RuleOf(One("F32", "[2]", "[8,0]"), 8), "ARRAY_BOUNDS");
  EXPECT_EQ(RuleOf(One("F32", "[2]", "[0,8]"), 7), "TRUNCATED");
  EXPECT_EQ(RuleOf(One("F32", "[2]", "[0,8]"), 9), "TRAILING_DATA");
  EXPECT_EQ(RuleOf(One("F32", "[2]", "[1,9]"), 9), "ARRAY_BOUNDS");
  EXPECT_EQ(RuleOf(One("F32", "[2]", "[0,8,8]"), 8), "MALFORMED");
  EXPECT_EQ(RuleOf(One("F32", "[2]", "[0]"), 8), "MALFORMED");
  for (const char* shape : {"[-2]", "[2.0]", "[true]", "[\"2\"]", "[null]", "2", "{}",
                            "[9223372036854775808]", "[-9223372036854775809]"}) {
    EXPECT_EQ(RuleOf(One("F32", shape, "[0,8]"), 8), "MALFORMED") << shape;
  }
  for (const char* shape : {"[4611686018427387904,4]", "[9223372036854775807]",
                            "[0,9223372036854775807,9223372036854775807]"}) {
    EXPECT_EQ(RuleOf(One("F32", shape, "[0,8]"), 8), "ARRAY_BOUNDS") << shape;
  }
  std::string shape = "[1";
  for (int i = 0; i < 40; ++i) shape += ",1";
  EXPECT_EQ(RuleOf(One("U8", shape + "]", "[0,1]"), 1), "MALFORMED");
  const std::string overlap =
      R"({"a":)" + Entry("U8", "[2]", "[0,2]") + R"(,"b":)" + Entry("U8", "[2]", "[1,3]") + "}";
  EXPECT_EQ(RuleOf(overlap, 3), "ARRAY_BOUNDS");
  const std::string same =
      R"({"a":)" + Entry("U8", "[2]", "[0,2]") + R"(,"b":)" + Entry("U8", "[2]", "[0,2]") + "}";
  EXPECT_EQ(RuleOf(same, 2), "ARRAY_BOUNDS");
}

TEST(SafetensorsFormatTest, WhatNumpyHasNotIsATensorOfTorch) {
  struct Case {
    const char* dtype;
    const char* type;
    const char* shape;
    size_t bytes;
    std::vector<int64_t> geometry;  // offset, sizes, strides
  };
  const Case cases[] = {
      {"BF16", "bfloat16", "[2,3]", 12, {0, 2, 3, 3, 1}},
      {"BF16", "bfloat16", "[]", 2, {0}},
      {"BF16", "bfloat16", "[4,0,1099511627776]", 0, {0, 4, 0, int64_t{1} << 40, 1, 1, 1}},
      {"F8_E4M3", "float8_e4m3fn", "[3]", 3, {0, 3, 1}},
      {"F8_E5M2", "float8_e5m2", "[2,1,2]", 4, {0, 2, 1, 2, 2, 2, 1}},
      {"F8_E8M0", "float8_e8m0fnu", "[1]", 1, {0, 1, 1}},
      {"F4", "float4_e2m1fn_x2", "[3,4]", 6, {0, 3, 2, 2, 1}},
  };
  for (const Case& c : cases) {
    const std::string offsets = "[0," + std::to_string(c.bytes) + "]";
    const Blob file = File(One(c.dtype, c.shape, offsets), c.bytes);
    const Parsed parsed(file);
    ASSERT_EQ(parsed.rule(), "") << c.dtype << c.shape << ": " << parsed.message();
    const graph::Builder& graph = parsed.graph();
    const graph::NodeId tensor = graph.edges(parsed.output().root)[1];
    ASSERT_EQ(graph.kind(tensor), graph::Kind::kTensor);
    EXPECT_EQ(graph.tensor(tensor).type, c.type);
    const auto geometry = graph.geometry(tensor);
    EXPECT_EQ(std::vector<int64_t>(geometry.begin(), geometry.end()), c.geometry) << c.dtype;
    const graph::StorageInfo& storage = graph.storage(graph.tensor(tensor).parts[0]);
    EXPECT_EQ(storage.elements * storage.item_size, c.bytes);
    EXPECT_EQ(storage.type, c.type);
  }
}

TEST(SafetensorsFormatTest, SizesOfTensorsAreProven) {
  EXPECT_EQ(RuleOf(One("BF16", "[2]", "[0,2]"), 2), "ARRAY_BOUNDS");
  EXPECT_EQ(RuleOf(One("BF16", "[2]", "[0,4]"), 3), "TRUNCATED");
  EXPECT_EQ(RuleOf(One("BF16", "[4611686018427387904]", "[0,4]"), 4), "ARRAY_BOUNDS");
  EXPECT_EQ(RuleOf(One("F8_E4M3", "[9223372036854775807,3]", "[0,4]"), 4), "ARRAY_BOUNDS");
  // Halves of bytes.
  for (const char* shape : {"[]", "[3]", "[2,1]", "[2,3]"}) {
    EXPECT_EQ(RuleOf(One("F4", shape, "[0,3]"), 3), "ARRAY_BOUNDS") << shape;
  }
}

TEST(SafetensorsFormatTest, WhatNobodyHasIsItsBytes) {
  for (const char* dtype : {"F6_E2M3", "F6_E3M2"}) {
    const Blob file = File(One(dtype, "[2,4]", "[0,6]"), 6);
    const Parsed parsed(file);
    ASSERT_EQ(parsed.rule(), "") << dtype << ": " << parsed.message();
    const graph::Builder& graph = parsed.graph();
    const auto described = graph.edges(graph.edges(parsed.output().root)[1]);
    ASSERT_EQ(described.size(), 6U);
    EXPECT_EQ(graph.text(described[1]), dtype);
    EXPECT_EQ(graph.int_value(graph.edges(described[3])[1]), 4);
    EXPECT_THAT(graph.array(described[5]).shape, ElementsAre(6));
    EXPECT_EQ(graph.text(graph.array(described[5]).dtype), "|u1");
    // No whole bytes, too few of them, too many, and a product beyond all numbers.
    EXPECT_EQ(RuleOf(One(dtype, "[3]", "[0,3]"), 3), "ARRAY_BOUNDS");
    EXPECT_EQ(RuleOf(One(dtype, "[]", "[0,1]"), 1), "ARRAY_BOUNDS");
    EXPECT_EQ(RuleOf(One(dtype, "[4]", "[0,2]"), 2), "ARRAY_BOUNDS");
    EXPECT_EQ(RuleOf(One(dtype, "[4]", "[0,4]"), 4), "ARRAY_BOUNDS");
    EXPECT_EQ(RuleOf(One(dtype, "[3074457345618258603,4]", "[0,8]"), 8), "ARRAY_BOUNDS");
    EXPECT_EQ(RuleOf(One(dtype, "[0,7]", "[0,0]"), 0), "");
  }
}

TEST(SafetensorsFormatTest, WhatIsNoTypeIsRefused) {
  EXPECT_EQ(RuleOf(One("C128", "[1]", "[0,16]"), 16), "DTYPE");
  EXPECT_EQ(RuleOf(One("f32", "[1]", "[0,4]"), 4), "DTYPE");
  EXPECT_EQ(RuleOf(R"({"a":{"dtype":1,"shape":[1],"data_offsets":[0,1]}})", 1), "MALFORMED");
}

TEST(SafetensorsFormatTest, EveryTruncationIsRefused) {
  const Blob whole = ReadTestFile("safetensors__float32");
  for (size_t size = 0; size < whole.size(); ++size) {
    const Blob part(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size));
    EXPECT_NE(Parsed(part).rule(), "") << size;
  }
}

}  // namespace
}  // namespace loadlock::formats
