#include "sandbox/formats/safetensors/index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "sandbox/formats/testing.h"

namespace loadlock::formats {
namespace {

std::string RuleOf(std::string_view text) {
  const Blob file = ToBlob(text);
  const Parsed parsed(file);
  EXPECT_EQ(parsed.format(), "safetensors-index") << text;
  return parsed.rule();
}

std::string RuleOfShard(std::string_view escaped) {
  return RuleOf(R"({"weight_map": {"a": ")" + std::string(escaped) + R"("}})");
}

TEST(SafetensorsIndexTest, IsAMapOfTensorsToFiles) {
  const Blob file = ToBlob(R"( {"metadata": {"total_size": 16, "x": 1.5},
      "weight_map": {"a": "m-00001-of-00002.safetensors", "b.c": "m-00002-of-00002.safetensors",
                     "\u0064": "m-00001-of-00002.safetensors"}}
)");
  const Parsed parsed(file);
  ASSERT_EQ(parsed.rule(), "") << parsed.message();
  const graph::Builder& graph = parsed.graph();
  const auto root = graph.edges(parsed.output().root);
  ASSERT_EQ(root.size(), 2U);
  EXPECT_EQ(graph.text(root[0]), "weight_map");
  const auto files = graph.edges(root[1]);
  ASSERT_EQ(files.size(), 6U);
  EXPECT_EQ(graph.text(files[2]), "b.c");
  EXPECT_EQ(graph.text(files[3]), "m-00002-of-00002.safetensors");
  EXPECT_EQ(graph.text(files[4]), "d");
  ASSERT_EQ(parsed.output().notes.size(), 1U);
  EXPECT_EQ(parsed.output().notes[0].rule_id, "SHARDED");
  EXPECT_THAT(parsed.output().notes[0].message, testing::HasSubstr("of 2 other files"));
}

TEST(SafetensorsIndexTest, NamesEscapeNowhere) {
  EXPECT_EQ(RuleOfShard("m.safetensors"), "");
  for (const char* name :
       {"../m.safetensors", "/etc/m.safetensors", "sub/m.safetensors", "./m.safetensors", "",
        ".safetensors", "..", "m.bin", "m.safetensors/..", "sub\\\\m.safetensors",
        "C:m.safetensors", "m\\u0000.safetensors", "m\\n.safetensors",
        "\\u002e\\u002e/m.safetensors", "\\/etc\\/m.safetensors", "m.safetensors ",
        "https://host/m.safetensors"}) {
    EXPECT_EQ(RuleOfShard(name), "SHARD_NAME") << name;
  }
  EXPECT_EQ(RuleOfShard(std::string(2000, 'x') + ".safetensors"), "SHARD_NAME");
}

TEST(SafetensorsIndexTest, LaxIndexesAreRefused) {
  EXPECT_EQ(RuleOf(R"({"weight_map": {}})"), "");
  EXPECT_EQ(RuleOf(R"({"weight_map": {"a": "m.safetensors", "a": "n.safetensors"}})"),
            "DUPLICATE_KEY");
  EXPECT_EQ(RuleOf(R"({"weight_map": {"a": "m.safetensors", "\u0061": "n.safetensors"}})"),
            "DUPLICATE_KEY");
  EXPECT_EQ(RuleOf(R"({"weight_map": {}, "weight_map": {}})"), "DUPLICATE_KEY");
  EXPECT_EQ(RuleOf(R"({"weight_map": [] })"), "MALFORMED");
  EXPECT_EQ(RuleOf(R"({"weight_map": {"a": 1}})"), "MALFORMED");
  EXPECT_EQ(RuleOf(R"({"weight_map": {}, "code": "x"})"), "MALFORMED");
  EXPECT_EQ(RuleOf(R"({"metadata": {"weight_map": {"a": "b"}}})"), "MALFORMED");
  EXPECT_EQ(RuleOf(R"({"weight_map": {},})"), "MALFORMED");
  EXPECT_EQ(RuleOf(R"({"weight_map": {}} {})"), "TRAILING_DATA");
  EXPECT_EQ(RuleOf(R"({"weight_map": {}, "metadata": {"a": [[[[[]]]]]}})"), "BUDGET_DEPTH");
  std::string many = R"({"weight_map": {)";
  for (int i = 0; i < 1001; ++i) {
    many += (i == 0 ? "\"" : ", \"") + std::to_string(i) + "\": \"" + std::to_string(i) +
            ".safetensors\"";
  }
  EXPECT_EQ(RuleOf(many + "}}"), "SHARD_NAME");
}

TEST(SafetensorsIndexTest, OtherTextsAreNotTaken) {
  for (const char* other : {"", " ", "[]", "{}", "weight_map", "{\"weights\": {}}"}) {
    EXPECT_EQ(IdentifySafetensorsIndex(ToBlob(other)), nullptr) << other;
  }
}

}  // namespace
}  // namespace loadlock::formats
