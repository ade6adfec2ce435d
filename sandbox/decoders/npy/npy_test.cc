#include "sandbox/decoders/npy/npy.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "sandbox/decoders/numpy/dtype.h"

namespace loadlock::npy {
namespace {

using Blob = std::vector<uint8_t>;

Blob File(const std::string& descr, const std::string& shape, const Blob& data) {
  const std::string text =
      "{'descr': " + descr + ", 'fortran_order': False, 'shape': " + shape + ", }\n";
  Blob file = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0};
  file.push_back(static_cast<uint8_t>(text.size()));
  file.push_back(static_cast<uint8_t>(text.size() >> 8));
  file.insert(file.end(), text.begin(), text.end());
  file.insert(file.end(), data.begin(), data.end());
  return file;
}

class Parsed {
 public:
  explicit Parsed(Blob file, bytes::BudgetLimits limits = {})
      : file_(std::move(file)), budget_(limits), builder_(&budget_), decoded_(-1, &budget_) {
    result_ = Parse({file_, v1::BUFFER_SOURCE_ARTIFACT, 0}, decoded_, budget_, builder_);
  }
  std::string rule() const { return result_.refusal ? result_.refusal->rule_id : ""; }
  const graph::Builder& builder() const { return builder_; }
  const graph::ArrayInfo& array() const { return builder_.array(result_.root); }

 private:
  Blob file_;
  bytes::Budget budget_;
  graph::Builder builder_;
  graph::DecodedFile decoded_;
  pickle::ParseResult result_;
};

std::string Rule(const std::string& descr, const std::string& shape, size_t bytes) {
  return Parsed(File(descr, shape, Blob(bytes))).rule();
}

TEST(NpyTest, DataIsExactlyTheShapeTimesTheItem) {
  EXPECT_EQ(Rule("'<f8'", "(2, 3)", 48), "");
  EXPECT_EQ(Rule("'<f8'", "(2, 3)", 47), "TRUNCATED");
  EXPECT_EQ(Rule("'<f8'", "(2, 3)", 49), "TRAILING_DATA");
  EXPECT_EQ(Rule("'<f8'", "()", 8), "");
  EXPECT_EQ(Rule("'<f8'", "()", 0), "TRUNCATED");
  EXPECT_EQ(Rule("'<f8'", "(0, 3)", 0), "");
  EXPECT_EQ(Rule("'<f8'", "(0, 3)", 8), "TRAILING_DATA");
}

// 2^62 elements of 8 bytes are 2^65 bytes, which is 0 in 64 bits.
TEST(NpyTest, ShapesThatOverflowAreRefused) {
  EXPECT_EQ(Rule("'<f8'", "(4611686018427387904,)", 0), "ARRAY_BOUNDS");
  EXPECT_EQ(Rule("'<f8'", "(4294967296, 4294967296)", 0), "ARRAY_BOUNDS");
  EXPECT_EQ(Rule("'|u1'", "(4294967296,)", 32), "TRUNCATED");
}

TEST(NpyTest, ItemsHaveASize) {
  for (const char* descr : {"'|S0'", "'<U0'", "'|V0'"}) {
    EXPECT_NE(Rule(descr, "(9223372036854775807,)", 0), "") << descr;
  }
}

TEST(NpyTest, DtypesAreOfTheAllowListAndCanonical) {
  for (const char* descr :
       {"'|b1'", "'|i1'", "'<u2'", "'>f4'", "'<c8'", "'|S4'", "'<U1'", "'|V4'"}) {
    const std::string rule = Rule(descr, "(0,)", 0);
    EXPECT_EQ(rule, "") << descr;
  }
  for (const char* descr :
       {"'f8'", "'=f8'", "'float64'", "'<f3'", "'|f8'", "'<f16'", "'O'", "'|O8'", "'i4,f8'",
        "'(2,)<f8'", "''", "'<f8 '", "'|S99999999999'", "'<i4[ns]'", "'|R4'", "'datetime64'"}) {
    EXPECT_EQ(Rule(descr, "(0,)", 0), "DTYPE") << descr;
  }
}

TEST(NpyTest, RecordsArePlacedAsNumpyPlacesThem) {
  const Parsed parsed(File("[('a', '<i4'), ('', '|V4'), ('b', '<f8')]", "(2,)", Blob(32)));
  ASSERT_EQ(parsed.rule(), "");
  const graph::NodeId dtype = parsed.array().dtype;
  ASSERT_EQ(parsed.builder().kind(dtype), graph::Kind::kDtypeRecord);
  EXPECT_EQ(numpy::ItemSize(parsed.builder(), dtype), 16u);
  const auto fields = parsed.builder().edges(dtype);
  // Item size, then name, dtype and offset of each field; padding is none.
  ASSERT_EQ(fields.size(), 7u);
  EXPECT_EQ(parsed.builder().int_value(fields[0]), 16);
  EXPECT_EQ(parsed.builder().text(fields[1]), "a");
  EXPECT_EQ(parsed.builder().int_value(fields[3]), 0);
  EXPECT_EQ(parsed.builder().text(fields[4]), "b");
  EXPECT_EQ(parsed.builder().int_value(fields[6]), 8);
}

TEST(NpyTest, BadRecordsAreRefused) {
  for (const char* descr :
       {"[]", "[('', '|V4')]", "[('', '<f8'), ('a', '<f8')]", "[('a', '<f8'), ('a', '<f8')]",
        "[('a', '|O')]", "[('a', [('b', '|O')])]", "[('a', '|V2147483648'), ('b', '|V2147483648')]",
        "[('a', 'f8')]", "[('a', [])]"}) {
    EXPECT_EQ(Rule(descr, "(0,)", 0), "DTYPE") << descr;
  }
}

TEST(NpyTest, WhatFollowsAnObjectHeaderMustBeThatArray) {
  const auto with = [](std::string_view pickle) {
    return Parsed(File("'|O'", "(1,)", Blob(pickle.begin(), pickle.end()))).rule();
  };
  EXPECT_EQ(with("\x80\x02K\x01."), "MALFORMED");  // an int
  EXPECT_EQ(with("\x80\x02]K\x01"
                 "a."),
            "MALFORMED");  // a list
  EXPECT_EQ(with(""), "TRUNCATED");
  EXPECT_NE(with("\x80\x02]K\x01"
                 "a.\x80\x02N."),
            "");
}

TEST(NpyTest, BudgetBoundsTheNodes) {
  EXPECT_EQ(Parsed(File("'<f8'", "()", Blob(8)), {.max_nodes = 1}).rule(), "BUDGET_NODES");
}

}  // namespace
}  // namespace loadlock::npy
