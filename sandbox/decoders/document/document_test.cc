// JSON and UBJSON: what is read, and what readers could differ on and is refused.
#include "sandbox/decoders/document/document.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "sandbox/bytes/budget.h"

namespace loadlock::document {
namespace {

bytes::Bytes AsBytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

std::string JsonRule(std::string_view text) {
  bytes::Budget budget({});
  Document doc(&budget);
  const auto refusal = ReadJson(AsBytes(text), 0, &doc);
  return refusal ? refusal->rule_id : "";
}

std::string UbjsonRule(std::string_view text) {
  bytes::Budget budget({});
  Document doc(&budget);
  const auto refusal = ReadUbjson(AsBytes(text), 0, &doc);
  return refusal ? refusal->rule_id : "";
}

// "L" and eight bytes.
std::string Length(uint64_t length) {
  std::string text = "L";
  for (int shift = 56; shift >= 0; shift -= 8) text.push_back(static_cast<char>(length >> shift));
  return text;
}
std::string Key(std::string_view key) { return Length(key.size()) + std::string(key); }

TEST(Json, ReadsWhatItHolds) {
  bytes::Budget budget({});
  Document doc(&budget);
  const std::string_view text =
      R"( {"a": [1, -2.5e1, true, null], "b": {"c": "x\u00e9\ud83d\ude00\n"}, "d": []} )";
  ASSERT_FALSE(ReadJson(AsBytes(text), 0, &doc));
  ASSERT_EQ(doc.at(0).size, 3u);
  const Index list = *doc.Find(0, "a");
  ASSERT_EQ(doc.at(list).size, 4u);
  Index member = doc.First(list);
  EXPECT_EQ(doc.Int(member), 1);
  member = doc.Next(member);
  EXPECT_EQ(doc.Int(member), std::nullopt);
  EXPECT_EQ(doc.Double(member), -25.0);
  member = doc.Next(member);
  EXPECT_TRUE(doc.Is(member, Type::kTrue));
  EXPECT_TRUE(doc.Is(doc.Next(member), Type::kNull));
  const Index inner = *doc.Find(*doc.Find(0, "b"), "c");
  EXPECT_EQ(doc.Text(inner), "x\xc3\xa9\xf0\x9f\x98\x80\n");
  EXPECT_EQ(doc.at(*doc.Find(0, "d")).size, 0u);
  EXPECT_EQ(doc.Find(0, "e"), std::nullopt);
}

TEST(Json, FloatsAreRoundedOnce) {
  bytes::Budget budget({});
  Document doc(&budget);
  // Half-way between two floats but for its last digit: by way of a double it would go down.
  ASSERT_FALSE(ReadJson(AsBytes("[1.00000017881393432617187501, 1E40, 1e-60]"), 0, &doc));
  const Index first = doc.First(0);
  EXPECT_EQ(doc.Float(first), 1.00000023841857910156F);
  EXPECT_EQ(doc.Float(doc.Next(first)), std::nullopt);
  EXPECT_EQ(doc.Float(doc.Next(doc.Next(first))), 0.0F);
}

TEST(Json, WhatIsNoJsonIsRefused) {
  for (const std::string_view text : {"", " ", "{", "[1", "[1,", "{\"a\"", "{\"a\":", "{\"a\":1",
                                      "\"x", "\"x\\", "tru", "-", "1e", "1."}) {
    EXPECT_NE(JsonRule(text), "") << text;
  }
  for (const std::string_view text : {"[1,]",
                                      "{\"a\":1,}",
                                      "{a:1}",
                                      "{'a':1}",
                                      "[01]",
                                      "[+1]",
                                      "[.5]",
                                      "[NaN]",
                                      "[Infinity]",
                                      "[-Infinity]",
                                      "[1 2]",
                                      "{\"a\" 1}",
                                      "[\"\t\"]",
                                      "[\"\\x41\"]",
                                      "[\"\\ud800\"]",
                                      "[\"\\udc00\"]",
                                      "[\"\\ud800\\u0041\"]",
                                      "[\"\xff\"]",
                                      "\xef\xbb\xbf[]",
                                      "[0x10]",
                                      "[1}"}) {
    EXPECT_EQ(JsonRule(text), "MALFORMED") << text;
  }
  for (const std::string_view text : {"[] []", "1 1", "{}x", "[]]"}) {
    EXPECT_EQ(JsonRule(text), "TRAILING_DATA") << text;
  }
}

TEST(Json, AKeyThatStandsTwiceIsRefused) {
  EXPECT_EQ(JsonRule(R"({"a":1,"a":2})"), "MALFORMED");
  EXPECT_EQ(JsonRule(R"({"a":1,"\u0061":2})"), "MALFORMED");
  EXPECT_EQ(JsonRule(R"({"a":1,"b":{"a":2}})"), "");
  std::string many = "{";
  for (int i = 0; i < 40; ++i) many += "\"k" + std::to_string(i) + "\":0,";
  EXPECT_EQ(JsonRule(many + "\"x\":0}"), "");
  EXPECT_EQ(JsonRule(many + "\"k3\":0}"), "MALFORMED");
}

TEST(Json, NestingIsBounded) {
  const std::string open(kMaxNesting, '[');
  EXPECT_EQ(JsonRule(open + std::string(kMaxNesting, ']')), "");
  EXPECT_EQ(JsonRule(open + "[" + std::string(kMaxNesting + 1, ']')), "BUDGET_DEPTH");
  EXPECT_EQ(JsonRule(std::string(1'000'000, '[')), "BUDGET_DEPTH");
}

TEST(Json, TheBudgetIsKept) {
  bytes::BudgetLimits limits;
  limits.max_heap_bytes = 1000;
  bytes::Budget budget(limits);
  Document doc(&budget);
  std::string text = "[0";
  for (int i = 0; i < 1000; ++i) text += ",0";
  EXPECT_EQ(ReadJson(AsBytes(text + "]"), 0, &doc)->rule_id, "BUDGET_HEAP");
}

std::string SmallUbjson() {
  using std::string_literals::operator""s;
  return std::string("{") + Key("a") + std::string("[$l#") + Length(2) +
         "\0\0\0\1\xff\xff\xff\xfe"s + Key("b") + "S" + Key("text") + Key("c") + std::string("[#") +
         Length(2) + std::string("i\x05U\xff") + Key("d") + std::string("[TF]") + Key("e") + "d" +
         "\x3f\x80\0\0"s + "}";
}

TEST(Ubjson, ReadsWhatItHolds) {
  bytes::Budget budget({});
  Document doc(&budget);
  const std::string text = SmallUbjson();
  const auto refusal = ReadUbjson(AsBytes(text), 0, &doc);
  ASSERT_FALSE(refusal) << refusal->message;
  ASSERT_EQ(doc.at(0).size, 5u);
  const Value& typed = doc.at(*doc.Find(0, "a"));
  EXPECT_EQ(typed.type, Type::kTyped);
  EXPECT_EQ(typed.letter, 'l');
  EXPECT_EQ(typed.size, 2u);
  EXPECT_EQ(typed.bytes.size(), 8u);
  EXPECT_EQ(doc.Text(*doc.Find(0, "b")), "text");
  const Index counted = *doc.Find(0, "c");
  ASSERT_EQ(doc.at(counted).size, 2u);
  EXPECT_EQ(doc.Int(doc.First(counted)), 5);
  EXPECT_EQ(doc.Int(doc.Next(doc.First(counted))), 255);
  EXPECT_EQ(doc.at(*doc.Find(0, "d")).size, 2u);
  EXPECT_EQ(doc.Float(*doc.Find(0, "e")), 1.0F);
}

TEST(Ubjson, EveryTruncationAndTailIsRefused) {
  const std::string text = SmallUbjson();
  for (size_t length = 0; length < text.size(); ++length) {
    EXPECT_NE(UbjsonRule(text.substr(0, length)), "") << length;
  }
  EXPECT_EQ(UbjsonRule(text + "Z"), "TRAILING_DATA");
}

TEST(Ubjson, WhatIsNoUbjsonIsRefused) {
  const std::vector<std::string> broken = {
      "N",
      "H",
      std::string("[$x#") + Length(0),
      std::string("[$d") + Length(0),
      std::string("[$d#i\x01") + "xxxx",
      std::string("{i\x01") + "aZ}",
      std::string("{") + Key("\xff") + "Z}",
      std::string("S") + Length(uint64_t{1} << 63),
      std::string("[#") + Length(uint64_t{1} << 40),
      std::string("[$D#") + Length((uint64_t{1} << 61) + 1),
      std::string("[$d#") + Length(0xFFFFFFFF),
      std::string("{") + Key("a") + std::string("Z") + Key("a") + "Z}"};
  for (const std::string& text : broken) EXPECT_NE(UbjsonRule(text), "") << text;
}

TEST(Ubjson, NestingIsBounded) {
  EXPECT_EQ(UbjsonRule(std::string(kMaxNesting, '[') + std::string(kMaxNesting, ']')), "");
  EXPECT_EQ(UbjsonRule(std::string(1'000'000, '[')), "BUDGET_DEPTH");
  std::string counted;
  for (size_t i = 0; i <= kMaxNesting; ++i) counted += std::string("[#") + Length(1);
  EXPECT_EQ(UbjsonRule(counted + "Z"), "BUDGET_DEPTH");
}

TEST(Ubjson, FlippedBytesEndInAVerdict) {
  const std::string good = SmallUbjson();
  for (size_t i = 0; i < good.size(); ++i) {
    for (int flip = 1; flip < 256; ++flip) {
      std::string text = good;
      text[i] = static_cast<char>(text[i] ^ flip);
      (void)UbjsonRule(text);
    }
  }
}

}  // namespace
}  // namespace loadlock::document
