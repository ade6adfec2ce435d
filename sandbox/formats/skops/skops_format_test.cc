#include "sandbox/formats/skops/skops_format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "sandbox/decoders/zip/testing/writer.h"
#include "sandbox/formats/testing.h"

namespace loadlock::formats {
namespace {

using testing::HasSubstr;
using zip::testing::Entry;

std::string Node(const std::string& loader, const std::string& cls, const std::string& module,
                 const std::string& more, int id) {
  return R"({"__loader__": ")" + loader + R"(", "__class__": ")" + cls + R"(", "__module__": ")" +
         module + R"(", "__id__": )" + std::to_string(id) + (more.empty() ? "" : ", " + more) + "}";
}

std::string Json(const std::string& content, int id = 0) {
  return Node("JsonNode", "str", "builtins", R"("is_json": true, "content": ")" + content + "\"",
              id);
}

std::string List(const std::string& items, int id = 0) {
  return Node("ListNode", "list", "builtins", "\"content\": [" + items + "]", id);
}

Blob File(std::string root, std::vector<Entry> members = {}, const std::string& protocol = "2") {
  root.pop_back();
  Entry schema;
  schema.name = "schema.json";
  schema.content = root + ", \"protocol\": " + protocol + ", \"_skops_version\": \"0.16.0\"}";
  members.push_back(schema);
  return ToBlob(zip::testing::Write(members));
}

std::string Rule(const std::string& root, std::vector<Entry> members = {}) {
  const Blob file = File(root, std::move(members));
  return Parsed(file).rule();
}

TEST(SkopsTest, ReadsValues) {
  const Blob file = File(List(Json("1", 1) + ", " + Json("-2.5", 2) + ", " + Json("null", 3) +
                              ", " + Json("\\\"a\\\"", 4) + ", " + Json("NaN", 5) + ", " +
                              Json("36893488147419103232", 6)));
  const Parsed parsed(file);
  ASSERT_EQ(parsed.rule(), "") << parsed.message();
  EXPECT_EQ(parsed.format(), "skops");
  const graph::Builder& b = parsed.graph();
  const auto items = b.edges(parsed.output().root);
  ASSERT_EQ(items.size(), 6u);
  EXPECT_EQ(b.int_value(items[0]), 1);
  EXPECT_EQ(b.float_value(items[1]), -2.5);
  EXPECT_EQ(b.kind(items[2]), graph::Kind::kNone);
  EXPECT_EQ(b.text(items[3]), "a");
  EXPECT_EQ(b.kind(items[5]), graph::Kind::kBigInt);
}

TEST(SkopsTest, AnIdThatIsThereTwiceIsOneValue) {
  const std::string inner = List(Json("1"), 7);
  const Blob file = File(List(inner + ", " + inner));
  const Parsed parsed(file);
  ASSERT_EQ(parsed.rule(), "") << parsed.message();
  const auto items = parsed.graph().edges(parsed.output().root);
  EXPECT_EQ(items[0], items[1]);
  EXPECT_EQ(Rule(List(inner + ", " + List(Json("2"), 7))), "MALFORMED");
  EXPECT_EQ(Rule(List(List(List("", 9), 9))), "MALFORMED");
}

TEST(SkopsTest, NamesThatAreBuiltAreReported) {
  const Blob file =
      File(Node("ConstructorFromReduceNode", "system", "os",
                "\"content\": " + Node("TupleNode", "tuple", "builtins", "\"content\": []", 3), 2));
  const Parsed parsed(file);
  ASSERT_EQ(parsed.rule(), "") << parsed.message();
  EXPECT_TRUE(parsed.Names("os", "system"));
}

TEST(SkopsTest, AKindOfNodeMakesOnlyItsClass) {
  for (const char* loader : {"JsonNode", "SetNode", "SliceNode", "BytesNode", "PartialNode",
                             "TreeNode", "RandomStateNode", "DTypeNode"}) {
    const std::string rule = Rule(Node(loader, "system", "os", "", 1));
    EXPECT_EQ(rule, "SCHEMA") << loader;
  }
  EXPECT_EQ(Rule(Node("PickleNode", "str", "builtins", "", 1)), "UNKNOWN_FORMAT");
  EXPECT_EQ(Rule(Node("OperatorFuncNode", "system", "os", "\"attrs\": {}", 1)), "SCHEMA");
}

TEST(SkopsTest, MembersAreThoseThatAreReferredTo) {
  Entry member;
  member.name = "12.bin";
  member.content = "abc";
  const std::string bytes = Node("BytesNode", "bytes", "builtins", "\"file\": \"12.bin\"", 1);
  EXPECT_EQ(Rule(bytes, {member}), "");
  EXPECT_EQ(Rule(bytes), "TRUNCATED");
  EXPECT_EQ(Rule(List(""), {member}), "TRAILING_DATA");
  EXPECT_EQ(Rule(Node("BytesNode", "bytes", "builtins", "\"file\": \"schema.json\"", 1)),
            "MALFORMED");
  const Blob not_last = ToBlob(zip::testing::Write({[] {
                                                      Entry schema;
                                                      schema.name = "schema.json";
                                                      schema.content = "{\"protocol\": 2}";
                                                      return schema;
                                                    }(),
                                                    member}));
  EXPECT_EQ(Parsed(not_last).rule(), "MALFORMED");
}

TEST(SkopsTest, ProtocolsAreKnownNumbers) {
  for (const char* protocol : {"0", "1", "2"}) {
    EXPECT_EQ(Parsed(File(List(""), {}, protocol)).rule(), "") << protocol;
  }
  EXPECT_EQ(Parsed(File(List(""), {}, "3")).rule(), "UNKNOWN_FORMAT");
  for (const char* protocol : {"-1", "2.0", "true", "\"2\"", "null"}) {
    EXPECT_EQ(Parsed(File(List(""), {}, protocol)).rule(), "MALFORMED") << protocol;
  }
}

TEST(SkopsTest, DepthIsBoundedWithoutRecursion) {
  std::string deep;
  for (int i = 0; i < 400; ++i) deep = List(deep);
  EXPECT_EQ(Rule(deep), "");
  for (int i = 0; i < 400; ++i) deep = List(deep);
  EXPECT_EQ(Rule(deep), "BUDGET_DEPTH");
}

TEST(SkopsTest, ARefusalNamesThePlace) {
  const Blob file = File(List(Json("1") + ", " + Json("{")));
  const Parsed parsed(file);
  const graph::Refusal& refusal = parsed.output().refusals.front();
  EXPECT_EQ(refusal.member_path, "schema.json");
  EXPECT_EQ(refusal.object_path, ".content[1]");
  EXPECT_TRUE(refusal.byte_offset.has_value());
}

TEST(ZipFormatTest, OtherArchivesAreNamed) {
  const auto format = [](const char* first, const char* second) {
    Entry a;
    a.name = first;
    Entry b;
    b.name = second;
    const Blob file = ToBlob(zip::testing::Write({a, b}));
    const Parsed parsed(file);
    EXPECT_EQ(parsed.rule(), "UNKNOWN_FORMAT");
    EXPECT_THAT(parsed.message(), HasSubstr("this is "));
    return parsed.format();
  };
  EXPECT_EQ(format("m/data.pkl", "m/constants.pkl"), "torchscript");
  EXPECT_EQ(format("config.json", "metadata.json"), "keras");
  const Blob broken = ToBlob("PK\3\4nothing");
  EXPECT_NE(Parsed(broken).rule(), "");
  EXPECT_EQ(Parsed(broken).format(), "zip");
}

}  // namespace
}  // namespace loadlock::formats
