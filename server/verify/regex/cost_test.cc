// Patterns by what a search with them may take.
#include "server/verify/regex/cost.h"

#include <gtest/gtest.h>

#include <string>

namespace loadlock::verify::regex {
namespace {

std::string Why(absl::string_view text, uint32_t flags = kUnicode, bool of_bytes = false) {
  return std::string(WhyNotBounded({text, flags, of_bytes}));
}

TEST(Cost, PatternsThatTokenizersAndCleanersUse) {
  for (const char* pattern : {"",
                              "a",
                              "\\w+",
                              "(?u)\\b\\w\\w+\\b",
                              "^a.b$",
                              "[^a-z0-9]+",
                              "\\s+",
                              "<[^>]*>",
                              "(\\d+)\\s*(?P<unit>kg|lb)",
                              "https?://\\S+",
                              "@\\w+|#\\w+",
                              "(a|b)*c",
                              "(.)\\1{2,}",
                              "(?<!\\d)\\d{3}-\\d{4}(?!\\d)",
                              "\\$\\d+(?:\\.\\d{2})?",
                              "\\d+\\.?\\d*",
                              "'(?:[sdmt]|ll|ve|re)| ?\\w+| ?[^\\s\\w]+|\\s+(?!\\S)|\\s+",
                              "\\b(?:the|a|an)\\b",
                              "[a-zA-Z0-9_.+-]+@[a-zA-Z0-9-]+\\.[a-zA-Z0-9-.]+",
                              "\\w+(?:-\\w+)*",
                              "(?:\\w+\\.)+com",
                              "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~]",
                              "^\\s*(\\w+)\\s*=\\s*(.*)$",
                              "a{2}b{1,3}",
                              "x{",
                              "x{a}",
                              "{",
                              "[]a]",
                              "[^]a]",
                              "[a-]",
                              "\\x41\\u0416",
                              "(?i)straße",
                              "(?P<q>['\"])x(?P=q)",
                              "\\b[A-Z]{2,}\\b",
                              "\\b\\d{1,3}\\.\\d{1,3}\\.\\d{1,3}\\.\\d{1,3}\\b",
                              "([a-z])([A-Z])",
                              "\\w+\\b\\s+\\b\\w+",
                              "(?:ab|cd){3}",
                              "[\\w']+"}) {
    EXPECT_EQ(Why(pattern), "") << pattern;
  }
  EXPECT_EQ(Why("\\d + # digits\n \\s", kUnicode | kVerbose), "");
  EXPECT_EQ(Why("\xff+\\w", 0, true), "");
}

TEST(Cost, WhatBacktracksWithoutEnd) {
  for (const char* pattern : {"(a+)+",
                              "(a+)+$",
                              "(a*)*b",
                              "(a|a)*b",
                              "(a|aa)+$",
                              "(\\w+\\s?)*$",
                              "([a-z]+)*!",
                              "(?:a?){30}a{30}",
                              "(.*a){20}",
                              "((a+)b?)+c",
                              "(\\w|\\d)+!",
                              "(?:\\w+\\d)+!",
                              "(a?)*b",
                              "(?:x+x+)+y",
                              "(a|b|ab)*c",
                              "(?:(?:a|b)+)+c",
                              "(\\s*\\w+)*;",
                              "(?:-\\w+\\w+)*!",
                              "(\\1a|(b))*",
                              "(?=(a+)+b)x",
                              "(?:a+|b)*c",
                              "(?:\\b)*a",
                              "(?:)*a",
                              "(?i)(?:k|\u212a)*!",
                              "(?:\\W|[^a-z])*x",
                              "(?:[^a]|\\w)*!",
                              "(?:a{1,2}){5}b"}) {
    EXPECT_NE(Why(pattern), "") << pattern;
  }
}

TEST(Cost, WhatTakesHighPowersOfTheText) {
  for (const char* pattern : {"\\w+\\w+!", "\\w*\\w*\\w*x", ".*.*=.*!", ".*foo.*bar", "\\s*\\s*$x",
                              "a*a*b", "^.*.*.*x", "a?a?a?a?a?a?a?a?a?a?aaaaaaaaaa",
                              "(?:a|a)(?:a|a)(?:a|a)(?:a|a)(?:a|a)(?:a|a)"
                              "(?:a|a)(?:a|a)(?:a|a)!",
                              "\\w{1,500}\\w{1,500}!", "(?i)[k]+\u212a+!"}) {
    EXPECT_NE(Why(pattern), "") << pattern;
  }
  // From one place alone.
  EXPECT_EQ(Why("^.*foo.*bar"), "");
  EXPECT_NE(Why("^.*foo.*bar", kUnicode | kMultiline), "");
}

TEST(Cost, WhatIsNoPatternOrOfAnotherGrammar) {
  for (const char* pattern : {"(",        ")",           "a)",
                              "[",        "[a",          "\\",
                              "*",        "+a",          "a**",
                              "a+*",      "a++",         "a{2}{3}",
                              "a{3,2}",   "a{99999}",    "(?P<a>x)(?P<a>y)",
                              "(?P=b)",   "\\1",         "(a)\\2",
                              "(\\1)",    "(?<=a+)b",    "(?<=a|bc)d",
                              "(?>a)",    "(?(1)a)",     "(?#x)",
                              "(?L)a",    "(?-i:a)",     "a(?i)b",
                              "\\q",      "\\N{DASH}",   "[z-a]",
                              "[a-\\d]",  "\\400",       "\\07",
                              "\\x4",     "\\U00110000", "^*",
                              "\\b+",     "(?=a)*",      "\\p{L}",
                              "(?P<1>x)", "(?P<>x)",     "(?:a{1000}){1000}"}) {
    EXPECT_NE(Why(pattern), "") << pattern;
  }
  EXPECT_NE(Why(std::string(17, '(') + "a" + std::string(17, ')')), "");
  EXPECT_EQ(Why(std::string(16, '(') + "a" + std::string(16, ')')), "");
  EXPECT_NE(Why(std::string(1 << 20, '(')), "");
  EXPECT_EQ(Why(std::string(2048, 'a')), "");
  EXPECT_NE(Why(std::string(2049, 'a')), "");
  for (const uint32_t flags : {1U, 4U, 128U, 512U, kUnicode | kAsciiOnly}) {
    EXPECT_NE(Why("a", flags), "") << flags;
  }
  EXPECT_NE(Why("a", kUnicode, true), "");
  EXPECT_NE(Why("\\u0041", 0, true), "");
}

}  // namespace
}  // namespace loadlock::verify::regex
