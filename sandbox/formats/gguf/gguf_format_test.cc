#include "sandbox/formats/gguf/gguf_format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/formats/gguf/types.h"
#include "sandbox/formats/testing.h"

namespace loadlock::formats {
namespace {

using gguf::ValueType;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using std::string_view_literals::operator""sv;

std::string Le(uint64_t value, int bytes) {
  std::string out;
  for (int i = 0; i < bytes; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
  return out;
}
std::string U32(uint64_t value) { return Le(value, 4); }
std::string U64(uint64_t value) { return Le(value, 8); }
std::string Text(std::string_view text) { return U64(text.size()) + std::string(text); }
std::string Pair(std::string_view key, ValueType type, const std::string& value) {
  return Text(key) + U32(static_cast<uint32_t>(type)) + value;
}
std::string Array(ValueType type, uint64_t count, const std::string& values) {
  return U32(static_cast<uint32_t>(type)) + U64(count) + values;
}

struct TensorEntry {
  std::string name = "w";
  std::vector<uint64_t> dims = {4};
  uint32_t type = 0;
  uint64_t offset = 0;
};

// A file of these parts, whatever they say.
struct FileParts {
  uint32_t version = 3;
  std::vector<std::string> pairs = {};
  std::vector<TensorEntry> tensors = {};
  std::string data = {};
  uint64_t alignment = 32;
  std::string padding = {};  // before the data, if not zeros

  Blob Write() const {
    std::string out = "GGUF" + U32(version) + U64(tensors.size()) + U64(pairs.size());
    for (const std::string& pair : pairs) out += pair;
    for (const TensorEntry& tensor : tensors) {
      out += Text(tensor.name) + U32(tensor.dims.size());
      for (const uint64_t size : tensor.dims) out += U64(size);
      out += U32(tensor.type) + U64(tensor.offset);
    }
    const size_t missing = (alignment - out.size() % alignment) % alignment;
    out += padding.empty() ? std::string(missing, '\0') : padding.substr(0, missing);
    return ToBlob(out + data);
  }
};

std::string RuleOf(const FileParts& parts) {
  const Blob file = parts.Write();
  const Parsed parsed(file);
  EXPECT_EQ(parsed.format(), "gguf");
  EXPECT_EQ(parsed.rule().empty(), parsed.output().root != graph::kNoNode);
  return parsed.rule();
}

std::string RuleOfPair(const std::string& pair) { return RuleOf({.pairs = {pair}}); }

// One tensor with enough data for any test, and what a test changes.
std::string RuleOfTensor(const std::function<void(FileParts&)>& change) {
  FileParts parts = {.tensors = {TensorEntry()},
                     .data = std::string(16, '\1') + std::string(16, '\0')};
  change(parts);
  return RuleOf(parts);
}

graph::NodeId Get(const graph::Builder& graph, graph::NodeId dict, std::string_view key) {
  const auto edges = graph.edges(dict);
  for (size_t i = 0; i < edges.size(); i += 2) {
    if (graph.text(edges[i]) == key) return edges[i + 1];
  }
  ADD_FAILURE() << "no key " << key;
  return graph.None();
}

TEST(GgufFormatTest, RealFilesAreRangesOfTheFile) {
  for (const char* name : {"types", "quantised", "bfloat16", "vocabulary"}) {
    const Blob artifact = ReadTestFile(std::string("gguf__") + name);
    const Parsed parsed(artifact);
    EXPECT_EQ(parsed.rule(), "") << name << ": " << parsed.message();
    EXPECT_EQ(parsed.decoded().size(), 0U);
  }
}

TEST(GgufFormatTest, BigEndianNumbersAreDecoded) {
  const Blob little = ReadTestFile("gguf__types");
  const Blob big = ReadTestFile("gguf__big_endian");
  Parsed expected(little);
  Parsed parsed(big);
  ASSERT_EQ(parsed.rule(), "") << parsed.message();
  const graph::Builder& graph = parsed.graph();
  const graph::NodeId root = parsed.output().root;
  EXPECT_EQ(graph.text(Get(graph, root, "byteorder")), "big");
  const graph::NodeId metadata = Get(graph, root, "metadata");
  EXPECT_EQ(graph.int_value(Get(graph, metadata, "t.i32")), INT32_MIN);
  EXPECT_EQ(graph.int_value(Get(graph, metadata, "t.i64")), INT64_MIN);
  EXPECT_EQ(graph.float_value(Get(graph, metadata, "t.f32")), 0.5);
  EXPECT_EQ(graph.float_value(Get(graph, metadata, "t.f64")), 1e300);
  // The same types and shapes as in little-endian order; what is longer than a byte is decoded.
  const graph::NodeId tensors = Get(graph, root, "tensors");
  const graph::Builder& other = expected.graph();
  const graph::NodeId others = Get(other, expected.output().root, "tensors");
  for (const char* name : {"w.f4", "w.f2", "w.f8", "w.i1", "w.i2", "w.i4", "w.i8", "w.last"}) {
    const graph::ArrayInfo& array = graph.array(Get(graph, tensors, name));
    const graph::ArrayInfo& same = other.array(Get(other, others, name));
    EXPECT_EQ(array.shape, same.shape) << name;
    EXPECT_EQ(graph.text(array.dtype), other.text(same.dtype)) << name;
  }
  EXPECT_GT(parsed.decoded().size(), 0U);
  // Counts and lengths are read in the file's order, too: none of them is believed.
  for (size_t at = 8; at < 24; ++at) {
    Blob lie = big;
    lie[at] = 0x7F;
    EXPECT_NE(Parsed(lie).rule(), "") << at;
  }
  for (size_t length = 0; length + 40 < big.size(); ++length) {
    const Blob cut(big.begin(), big.begin() + static_cast<std::ptrdiff_t>(length));
    EXPECT_NE(Parsed(cut).rule(), "") << length;
  }
}

TEST(GgufFormatTest, EveryTypeOfValueIsRead) {
  const Blob file =
      FileParts{.pairs = {Pair("u8", ValueType::kU8, Le(200, 1)),
                          Pair("i8", ValueType::kI8, Le(0xFF, 1)),
                          Pair("u16", ValueType::kU16, Le(65535, 2)),
                          Pair("i16", ValueType::kI16, Le(0x8000, 2)),
                          Pair("u32", ValueType::kU32, U32(0xFFFFFFFF)),
                          Pair("i32", ValueType::kI32, U32(0xFFFFFFFE)),
                          Pair("f32", ValueType::kF32, U32(std::bit_cast<uint32_t>(1.5F))),
                          Pair("bool", ValueType::kBool, Le(1, 1)),
                          Pair("text", ValueType::kString, Text("h\xc3\xa9")),
                          Pair("u64", ValueType::kU64, U64(~uint64_t{0})),
                          Pair("i64", ValueType::kI64, U64(~uint64_t{0})),
                          Pair("f64", ValueType::kF64, U64(std::bit_cast<uint64_t>(-0.25)))}}
          .Write();
  const Parsed parsed(file);
  ASSERT_EQ(parsed.rule(), "") << parsed.message();
  const graph::Builder& graph = parsed.graph();
  const graph::NodeId metadata = Get(graph, parsed.output().root, "metadata");
  const auto number = [&](std::string_view key) {
    return graph.int_value(Get(graph, metadata, key));
  };
  EXPECT_EQ(number("u8"), 200);
  EXPECT_EQ(number("i8"), -1);
  EXPECT_EQ(number("u16"), 65535);
  EXPECT_EQ(number("i16"), -32768);
  EXPECT_EQ(number("u32"), 0xFFFFFFFF);
  EXPECT_EQ(number("i32"), -2);
  EXPECT_EQ(number("i64"), -1);
  EXPECT_EQ(graph.float_value(Get(graph, metadata, "f32")), 1.5);
  EXPECT_EQ(graph.float_value(Get(graph, metadata, "f64")), -0.25);
  EXPECT_EQ(Get(graph, metadata, "bool"), graph.Bool(true));
  EXPECT_EQ(graph.text(Get(graph, metadata, "text")), "h\xc3\xa9");
  EXPECT_THAT(graph.big_int(Get(graph, metadata, "u64")),
              ElementsAre(255, 255, 255, 255, 255, 255, 255, 255, 0));
}

TEST(GgufFormatTest, ArraysAreReadAndBounded) {
  const std::string nested =
      Array(ValueType::kArray, 2,
            Array(ValueType::kString, 1, Text("a")) + Array(ValueType::kU8, 3, "\1\2\3"));
  const Blob file =
      FileParts{.pairs = {Pair("n", ValueType::kArray, nested),
                          Pair("e", ValueType::kArray, Array(ValueType::kArray, 0, ""))}}
          .Write();
  const Parsed parsed(file);
  ASSERT_EQ(parsed.rule(), "") << parsed.message();
  const graph::Builder& graph = parsed.graph();
  const graph::NodeId metadata = Get(graph, parsed.output().root, "metadata");
  const auto outer = graph.edges(Get(graph, metadata, "n"));
  ASSERT_EQ(outer.size(), 2U);
  EXPECT_EQ(graph.text(graph.edges(outer[0])[0]), "a");
  EXPECT_THAT(graph.array(outer[1]).shape, ElementsAre(3));
  EXPECT_TRUE(graph.edges(Get(graph, metadata, "e")).empty());

  const auto rule = [](const std::string& array) {
    return RuleOfPair(Pair("a", ValueType::kArray, array));
  };
  EXPECT_EQ(rule(Array(ValueType::kU8, 100, "\1\2\3")), "TRUNCATED");
  EXPECT_EQ(rule(Array(ValueType::kF64, uint64_t{1} << 61, "")), "TRUNCATED");
  EXPECT_EQ(rule(Array(ValueType::kString, uint64_t{1} << 60, "")), "TRUNCATED");
  EXPECT_EQ(rule(Array(ValueType::kArray, uint64_t{1} << 60, "")), "TRUNCATED");
  EXPECT_EQ(rule(Array(ValueType::kBool, 2, "\1\2")), "MALFORMED");
  EXPECT_EQ(rule(Array(static_cast<ValueType>(13), 0, "")), "MALFORMED");
  EXPECT_EQ(rule(Array(ValueType::kString, 1, U64(uint64_t{1} << 60))), "TRUNCATED");
  std::string deep = Array(ValueType::kArray, 0, "");
  for (int i = 0; i < 7; ++i) deep = Array(ValueType::kArray, 1, deep);
  EXPECT_EQ(rule(deep), "");
  EXPECT_EQ(rule(Array(ValueType::kArray, 1, deep)), "BUDGET_DEPTH");
}

TEST(GgufFormatTest, HostileMetadataIsRefused) {
  const std::string good = Pair("a", ValueType::kU8, "\1");
  EXPECT_EQ(RuleOf({.pairs = {good, good}}), "DUPLICATE_KEY");
  EXPECT_EQ(RuleOfPair(Pair("", ValueType::kU8, "\1")), "MALFORMED");
  EXPECT_EQ(RuleOfPair(Pair("a b", ValueType::kU8, "\1")), "MALFORMED");
  EXPECT_EQ(RuleOfPair(Pair("a\0b"sv, ValueType::kU8, "\1")), "MALFORMED");
  EXPECT_EQ(RuleOfPair(Pair("\xc3\xa9", ValueType::kU8, "\1")), "MALFORMED");
  EXPECT_EQ(RuleOfPair(Pair(std::string(1025, 'k'), ValueType::kU8, "\1")), "MALFORMED");
  EXPECT_EQ(RuleOfPair(Pair("a", ValueType::kBool, "\2")), "MALFORMED");
  EXPECT_EQ(RuleOfPair(Pair("a", ValueType::kString, Text("\xff\xfe"))), "MALFORMED");
  EXPECT_EQ(RuleOfPair(Pair("a", ValueType::kString, Text("b\0c"sv))), "MALFORMED");
  EXPECT_EQ(RuleOfPair(Pair("a", ValueType::kString, U64(~uint64_t{0}))), "TRUNCATED");
  EXPECT_EQ(RuleOfPair(Pair("a", static_cast<ValueType>(13), "\1")), "MALFORMED");
  EXPECT_EQ(RuleOfPair(Pair("a", static_cast<ValueType>(0xFFFFFFFF), "\1")), "MALFORMED");
}

TEST(GgufFormatTest, HeadersAreRefusedByVersionAndCounts) {
  // The last two are 2 and 4 in big-endian order.
  for (const uint32_t version : {0U, 1U, 4U, 99U, 0x02000000U, 0x04000000U}) {
    EXPECT_EQ(RuleOf({.version = version}), "UNKNOWN_FORMAT") << version;
  }
  EXPECT_EQ(RuleOf({.version = 2}), "");
  for (const std::string& counts :
       {U64(uint64_t{1} << 60) + U64(0), U64(0) + U64(uint64_t{1} << 60),
        U64(~uint64_t{0}) + U64(~uint64_t{0})}) {
    const Blob file = ToBlob("GGUF" + U32(3) + counts + std::string(100, '\0'));
    EXPECT_EQ(Parsed(file).rule(), "TRUNCATED");
  }
}

TEST(GgufFormatTest, TensorsAreProven) {
  EXPECT_EQ(RuleOfTensor([](FileParts&) {}), "");
  const auto one = [](const std::function<void(TensorEntry&)>& change) {
    return RuleOfTensor([&](FileParts& parts) { change(parts.tensors[0]); });
  };
  EXPECT_EQ(one([](TensorEntry& t) { t.name = ""; }), "MALFORMED");
  EXPECT_EQ(one([](TensorEntry& t) { t.name = std::string(256, 'n'); }), "MALFORMED");
  EXPECT_EQ(one([](TensorEntry& t) { t.name = std::string("a\0b", 3); }), "MALFORMED");
  EXPECT_EQ(one([](TensorEntry& t) { t.dims = {}; }), "MALFORMED");
  EXPECT_EQ(one([](TensorEntry& t) { t.dims = {1, 1, 1, 1, 1}; }), "MALFORMED");
  EXPECT_EQ(one([](TensorEntry& t) { t.dims = std::vector<uint64_t>(10, 1); }), "MALFORMED");
  EXPECT_EQ(one([](TensorEntry& t) { t.dims = {0}; }), "ARRAY_BOUNDS");
  EXPECT_EQ(one([](TensorEntry& t) { t.dims = {uint64_t{1} << 63}; }), "ARRAY_BOUNDS");
  EXPECT_EQ(one([](TensorEntry& t) { t.dims = {uint64_t{1} << 62}; }), "ARRAY_BOUNDS");
  EXPECT_EQ(one([](TensorEntry& t) {
              t.dims = {uint64_t{1} << 32, uint64_t{1} << 32};
            }),
            "ARRAY_BOUNDS");
  EXPECT_EQ(one([](TensorEntry& t) { t.dims = {uint64_t{1} << 40}; }), "TRUNCATED");
  EXPECT_EQ(one([](TensorEntry& t) { t.dims = {9}; }), "TRUNCATED");
  EXPECT_EQ(one([](TensorEntry& t) { t.offset = 1; }), "ARRAY_BOUNDS");
  EXPECT_EQ(one([](TensorEntry& t) { t.offset = 32; }), "ARRAY_BOUNDS");
  EXPECT_EQ(one([](TensorEntry& t) { t.offset = ~uint64_t{31}; }), "ARRAY_BOUNDS");
  for (const uint32_t type : {4U, 5U, 9U, 31U, 36U, 1000U}) {
    EXPECT_EQ(one([type](TensorEntry& t) { t.type = type; }), "DTYPE") << type;
  }
  // Q4_0: 32 elements a block.
  EXPECT_EQ(one([](TensorEntry& t) {
              t.type = 2;
              t.dims = {33};
            }),
            "ARRAY_BOUNDS");
}

TEST(GgufFormatTest, DataIsDenseAndPaddedWithZeros) {
  const auto two = [](uint64_t second, const std::string& data) {
    return RuleOf(
        {.tensors = {{.name = "a", .dims = {2}}, {.name = "b", .offset = second}}, .data = data});
  };
  const std::string first = std::string(8, '\1') + std::string(24, '\0');
  EXPECT_EQ(two(32, first + std::string(16, '\2')), "");
  EXPECT_EQ(two(32, first + std::string(16, '\2') + std::string(16, '\0')), "");
  EXPECT_EQ(two(32, first + std::string(15, '\2')), "TRUNCATED");
  EXPECT_EQ(two(32, first + std::string(16, '\2') + std::string(15, '\0')), "TRUNCATED");
  EXPECT_EQ(two(32, first + std::string(16, '\2') + "x"), "TRAILING_DATA");
  EXPECT_EQ(two(32, first + std::string(16, '\2') + std::string(17, '\0')), "TRAILING_DATA");
  EXPECT_EQ(two(32, std::string(9, '\1') + std::string(23, '\0') + std::string(32, '\0')),
            "TRAILING_DATA");
  EXPECT_EQ(two(0, first + std::string(32, '\0')), "ARRAY_BOUNDS");
  EXPECT_EQ(two(64, first + std::string(64, '\0')), "ARRAY_BOUNDS");
  EXPECT_EQ(RuleOf({.tensors = {{.name = "a"}, {.name = "a", .offset = 32}},
                    .data = std::string(64, '\0')}),
            "DUPLICATE_KEY");
  EXPECT_EQ(RuleOfTensor([](FileParts& parts) { parts.padding = std::string(32, 'x'); }),
            "TRAILING_DATA");
  // Without tensors: nothing, or all of the padding.
  Blob bare = FileParts().Write();
  EXPECT_EQ(Parsed(bare).rule(), "");
  bare.pop_back();
  EXPECT_EQ(Parsed(bare).rule(), "TRUNCATED");
  bare.resize(4 + 4 + 8 + 8);
  EXPECT_EQ(Parsed(bare).rule(), "");
  EXPECT_EQ(RuleOf({.data = std::string(64, '\0')}), "TRAILING_DATA");
}

TEST(GgufFormatTest, AlignmentIsAPowerOfTwoAndKept) {
  const auto rule = [](ValueType type, uint64_t alignment, int bytes) {
    return RuleOf({.pairs = {Pair("general.alignment", type, Le(alignment, bytes))},
                   .tensors = {TensorEntry()},
                   .data = std::string(16, '\1'),
                   .alignment = alignment == 64 ? uint64_t{64} : 32});
  };
  EXPECT_EQ(rule(ValueType::kU32, 32, 4), "");
  EXPECT_EQ(rule(ValueType::kU32, 64, 4), "");
  for (const uint64_t alignment : {0, 1, 3, 4, 24, 131072}) {
    EXPECT_EQ(rule(ValueType::kU32, alignment, 4), "MALFORMED") << alignment;
  }
  EXPECT_EQ(rule(ValueType::kU64, 32, 8), "MALFORMED");
  EXPECT_EQ(rule(ValueType::kF32, 32, 4), "MALFORMED");
}

TEST(GgufFormatTest, TensorsAreArraysOrDescribedBlocks) {
  const Blob file =
      FileParts{.tensors = {{.name = "a", .dims = {3, 2}},
                            {.name = "q", .dims = {64, 2}, .type = 8, .offset = 32}},
                .data = std::string(24, '\1') + std::string(8, '\0') + std::string(136, '\2')}
          .Write();
  const Parsed parsed(file);
  ASSERT_EQ(parsed.rule(), "") << parsed.message();
  const graph::Builder& graph = parsed.graph();
  const graph::NodeId tensors = Get(graph, parsed.output().root, "tensors");
  const graph::ArrayInfo& a = graph.array(Get(graph, tensors, "a"));
  EXPECT_EQ(graph.text(a.dtype), "<f4");
  EXPECT_THAT(a.shape, ElementsAre(2, 3));
  const graph::NodeId q = Get(graph, tensors, "q");
  EXPECT_EQ(graph.text(Get(graph, q, "type")), "Q8_0");
  const auto shape = graph.edges(Get(graph, q, "shape"));
  ASSERT_EQ(shape.size(), 2U);
  EXPECT_EQ(graph.int_value(shape[0]), 2);
  EXPECT_EQ(graph.int_value(shape[1]), 64);
  const graph::ArrayInfo& data = graph.array(Get(graph, q, "data"));
  EXPECT_EQ(graph.text(data.dtype), "|u1");
  EXPECT_THAT(data.shape, ElementsAre(2, 68));
}

TEST(GgufFormatTest, Bfloat16IsATensorOfTorch) {
  const Blob file = FileParts{.tensors = {{.name = "b", .dims = {3, 2}, .type = 30}},
                              .data = std::string(12, '\1')}
                        .Write();
  const Parsed parsed(file);
  ASSERT_EQ(parsed.rule(), "") << parsed.message();
  const graph::Builder& graph = parsed.graph();
  const graph::NodeId b = Get(graph, Get(graph, parsed.output().root, "tensors"), "b");
  ASSERT_EQ(graph.kind(b), graph::Kind::kTensor);
  EXPECT_EQ(graph.tensor(b).type, "bfloat16");
  EXPECT_THAT(graph.geometry(b), ElementsAre(0, 2, 3, 3, 1));
  EXPECT_EQ(graph.storage(graph.tensor(b).parts[0]).elements, 6U);
}

TEST(GgufFormatTest, ChatTemplatesAreReported) {
  const Blob file =
      FileParts{.pairs = {Pair("tokenizer.chat_template", ValueType::kString, Text("{{ x }}")),
                          Pair("tokenizer.chat_template.rag", ValueType::kString, Text("{{ y }}")),
                          Pair("tokenizer.ggml.model", ValueType::kString, Text("bpe"))}}
          .Write();
  const Parsed parsed(file);
  ASSERT_EQ(parsed.rule(), "") << parsed.message();
  const auto& notes = parsed.output().notes;
  ASSERT_EQ(notes.size(), 2U);
  EXPECT_EQ(notes[0].rule_id, "CHAT_TEMPLATE");
  EXPECT_THAT(notes[0].message, HasSubstr("Jinja"));
  EXPECT_EQ(notes[1].object_path, "$['metadata']['tokenizer.chat_template.rag']");
}

TEST(GgufFormatTest, ANodeIsPaidForByBytes) {
  bytes::BudgetLimits limits = SmallBudget();
  limits.max_nodes = 50;
  std::string values;
  for (int i = 0; i < 100; ++i) values += Text("");
  const Blob file =
      FileParts{.pairs = {Pair("a", ValueType::kArray, Array(ValueType::kString, 100, values))}}
          .Write();
  EXPECT_EQ(Parsed(file, limits).rule(), "BUDGET_NODES");
  EXPECT_EQ(Parsed(file).rule(), "");
}

}  // namespace
}  // namespace loadlock::formats
