// SPARSE: csr, csc, coo and dia, every clause broken once.
#include "server/verify/invariants/sparse.h"

#include <gtest/gtest.h>

#include "server/verify/testing/make.h"

namespace loadlock::verify::testing {
namespace {

// 2 x 3 with three elements.
Attrs Csr() {
  return {{"_shape", Tuple({Int(2), Int(3)})},
          {"data", Zeros({3})},
          {"indices", Vec<int32_t>({0, 2, 1})},
          {"indptr", Vec<int32_t>({0, 2, 3})},
          {"maxprint", Int(50)}};
}

std::string OutcomeAs(const std::string& kind, Attrs attrs) {
  return OutcomeOf(Obj("scipy.sparse._" + kind + "." + kind + "_matrix", std::move(attrs)));
}

TEST(Sparse, SoundOnesPass) {
  EXPECT_EQ(OutcomeAs("csr", Csr()), "ACCEPTED");
  EXPECT_EQ(OutcomeAs("csc", With(Csr(), "_shape", Tuple({Int(3), Int(2)}))), "ACCEPTED");
  Attrs wide = Csr();
  wide["indices"] = Vec<int64_t>({0, 2, 1});
  wide["indptr"] = Vec<int64_t>({0, 2, 3});
  EXPECT_EQ(OutcomeAs("csr", wide), "ACCEPTED");
}

TEST(Sparse, EveryClauseIsChecked) {
  const Attrs good = Csr();
  const std::vector<Attrs> broken = {
      With(good, "data", Zeros({2})),
      With(good, "data", Zeros({3, 1})),
      With(good, "data", Objects({3}, {Int(1), Int(2), Int(3)})),
      With(good, "data", Raw(DType(">f8"), {3}, std::string(24, '\0'))),
      With(good, "data", nullptr),
      With(good, "indices", Vec<int32_t>({0, 2, 3})),
      With(good, "indices", Vec<int32_t>({0, -1, 1})),
      With(good, "indices", Vec<int32_t>({0, 2})),
      With(good, "indices", Vec<int64_t>({0, 2, 1})),
      With(good, "indices", Vec<uint32_t>({0, 2, 1})),
      With(good, "indptr", Vec<int32_t>({0, 2})),
      With(good, "indptr", Vec<int32_t>({1, 2, 3})),
      With(good, "indptr", Vec<int32_t>({0, 4, 3})),
      With(good, "indptr", Vec<int32_t>({0, 2, 4})),
      With(good, "indptr", Vec<int32_t>({0, -1, 3})),
      With(good, "_shape", Tuple({Int(2), Int(2)})),
      With(good, "_shape", Tuple({Int(3), Int(3)})),
      With(good, "_shape", Tuple({Int(-1), Int(3)})),
      With(good, "_shape", Tuple({Int(2), Int(int64_t{1} << 40)})),
      With(good, "_shape", Tuple({Int(2)})),
      With(good, "_shape", nullptr),
      With(good, "dot", Int(1)),
      With(good, "__class__", Int(1)),
      {},
  };
  for (size_t i = 0; i < broken.size(); ++i) {
    EXPECT_TRUE(OutcomeAs("csr", broken[i]).starts_with("INVARIANT_SPARSE"))
        << i << ": " << OutcomeAs("csr", broken[i]);
  }
}

TEST(Sparse, ArgumentsAndItemsAreRefused) {
  const std::string cls = "scipy.sparse._csr.csr_matrix";
  EXPECT_TRUE(
      OutcomeOf(ObjWith(cls, Tuple({Int(1)}), Dict(Csr()))).starts_with("INVARIANT_SPARSE"));
  EXPECT_TRUE(OutcomeOf(ObjWith(cls, nullptr, nullptr)).starts_with("INVARIANT_SPARSE"));
}

TEST(Sparse, Coordinates) {
  const Attrs good = {{"_shape", Tuple({Int(2), Int(3)})},
                      {"data", Zeros({2})},
                      {"row", Vec<int32_t>({0, 1})},
                      {"col", Vec<int32_t>({2, 0})}};
  EXPECT_EQ(OutcomeAs("coo", good), "ACCEPTED");
  Attrs tuple = good;
  tuple.erase("row");
  tuple.erase("col");
  tuple["coords"] = Tuple({Vec<int32_t>({0, 1}), Vec<int32_t>({2, 0})});
  EXPECT_EQ(OutcomeAs("coo", tuple), "ACCEPTED");
  for (const Attrs& bad :
       {With(good, "row", Vec<int32_t>({0, 2})), With(good, "col", Vec<int32_t>({3, 0})),
        With(good, "col", Vec<int32_t>({-1, 0})), With(good, "row", Vec<int32_t>({0})),
        With(good, "data", Zeros({3})), With(good, "row", nullptr),
        With(good, "coords", Tuple({Vec<int32_t>({0, 1}), Vec<int32_t>({2, 0})})),
        With(tuple, "coords", Tuple({Vec<int32_t>({0, 1})}))}) {
    EXPECT_TRUE(OutcomeAs("coo", bad).starts_with("INVARIANT_SPARSE"));
  }
}

TEST(Sparse, Blocks) {
  const Attrs good = {{"_shape", Tuple({Int(4), Int(6)})},
                      {"data", Zeros({2, 2, 3})},
                      {"indices", Vec<int32_t>({1, 0})},
                      {"indptr", Vec<int32_t>({0, 1, 2})}};
  EXPECT_EQ(OutcomeAs("bsr", good), "ACCEPTED");
  for (const Attrs& bad :
       {With(good, "indices", Vec<int32_t>({2, 0})), With(good, "indices", Vec<int32_t>({-1, 0})),
        With(good, "indices", Vec<int32_t>({1})), With(good, "indptr", Vec<int32_t>({0, 2, 1})),
        With(good, "indptr", Vec<int32_t>({0, 1, 1, 1, 2})), With(good, "data", Zeros({2, 3, 3})),
        With(good, "data", Zeros({2, 2, 4})), With(good, "data", Zeros({2, 0, 3})),
        With(good, "data", Zeros({2, 6})), With(good, "data", Zeros({3, 2, 3})),
        With(good, "_shape", Tuple({Int(5), Int(6)})),
        With(good, "_shape", Tuple({Int(int64_t{1} << 40), Int(6)}))}) {
    EXPECT_TRUE(OutcomeAs("bsr", bad).starts_with("INVARIANT_SPARSE"));
  }
}

TEST(Sparse, Diagonals) {
  const Attrs good = {{"_shape", Tuple({Int(3), Int(3)})},
                      {"data", Zeros({2, 3})},
                      {"offsets", Vec<int32_t>({0, -1})}};
  EXPECT_EQ(OutcomeAs("dia", good), "ACCEPTED");
  for (const Attrs& bad :
       {With(good, "offsets", Vec<int32_t>({0, 0})), With(good, "offsets", Vec<int32_t>({0})),
        With(good, "offsets", Vec<int32_t>({0, 4})), With(good, "offsets", Vec<int32_t>({0, -4})),
        With(good, "data", Zeros({2, 4})), With(good, "data", Zeros({2})),
        With(good, "offsets", Vec<int64_t>({0, -1}))}) {
    EXPECT_TRUE(OutcomeAs("dia", bad).starts_with("INVARIANT_SPARSE"));
  }
}

}  // namespace
}  // namespace loadlock::verify::testing
