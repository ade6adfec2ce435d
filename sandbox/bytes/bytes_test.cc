#include <cstdint>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "sandbox/bytes/budget.h"
#include "sandbox/bytes/checked.h"
#include "sandbox/bytes/cursor.h"
#include "sandbox/bytes/utf8.h"

namespace loadlock::bytes {
namespace {

Bytes AsBytes(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

TEST(Cursor, ReadsLittleAndBigEndian) {
  const std::vector<uint8_t> data = {1,  2,  3,  4,    5,    6, 7, 8, 9, 10, 11, 12,
                                     13, 14, 15, 0x3F, 0xF0, 0, 0, 0, 0, 0,  0};
  Cursor cursor(data, 100);
  uint8_t u8 = 0;
  uint16_t u16 = 0;
  uint32_t u32 = 0;
  uint64_t u64 = 0;
  ASSERT_TRUE(cursor.ReadU8(&u8));
  EXPECT_EQ(u8, 1);
  ASSERT_TRUE(cursor.ReadLe16(&u16));
  EXPECT_EQ(u16, 0x0302);
  ASSERT_TRUE(cursor.ReadLe32(&u32));
  EXPECT_EQ(u32, 0x07060504U);
  ASSERT_TRUE(cursor.ReadLe64(&u64));
  EXPECT_EQ(u64, 0x0F0E0D0C0B0A0908U);
  EXPECT_EQ(cursor.offset(), 115U);
  ASSERT_TRUE(cursor.ReadBe64(&u64));
  EXPECT_EQ(u64, 0x3FF0000000000000U);
  EXPECT_TRUE(cursor.AtEnd());
}

TEST(Cursor, AFailedReadChangesNothing) {
  const std::vector<uint8_t> data = {1, 2, 3};
  Cursor cursor(data);
  uint32_t u32 = 77;
  Bytes view;
  EXPECT_FALSE(cursor.ReadLe32(&u32));
  EXPECT_EQ(u32, 77U);
  EXPECT_FALSE(cursor.Read(4, &view));
  EXPECT_FALSE(cursor.Read(UINT64_MAX, &view));
  EXPECT_FALSE(cursor.Skip(UINT64_MAX));
  EXPECT_EQ(cursor.position(), 0U);
  EXPECT_TRUE(cursor.Read(3, &view));
  uint8_t u8 = 0;
  EXPECT_FALSE(cursor.ReadU8(&u8));
  EXPECT_FALSE(cursor.Peek(&u8));
}

TEST(Cursor, SubShrinksAndNeverWidens) {
  const std::vector<uint8_t> data = {1, 2, 3, 4};
  const Cursor cursor(data, 10);
  Cursor sub;
  ASSERT_TRUE(cursor.Sub(1, 2, &sub));
  EXPECT_EQ(sub.remaining(), 2U);
  EXPECT_EQ(sub.offset(), 11U);
  EXPECT_FALSE(cursor.Sub(1, 4, &sub));
  EXPECT_FALSE(cursor.Sub(5, 0, &sub));
  EXPECT_FALSE(cursor.Sub(2, UINT64_MAX, &sub));
  EXPECT_FALSE(cursor.Sub(UINT64_MAX, 2, &sub));
  Cursor wider;
  ASSERT_TRUE(cursor.Sub(1, 2, &sub));
  EXPECT_FALSE(sub.Sub(0, 3, &wider));
}

TEST(Cursor, ReadLineStopsAtTheNewlineOrTheLimit) {
  const std::string text = "ab\n\nlonger\nrest";
  Cursor cursor(AsBytes(text));
  Bytes line;
  ASSERT_TRUE(cursor.ReadLine(2, &line));
  EXPECT_EQ(line.size(), 2U);
  ASSERT_TRUE(cursor.ReadLine(2, &line));
  EXPECT_TRUE(line.empty());
  EXPECT_FALSE(cursor.ReadLine(5, &line));
  EXPECT_EQ(cursor.position(), 4U);
  ASSERT_TRUE(cursor.ReadLine(6, &line));
  EXPECT_EQ(line.size(), 6U);
  EXPECT_FALSE(cursor.ReadLine(100, &line));
  EXPECT_EQ(cursor.remaining(), 4U);
}

TEST(Checked, TellsOverflow) {
  uint64_t out = 0;
  EXPECT_TRUE(CheckedMul<uint64_t>(1U << 31, 1U << 31, &out));
  EXPECT_FALSE(CheckedMul<uint64_t>(uint64_t{1} << 32, uint64_t{1} << 32, &out));
  EXPECT_FALSE(CheckedAdd<uint64_t>(UINT64_MAX, 1, &out));
  EXPECT_FALSE(CheckedSub<uint64_t>(1, 2, &out));
  int64_t signed_out = 0;
  EXPECT_FALSE(CheckedMul<int64_t>(INT64_MIN, -1, &signed_out));
}

TEST(Budget, RefusesWhatDoesNotFitAndRemembersWhich) {
  Budget budget({.max_nodes = 2, .max_heap_bytes = 10, .max_decoded_bytes = 5, .max_depth = 3});
  EXPECT_TRUE(budget.ChargeNodes(2));
  EXPECT_TRUE(budget.ChargeHeap(10));
  EXPECT_STREQ(budget.exhausted_rule(), "");
  EXPECT_FALSE(budget.ChargeDecoded(6));
  EXPECT_STREQ(budget.exhausted_rule(), "BUDGET_DECODED");
  EXPECT_TRUE(budget.ChargeDecoded(5));
  EXPECT_FALSE(budget.ChargeNodes(1));
  EXPECT_STREQ(budget.exhausted_rule(), "BUDGET_DECODED");
}

TEST(Budget, WorkWithoutNodesIsBounded) {
  Budget budget({.max_nodes = 10});
  uint64_t steps = 0;
  while (budget.ChargeWork(1)) ++steps;
  EXPECT_GE(steps, 10U);
  EXPECT_LE(steps, 1000U);
  EXPECT_STREQ(budget.exhausted_rule(), "BUDGET_NODES");
}

TEST(Utf8, AcceptsWhatPythonDecodes) {
  EXPECT_TRUE(ValidUtf8(AsBytes("")));
  EXPECT_TRUE(ValidUtf8(AsBytes("plain ascii, longer than eight bytes")));
  EXPECT_TRUE(ValidUtf8(AsBytes("h\xC3\xA9llo \xE2\x82\xAC \xF0\x9F\x98\x80 tail")));
  EXPECT_TRUE(ValidUtf8(AsBytes("\xED\x9F\xBF\xEE\x80\x80\xF4\x8F\xBF\xBF")));
}

TEST(Utf8, RefusesOverlongSurrogateAndCutSequences) {
  for (const char* text :
       {"\x80", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xED\xBF\xBF",
        "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "\xC3", "\xE2\x82",
        "\xF0\x9F\x98", "12345678\xC3", "\xC3(", "\xE2(\xA1"}) {
    EXPECT_FALSE(ValidUtf8(AsBytes(text))) << text;
  }
}

TEST(Utf8, EncodesEveryLength) {
  std::string out;
  for (const uint32_t code_point : {0x41U, 0xE9U, 0x20ACU, 0x1F600U}) AppendUtf8(code_point, &out);
  EXPECT_EQ(out, "A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
}

TEST(Utf8, Latin1TakesOnlyCodePointsBelow256) {
  std::string out;
  ASSERT_TRUE(Utf8ToLatin1(AsBytes("a\xC2\x80\xC3\xBF"), &out));
  EXPECT_EQ(out, "a\x80\xFF");
  EXPECT_FALSE(Utf8ToLatin1(AsBytes("\xC4\x80"), &out));
  EXPECT_FALSE(Utf8ToLatin1(AsBytes("\xE2\x82\xAC"), &out));
}

}  // namespace
}  // namespace loadlock::bytes
