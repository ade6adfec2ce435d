#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/decoders/json/document.h"

namespace loadlock::json {
namespace {

using std::string_view_literals::operator""sv;
using testing::ElementsAre;
using testing::HasSubstr;

// A text, its document, and the heap that it may use.
class Parsed {
 public:
  explicit Parsed(std::string_view text, Options options = {},
                  Duplicates duplicates = Duplicates::kRefuse, uint64_t heap = 1 << 24)
      : text_(text), budget_({.max_heap_bytes = heap}) {
    refusal_ = d_.Parse({reinterpret_cast<const uint8_t*>(text_.data()), text_.size()}, options,
                        duplicates, &budget_);
  }
  std::string rule() const { return refusal_ ? refusal_->rule_id : ""; }
  const graph::Refusal& refusal() const { return *refusal_; }
  const Document& document() const { return d_; }
  ValueId root() const { return d_.root(); }

 private:
  std::string text_;
  bytes::Budget budget_;
  Document d_;
  std::optional<graph::Refusal> refusal_;
};

std::string Rule(std::string_view text, Options options = {}) {
  return Parsed(text, options).rule();
}

std::string StringOf(std::string_view text) {
  const Parsed parsed(text);
  EXPECT_EQ(parsed.rule(), "") << text;
  return std::string(parsed.document().text(parsed.root()));
}

double RealOf(std::string_view text, Options options = {}) {
  const Parsed parsed(text, options);
  EXPECT_EQ(parsed.rule(), "") << text;
  EXPECT_TRUE(parsed.document().Is(parsed.root(), Type::kDouble)) << text;
  return parsed.document().real(parsed.root());
}

TEST(JsonTest, ReadsEveryKindOfValue) {
  const Parsed parsed(R"( {"a": [1, -2.5, "x", null, true, false, {}, []], "b": {"c": "d"}} )");
  ASSERT_EQ(parsed.rule(), "");
  const Document& d = parsed.document();
  ASSERT_EQ(d.type(d.root()), Type::kObject);
  ASSERT_EQ(d.items(d.root()).size(), 4u);
  std::vector<Type> types;
  for (const ValueId item : d.items(d.Find(d.root(), "a"))) types.push_back(d.type(item));
  EXPECT_THAT(types, ElementsAre(Type::kInt, Type::kDouble, Type::kString, Type::kNull, Type::kTrue,
                                 Type::kFalse, Type::kObject, Type::kArray));
  EXPECT_EQ(d.text(d.Find(d.Find(d.root(), "b"), "c")), "d");
  EXPECT_EQ(d.Find(d.root(), "c"), kNoValue);
  EXPECT_EQ(d.offset(d.Find(d.root(), "a")), 7u);
  EXPECT_EQ(d.offset(d.root()), 1u);
}

TEST(JsonTest, ObjectsKeepTheirOrder) {
  const Parsed parsed(R"({"z": 1, "a": 2, "m": 3})");
  ASSERT_EQ(parsed.rule(), "");
  const Document& d = parsed.document();
  std::vector<std::string_view> keys;
  for (size_t i = 0; i < d.items(d.root()).size(); i += 2) {
    keys.push_back(d.text(d.items(d.root())[i]));
  }
  EXPECT_THAT(keys, ElementsAre("z", "a", "m"));
}

TEST(JsonTest, IntegersAreExactOrKeptAsText) {
  const auto integer = [](std::string_view text) {
    const Parsed parsed(text);
    EXPECT_TRUE(parsed.document().Is(parsed.root(), Type::kInt)) << text;
    return parsed.document().integer(parsed.root());
  };
  EXPECT_EQ(integer("0"), 0);
  EXPECT_EQ(integer("-0"), 0);
  EXPECT_EQ(integer("9223372036854775807"), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(integer("-9223372036854775808"), std::numeric_limits<int64_t>::min());
  for (const std::string_view text : {"9223372036854775808"sv, "-9223372036854775809"sv}) {
    const Parsed parsed(text);
    ASSERT_EQ(parsed.document().type(parsed.root()), Type::kBigInt);
    EXPECT_EQ(parsed.document().text(parsed.root()), text);
  }
  EXPECT_EQ(Rule(std::string(4300, '9')), "");
  EXPECT_EQ(Rule(std::string(4301, '9')), "MALFORMED");
}

TEST(JsonTest, DoublesAreCorrectlyRounded) {
  EXPECT_EQ(RealOf("0.1"), 0.1);
  EXPECT_EQ(RealOf("1e0"), 1.0);
  EXPECT_EQ(RealOf("1E+2"), 100.0);
  EXPECT_EQ(RealOf("5e-324"), std::numeric_limits<double>::denorm_min());
  EXPECT_EQ(RealOf("1.7976931348623157e308"), std::numeric_limits<double>::max());
  EXPECT_EQ(RealOf("2.2250738585072011e-308"), 2.2250738585072011e-308);
  EXPECT_EQ(RealOf("1e-400"), 0.0);
  EXPECT_TRUE(std::signbit(RealOf("-0.0")));
  EXPECT_EQ(Rule("1e309"), "MALFORMED");
  EXPECT_EQ(Rule("-1e309"), "MALFORMED");
}

TEST(JsonTest, NumbersFollowTheGrammar) {
  for (const char* text : {"01", "-01", "+1", ".5", "1.", "1.e5", "-", "1e", "1e+", "0x10", "1_000",
                           "--1", "1.5.2", "Infinity", "-Infinity", "NaN", "nan", "- 1"}) {
    EXPECT_THAT(Rule(text), testing::AnyOf("MALFORMED", "TRUNCATED", "TRAILING_DATA")) << text;
  }
}

TEST(JsonTest, NonFiniteNumbersOnlyWhereTheCallerSaysSo) {
  const Options options{.allow_non_finite = true};
  EXPECT_TRUE(std::isnan(RealOf("NaN", options)));
  EXPECT_EQ(RealOf("Infinity", options), HUGE_VAL);
  EXPECT_EQ(RealOf("-Infinity", options), -HUGE_VAL);
  EXPECT_EQ(Rule("[NaN, -1, -Infinity]", options), "");
  for (const char* text : {"nan", "inf", "-NaN", "NaNs", "Inf", "-Inf", "+Infinity"}) {
    EXPECT_NE(Rule(text, options), "") << text;
  }
}

TEST(JsonTest, StringsAreUnescaped) {
  EXPECT_EQ(StringOf(R"("")"), "");
  EXPECT_EQ(StringOf(R"("plain")"), "plain");
  EXPECT_EQ(StringOf(R"("a\"\\\/\b\f\n\r\tb")"), "a\"\\/\b\f\n\r\tb");
  EXPECT_EQ(StringOf(R"("\u0041\u00e9\u20AC")"), "Aé€");
  EXPECT_EQ(StringOf(R"("\ud83d\ude00")"), "😀");
  EXPECT_EQ(StringOf("\"\\u0000\""), "\0"sv);
  EXPECT_EQ(StringOf("\"é€😀\""), "é€😀");
}

TEST(JsonTest, StringsThatReadersTreatDifferentlyAreRefused) {
  for (const std::string_view text :
       {R"("\ud800")"sv, R"("\udc00")"sv, R"("\ud800x")"sv, R"("\ud800\n")"sv,
        R"("\ud800\ud800")"sv, R"("\udc00\ud800")"sv, R"("\x41")"sv, R"("\u12")"sv, R"("\u12G4")"sv,
        R"("\u+123")"sv, R"('a')"sv, "\"a\nb\""sv, "\"a\0b\""sv, "\"\x1f\""sv, "\"\\\n\""sv}) {
    EXPECT_EQ(Rule(text), "MALFORMED") << text;
  }
  // Not UTF-8: a stray byte, an overlong slash, a surrogate's three bytes, beyond U+10FFFF.
  for (const std::string_view text :
       {"\"\xff\""sv, "\"\xc0\xaf\""sv, "\"\xed\xa0\x80\""sv, "\"\xf4\x90\x80\x80\""sv}) {
    EXPECT_EQ(Rule(text), "MALFORMED") << text;
  }
  EXPECT_EQ(Rule("\xef\xbb\xbf{}"), "MALFORMED");  // byte order mark
}

TEST(JsonTest, WhatIsNoJsonIsRefused) {
  for (const char* text : {"[1,]",    "{\"a\":1,}", "{,}",   "[,1]",      "{a:1}",
                           "{'a':1}", "{1:2}",      "[1 2]", "{\"a\" 1}", "{\"a\":1 \"b\":2}",
                           "[1}",     "{\"a\":1]",  "]",     "}",         ":",
                           ",",       "tru",        "nulL",  "True",      "None",
                           "/* */1",  "[1] // end", "\v1",   "\f1"}) {
    EXPECT_NE(Rule(text), "") << text;
  }
  EXPECT_EQ(Rule("1 2"), "TRAILING_DATA");
  EXPECT_EQ(Rule("{}{}"), "TRAILING_DATA");
  EXPECT_EQ(Rule("null\0"sv), "TRAILING_DATA");
}

TEST(JsonTest, EveryTruncationIsRefused) {
  const std::string text = R"({"a": [1.5e3, "\u00e9\ud83d\ude00", null, {"b": true}], "c": -12})";
  ASSERT_EQ(Rule(text), "");
  for (size_t i = 0; i < text.size(); ++i) EXPECT_NE(Rule(text.substr(0, i)), "") << i;
}

TEST(JsonTest, AKeyTwiceIsRefusedOrReported) {
  std::string many = "{";
  for (int i = 0; i < 100; ++i) many += "\"k" + std::to_string(i) + "\": 1, ";
  for (const std::string& text :
       {std::string(R"({"a": 1, "a": 2})"), std::string(R"({"a": 1, "\u0061": 2})"),
        many + R"("k7": 2})", many + R"("\u006b99": 2})"}) {
    const Parsed refused(text);
    EXPECT_EQ(refused.rule(), "DUPLICATE_KEY") << text;
    const Parsed reported(text, {}, Duplicates::kReport);
    ASSERT_EQ(reported.rule(), "");
    EXPECT_EQ(reported.document().duplicates().size(), 1u);
    EXPECT_EQ(reported.document().duplicates()[0], *refused.refusal().byte_offset);
  }
  const Parsed twice(R"({"a": 1, "a": 2, "b": 3})", {}, Duplicates::kReport);
  EXPECT_EQ(twice.document().Find(twice.root(), "a"), kNoValue);
  EXPECT_NE(twice.document().Find(twice.root(), "b"), kNoValue);
  EXPECT_EQ(Rule(R"([{"a": 1}, {"a": 1}])"), "");
  EXPECT_EQ(Rule(R"({"a": {"a": 1}})"), "");
}

TEST(JsonTest, DepthIsBoundedWithoutRecursion) {
  const Options options{.max_depth = 10};
  EXPECT_EQ(Rule("[[[[[[[[[[]]]]]]]]]]", options), "");
  EXPECT_EQ(Rule("[[[[[[[[[[[]]]]]]]]]]]", options), "BUDGET_DEPTH");
  EXPECT_EQ(Rule(R"({"a":{"a":{"a":[[[[[[[{"a":1}]]]]]]]}}})", options), "BUDGET_DEPTH");
  const Parsed deep(std::string(1 << 20, '['), {.max_depth = 1 << 21}, Duplicates::kRefuse,
                    1 << 30);
  EXPECT_EQ(deep.rule(), "TRUNCATED");
}

TEST(JsonTest, MemoryIsCharged) {
  std::string text = "[";
  for (int i = 0; i < 1000; ++i) text += "0,";
  text += "0]";
  EXPECT_EQ(Parsed(text).rule(), "");
  EXPECT_EQ(Parsed(text, {}, Duplicates::kRefuse, 10'000).rule(), "BUDGET_HEAP");
  EXPECT_EQ(
      Parsed(std::string(10'000, '['), {.max_depth = 1 << 20}, Duplicates::kRefuse, 1000).rule(),
      "BUDGET_HEAP");
  const std::string escaped = "\"\\n" + std::string(10'000, 'x') + "\"";
  EXPECT_EQ(Parsed(escaped, {}, Duplicates::kRefuse, 1000).rule(), "BUDGET_HEAP");
}

TEST(JsonTest, RefusalsNameThePlaceAndEscapeWhatTheyShow) {
  const Parsed parsed("{\"a\": \x01}");
  EXPECT_EQ(*parsed.refusal().byte_offset, 6u);
  EXPECT_THAT(parsed.refusal().message, HasSubstr("\\x01"));
  EXPECT_EQ(*Parsed("{\"key\": 1, \"key\": 2}").refusal().byte_offset, 11u);
  EXPECT_EQ(*Parsed("[1, 2").refusal().byte_offset, 5u);
}

}  // namespace
}  // namespace loadlock::json
