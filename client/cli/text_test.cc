#include "client/cli/text.h"

#include <gtest/gtest.h>

namespace loadlock::cli {
namespace {

TEST(SystemError, SaysWhatTheSystemSays) {
  const absl::Status missing = SystemError(ENOENT);
  EXPECT_TRUE(absl::IsNotFound(missing));
  EXPECT_EQ(missing.message(), "No such file or directory");
}

TEST(Printable, LetsPlainTextPass) {
  for (const char* text :
       {"", "model-1.joblib", "a b~!", "Größe", "модель", "模型", "モデル", "모델"}) {
    EXPECT_EQ(Printable(text), text);
  }
}

TEST(Printable, EscapesWhatATerminalWouldObey) {
  EXPECT_EQ(Printable("\x1b[31mred\x1b]0;title\x07"), "\\x1b[31mred\\x1b]0;title\\x07");
  EXPECT_EQ(Printable("a\nb\rc\td\x7f"), "a\\x0ab\\x0dc\\x09d\\x7f");
  EXPECT_EQ(Printable(absl::string_view("a\0b", 3)), "a\\x00b");
  EXPECT_EQ(Printable("\xc2\x9b"
                      "31m"),
            "\\u{9b}31m");  // CSI as one character.
  EXPECT_EQ(Printable("\x9b"
                      "31m"),
            "\\x9b31m");  // CSI as one byte.
}

TEST(Printable, EscapesWhatDeceivesTheEye) {
  EXPECT_EQ(Printable("a\u202eb\u2066c"), "a\\u{202e}b\\u{2066}c");
  EXPECT_EQ(Printable("a\u200bb\ufeff\u00ad"), "a\\u{200b}b\\u{feff}\\u{ad}");
  EXPECT_EQ(Printable("e\u0301"), "e\\u{301}");
  EXPECT_EQ(Printable("\u2028\u00a0"), "\\u{2028}\\u{a0}");
}

TEST(Printable, EscapesInvalidUtf8ByteByByte) {
  EXPECT_EQ(Printable("\xff\xfe"), "\\xff\\xfe");
  EXPECT_EQ(Printable("\xc0\xaf"), "\\xc0\\xaf");
  EXPECT_EQ(Printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");
  EXPECT_EQ(Printable("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");
  EXPECT_EQ(Printable("\xe2\x82"), "\\xe2\\x82");
}

TEST(Printable, CutsLongText) {
  EXPECT_EQ(Printable("abcdef", 6), "abcdef");
  EXPECT_EQ(Printable("abcdefg", 6), "abcdef...");
  EXPECT_EQ(Printable("ab\x1b\x1b", 6), "ab\\x1b...");
  EXPECT_EQ(Printable("ßßßß", 3), "ßßß...");
}

TEST(IsUtf8, IsStrict) {
  EXPECT_TRUE(IsUtf8("a\u00e9\u20ac\U0001f600"));
  for (const char* bad : {"\xff", "\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf5\x80\x80\x80"}) {
    EXPECT_FALSE(IsUtf8(bad)) << bad;
  }
}

TEST(AsciiJson, EscapesBeyondAscii) {
  EXPECT_EQ(AsciiJson(R"({"a":"b\n"})"), R"({"a":"b\n"})");
  EXPECT_EQ(AsciiJson("\"\u00e9\u009b\x7f\""), "\"\\u00e9\\u009b\\u007f\"");
  EXPECT_EQ(AsciiJson("\"\U0001f600\""), "\"\\ud83d\\ude00\"");
  EXPECT_EQ(AsciiJson("\"\xff\""), "\"\\ufffd\"");
}

TEST(HumanBytes, RoundsToOneDigit) {
  EXPECT_EQ(HumanBytes(0), "0 B");
  EXPECT_EQ(HumanBytes(999), "999 B");
  EXPECT_EQ(HumanBytes(1234), "1.2 kB");
  EXPECT_EQ(HumanBytes(999'960), "1.0 MB");
  EXPECT_EQ(HumanBytes(~uint64_t{0}), "18.4 EB");
}

TEST(Style, IsSilentWithoutColours) {
  EXPECT_EQ(Style(false).Bad("x"), "x");
  EXPECT_EQ(Style(true).Bad("x"), "\x1b[31;1mx\x1b[0m");
}

}  // namespace
}  // namespace loadlock::cli
