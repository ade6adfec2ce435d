#include "sandbox/decoders/npy/header.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace loadlock::npy {
namespace {

using Blob = std::vector<uint8_t>;

Blob File(const std::string& text, uint8_t major = 1) {
  Blob file = {0x93, 'N', 'U', 'M', 'P', 'Y', major, 0};
  const auto length = static_cast<uint32_t>(text.size());
  for (int i = 0; i < (major == 1 ? 2 : 4); ++i) {
    file.push_back(static_cast<uint8_t>(length >> (8 * i)));
  }
  file.insert(file.end(), text.begin(), text.end());
  return file;
}

// Rule id of the refusal; empty if the header was read.
std::string Read(const Blob& file, Header* out) {
  bytes::Cursor cursor(file);
  const auto refusal = ReadHeader(&cursor, out);
  if (refusal) return refusal->rule_id;
  EXPECT_TRUE(cursor.AtEnd());
  return "";
}

std::string ReadText(const std::string& text, uint8_t major = 1) {
  Header header;
  return Read(File(text, major), &header);
}

std::string WithShape(const std::string& shape) {
  return "{'descr': '<f8', 'fortran_order': False, 'shape': " + shape + ", }  \n";
}

std::string WithDescr(const std::string& descr) {
  return "{'descr': " + descr + ", 'fortran_order': False, 'shape': (3,), }\n";
}

TEST(ReadHeaderTest, ReadsWhatNumpyWrites) {
  Header header;
  const Blob file = File("{'descr': '<f8', 'fortran_order': True, 'shape': (2, 3), }     \n");
  ASSERT_EQ(Read(file, &header), "");
  EXPECT_EQ(header.descr.typestr, "<f8");
  EXPECT_TRUE(header.fortran_order);
  EXPECT_EQ(header.shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(header.data_offset, file.size());
}

TEST(ReadHeaderTest, ReadsRecords) {
  Header header;
  ASSERT_EQ(Read(File(WithDescr("[('a', '<i4'), ('', '|V4'), ('in', [('b', '<f8')])]")), &header),
            "");
  ASSERT_TRUE(header.descr.record);
  ASSERT_EQ(header.descr.fields.size(), 3u);
  EXPECT_EQ(header.descr.fields[0].name, "a");
  EXPECT_EQ(header.descr.fields[1].name, "");
  EXPECT_EQ(header.descr.fields[2].descr.fields[0].descr.typestr, "<f8");
}

TEST(ReadHeaderTest, ShapesAreTuplesOfPlainIntegers) {
  EXPECT_EQ(ReadText(WithShape("()")), "");
  EXPECT_EQ(ReadText(WithShape("(3,)")), "");
  EXPECT_EQ(ReadText(WithShape("(0, 4)")), "");
  EXPECT_EQ(ReadText(WithShape("(0, 4,)")), "");
  EXPECT_EQ(ReadText(WithShape("(9223372036854775807,)")), "");
  for (const char* shape : {"(3)",
                            "3",
                            "[3]",
                            "(,)",
                            "(3,,)",
                            "(-1,)",
                            "(+1,)",
                            "(03,)",
                            "(3L,)",
                            "(1_0,)",
                            "(0x3,)",
                            "(3.0,)",
                            "(True,)",
                            "(3 4)",
                            "(9223372036854775808,)",
                            "(99999999999999999999999,)",
                            "(3,",
                            "((3,),)",
                            "(1+2,)",
                            "('3',)"}) {
    EXPECT_EQ(ReadText(WithShape(shape)), "MALFORMED") << shape;
  }
}

TEST(ReadHeaderTest, RankIsBounded) {
  std::string shape = "(";
  for (size_t i = 0; i < kMaxRank; ++i) shape += "1, ";
  EXPECT_EQ(ReadText(WithShape(shape + ")")), "");
  EXPECT_EQ(ReadText(WithShape(shape + "1)")), "ARRAY_BOUNDS");
}

TEST(ReadHeaderTest, KeysAreTheThreeEachOnce) {
  const char* const bad[] = {
      "{'descr': '<f8', 'fortran_order': False, }\n",
      "{'descr': '<f8', 'shape': (), }\n",
      "{'fortran_order': False, 'shape': (), }\n",
      "{}\n",
      "{'descr': '<f8', 'fortran_order': False, 'shape': (), 'shape': (), }\n",
      "{'descr': '<f8', 'descr': '|O', 'fortran_order': False, 'shape': (), }\n",
      "{'descr': '<f8', 'fortran_order': False, 'shape': (), 'more': (), }\n",
      "{'descr': '<f8', 'fortran_order': 0, 'shape': (), }\n",
      "{'descr': '<f8', 'fortran_order': None, 'shape': (), }\n",
      "{'descr': '<f8' 'fortran_order': False, 'shape': (), }\n",
      "{'descr': '<f8', 'fortran_order': False, 'shape': (), },\n",
      "({'descr': '<f8', 'fortran_order': False, 'shape': (), })\n",
      "dict(descr='<f8', fortran_order=False, shape=())\n",
  };
  for (const char* text : bad) EXPECT_EQ(ReadText(text), "MALFORMED") << text;
  // The order of the keys means nothing.
  EXPECT_EQ(ReadText("{'shape': (), 'fortran_order': False, 'descr': '<f8'}\n"), "");
}

TEST(ReadHeaderTest, EndsWithSpacesAndOneNewline) {
  const std::string dict = "{'descr': '<f8', 'fortran_order': False, 'shape': (), }";
  EXPECT_EQ(ReadText(dict + "\n"), "");
  for (const char* end : {"", " ", "\n\n", "\n ", "\t\n", " #\n", "\r\n", "\\\n", "x\n"}) {
    EXPECT_EQ(ReadText(dict + end), "MALFORMED") << end;
  }
}

TEST(ReadHeaderTest, StringsAreAsReprWritesThem) {
  Header header;
  ASSERT_EQ(Read(File(WithDescr(R"([("a'b", '<i4'), ('c"\'\\\n', '<i4'), ('\x41\u00e9', '<i4')])")),
                 &header),
            "");
  EXPECT_EQ(header.descr.fields[0].name, "a'b");
  EXPECT_EQ(header.descr.fields[1].name, "c\"'\\\n");
  EXPECT_EQ(header.descr.fields[2].name, "A\u00e9");
  for (const char* text :
       {"'<f8", "b'<f8'", "r'<f8'", "'<f' '8'", "'''<f8'''", R"('\ud800')", R"('\q')", R"('\101')",
        R"('\x4')", R"('\N{BULLET}')", R"('\U00110000')", "'<f8\n'", "'\\"}) {
    EXPECT_EQ(ReadText(WithDescr(text)), "MALFORMED") << text;
  }
}

TEST(ReadHeaderTest, EncodingFollowsTheVersion) {
  Header header;
  ASSERT_EQ(Read(File(WithDescr("[('\xe9', '<i4')]"), 1), &header), "");
  EXPECT_EQ(header.descr.fields[0].name, "\u00e9");
  Header utf8;
  ASSERT_EQ(Read(File(WithDescr("[('\u4e16', '<i4')]"), 3), &utf8), "");
  EXPECT_EQ(utf8.descr.fields[0].name, "\u4e16");
  EXPECT_EQ(ReadText(WithDescr("[('\xe9', '<i4')]"), 3), "MALFORMED");
}

TEST(ReadHeaderTest, TitlesAndArraysInRecordsAreRefused) {
  EXPECT_EQ(ReadText(WithDescr("[(('title', 'a'), '<i4')]")), "DTYPE");
  EXPECT_EQ(ReadText(WithDescr("[('a', '<i4', ())]")), "DTYPE");
  EXPECT_EQ(ReadText(WithDescr("[('a', '<i4', 2)]")), "MALFORMED");
  EXPECT_EQ(ReadText(WithDescr("[('a', '<i4', (2,), 3)]")), "MALFORMED");
  EXPECT_EQ(ReadText(WithDescr("('<i4', (2,))")), "MALFORMED");
}

TEST(ReadHeaderTest, DeepRecordsAreRefused) {
  std::string deep = "'<i4'";
  for (int i = 0; i < kMaxRecordDepth; ++i) deep.insert(0, "[('a', ").append(")]");
  EXPECT_EQ(ReadText(WithDescr(deep)), "");
  EXPECT_EQ(ReadText(WithDescr("[('a', " + deep + ")]")), "DTYPE");
  EXPECT_EQ(ReadText(std::string(9000, '[')), "MALFORMED");
  std::string open;
  while (open.size() < 9000) open += "[('a', ";
  EXPECT_EQ(ReadText(WithDescr(open)), "DTYPE");
}

TEST(ReadHeaderTest, VersionsAndLengthsAreBounded) {
  Header header;
  for (const uint8_t major : {0, 4, 255}) {
    Blob file = File(WithShape("()"), 1);
    file[6] = major;
    EXPECT_EQ(Read(file, &header), "MALFORMED");
  }
  Blob minor = File(WithShape("()"), 1);
  minor[7] = 1;
  EXPECT_EQ(Read(minor, &header), "MALFORMED");
  // 4 GiB claimed in 12 bytes.
  EXPECT_EQ(Read({0x93, 'N', 'U', 'M', 'P', 'Y', 2, 0, 0xff, 0xff, 0xff, 0xff}, &header),
            "MALFORMED");
  std::string longest = WithShape("()");
  longest.insert(longest.size() - 1, kMaxHeader - longest.size(), ' ');
  EXPECT_EQ(ReadText(longest), "");
  EXPECT_EQ(ReadText(" " + longest), "MALFORMED");
}

TEST(ReadHeaderTest, EveryTruncationIsRefused) {
  for (const uint8_t major : {1, 2, 3}) {
    const Blob file = File(WithShape("(2, 3)"), major);
    for (size_t length = 0; length < file.size(); ++length) {
      Header header;
      const Blob cut(file.begin(), file.begin() + static_cast<ptrdiff_t>(length));
      EXPECT_EQ(Read(cut, &header), length < 6 ? "MALFORMED" : "TRUNCATED") << length;
    }
  }
}

}  // namespace
}  // namespace loadlock::npy
