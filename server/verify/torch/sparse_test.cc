// SPARSE: every layout, every clause broken once.
#include "server/verify/torch/sparse.h"

#include <gtest/gtest.h>

#include "server/verify/testing/torch.h"
#include "server/verify/torch/tensor.h"

namespace loadlock::verify::testing {
namespace {

using Numbers = std::vector<int64_t>;

constexpr int64_t kFar = int64_t{1} << 40;

// 2 x 3 with two elements, unless said otherwise.
SparseSpec Coo(const Numbers& indices = {0, 1, 2, 0}, uint32_t flags = 0) {
  return {"sparse_coo", flags, {2, 3}, {Tensor<int64_t>({2, 2}, indices), Blank({2})}};
}

std::string OutcomeAs(SparseSpec spec) { return TorchOutcome(Sparse(std::move(spec))); }
bool IsRefused(const SparseSpec& spec) { return OutcomeAs(spec).starts_with("INVARIANT_SPARSE"); }

TEST(TorchSparse, CoordinatesInRange) {
  EXPECT_EQ(OutcomeAs(Coo()), "ACCEPTED");
  EXPECT_EQ(OutcomeAs(Coo({0, 1, 2, 0}, torch::kCoalesced | torch::kRequiresGrad)), "ACCEPTED");
  // Twice the same is a sum, unless it claims to be coalesced.
  EXPECT_EQ(OutcomeAs(Coo({1, 1, 2, 2})), "ACCEPTED");
  SparseSpec dense = Coo();
  dense.sizes = {2, 3, 4};
  dense.parts[1] = Blank({2, 4});
  EXPECT_EQ(OutcomeAs(dense), "ACCEPTED");
  SparseSpec large = Coo({0, kFar - 1, 2, 0});
  large.sizes = {kFar, 3};
  EXPECT_EQ(OutcomeAs(large), "ACCEPTED");
  const SparseSpec empty = {
      "sparse_coo", torch::kCoalesced, {2, 3}, {Tensor<int64_t>({2, 0}, {}), Blank({0})}};
  EXPECT_EQ(OutcomeAs(empty), "ACCEPTED");
}

TEST(TorchSparse, IndicesAreReadThroughTheirStrides) {
  // Column by column: (0, 2), (1, 0).
  const Maker storage = Storage("int64", Bytes<int64_t>({0, 2, 1, 0}));
  SparseSpec spec = Coo({}, torch::kCoalesced);
  spec.parts[0] = TensorOf(storage, {"int64", {2, 2}, {1, 2}});
  EXPECT_EQ(OutcomeAs(spec), "ACCEPTED");
  // The same bytes row by row: (0, 1), and (2, 0), which is past two rows.
  spec.parts[0] = TensorOf(storage, {"int64", {2, 2}, {2, 1}});
  EXPECT_TRUE(IsRefused(spec));
  spec.sizes = {3, 2};
  EXPECT_EQ(OutcomeAs(spec), "ACCEPTED");
}

TEST(TorchSparse, EveryClauseOfCoordinates) {
  const std::vector<SparseSpec> broken = {
      Coo({0, 2, 2, 0}),
      Coo({0, 1, 3, 0}),
      Coo({0, -1, 2, 0}),
      Coo({0, 1, kFar, 0}),
      Coo({-kFar, 1, 2, 0}),
      Coo({1, 0, 2, 0}, torch::kCoalesced),
      Coo({1, 1, 2, 2}, torch::kCoalesced),
      Coo({kFar, 1, 2, 0}, torch::kCoalesced),
      {"sparse_coo", 0, {2, 3}, {Tensor<int32_t>({2, 2}, {0, 1, 2, 0}), Blank({2})}},
      {"sparse_coo", 0, {2, 3}, {Tensor<int64_t>({4}, {0, 1, 2, 0}), Blank({4})}},
      {"sparse_coo", 0, {2, 3}, {Tensor<int64_t>({2, 2}, {0, 1, 2, 0}), Blank({3})}},
      {"sparse_coo", 0, {2, 3}, {Tensor<int64_t>({2, 2}, {0, 1, 2, 0}), Blank({2, 1})}},
      {"sparse_coo", 0, {2, 3}, {Tensor<int64_t>({2, 2}, {0, 1, 2, 0}), Blank({})}},
      {"sparse_coo", 0, {2}, {Tensor<int64_t>({2, 2}, {0, 1, 2, 0}), Blank({2})}},
      {"sparse_coo", 0, {2, -3}, {Tensor<int64_t>({2, 2}, {0, 1, 2, 0}), Blank({2})}},
      {"sparse_coo", 0, {kFar, kFar}, {Tensor<int64_t>({2, 2}, {0, 1, 2, 0}), Blank({2})}},
      {"sparse_coo",
       torch::kRequiresGrad,
       {2, 3},
       {Tensor<int64_t>({2, 2}, {0, 1, 2, 0}), Tensor<int64_t>({2}, {1, 2})}},
      {"sparse_coo",
       0,
       {2, 3},
       {TensorOf(MetaStorage("int64", 4), {"int64", {2, 2}, {2, 1}}), Blank({2})}},
      {"sparse_coo",
       0,
       {2, 3},
       {Tensor<int64_t>({2, 2}, {0, 1, 2, 0}),
        TensorOf(Storage("float32", "12345678"), {"float32", {2}, {1}, 0, torch::kRequiresGrad})}},
  };
  for (size_t i = 0; i < broken.size(); ++i) {
    EXPECT_TRUE(IsRefused(broken[i])) << i << ": " << OutcomeAs(broken[i]);
  }
}

TEST(TorchSparse, IndicesThatNeverEndAreNotRead) {
  SparseSpec spec = Coo();
  spec.parts[0] =
      TensorOf(Storage("int64", std::string(8, '\0')), {"int64", {2, kFar / 16}, {0, 0}});
  spec.parts[1] = TensorOf(Storage("float32", "1234"), {"float32", {kFar / 16}, {0}});
  EXPECT_NE(OutcomeAs(spec), "ACCEPTED");
}

// 2 x 3: (0, 0), (0, 2), (1, 1).
SparseSpec Csr(const Numbers& starts = {0, 2, 3}, const Numbers& plain = {0, 2, 1}) {
  return {"sparse_csr",
          0,
          {2, 3},
          {Tensor<int64_t>({static_cast<int64_t>(starts.size())}, starts),
           Tensor<int64_t>({static_cast<int64_t>(plain.size())}, plain),
           Blank({static_cast<int64_t>(plain.size())})}};
}

TEST(TorchSparse, CompressedInRange) {
  EXPECT_EQ(OutcomeAs(Csr()), "ACCEPTED");
  SparseSpec narrow = Csr();
  narrow.parts[0] = Tensor<int32_t>({3}, {0, 2, 3});
  narrow.parts[1] = Tensor<int32_t>({3}, {0, 2, 1});
  EXPECT_EQ(OutcomeAs(narrow), "ACCEPTED");
  SparseSpec columns = Csr();
  columns.layout = "sparse_csc";
  columns.sizes = {3, 2};
  EXPECT_EQ(OutcomeAs(columns), "ACCEPTED");
  EXPECT_EQ(OutcomeAs(Csr({0, 0, 0}, {})), "ACCEPTED");
}

TEST(TorchSparse, EveryClauseOfCompressed) {
  SparseSpec swapped = Csr();
  swapped.layout = "sparse_csc";
  SparseSpec coalesced = Csr();
  coalesced.flags = torch::kCoalesced;
  SparseSpec mixed = Csr();
  mixed.parts[1] = Tensor<int32_t>({3}, {0, 2, 1});
  SparseSpec floats = Csr();
  floats.parts[0] = Blank({3});
  SparseSpec fewer = Csr();
  fewer.parts[2] = Blank({2});
  SparseSpec flat = Csr();
  flat.sizes = {2};
  SparseSpec large = Csr();
  large.sizes = {std::numeric_limits<int64_t>::max(), 3};
  const std::vector<SparseSpec> broken = {
      Csr({1, 2, 3}),
      Csr({0, 2, 2}),
      Csr({0, 3, 2}),
      Csr({0, 4, 3}),
      Csr({0, 2, 4}),
      Csr({0, -1, 3}),
      Csr({0, 2}),
      Csr({0, 2, 3, 3}),
      Csr({0, kFar, 3}),
      Csr({}),
      Csr({0, 2, 3}, {2, 0, 1}),
      Csr({0, 2, 3}, {0, 0, 1}),
      Csr({0, 2, 3}, {0, 3, 1}),
      Csr({0, 2, 3}, {-1, 2, 1}),
      Csr({0, 2, 3}, {0, 2, kFar}),
      swapped,
      coalesced,
      mixed,
      floats,
      fewer,
      flat,
      large,
  };
  for (size_t i = 0; i < broken.size(); ++i) {
    EXPECT_TRUE(IsRefused(broken[i])) << i << ": " << OutcomeAs(broken[i]);
  }
}

TEST(TorchSparse, Blocks) {
  // 4 x 6 in blocks of 2 x 3.
  const auto blocks = [](Numbers sizes, Numbers values, const char* layout = "sparse_bsr") {
    return SparseSpec{
        layout,
        0,
        std::move(sizes),
        {Tensor<int64_t>({3}, {0, 1, 2}), Tensor<int64_t>({2}, {0, 1}), Blank(std::move(values))}};
  };
  EXPECT_EQ(OutcomeAs(blocks({4, 6}, {2, 2, 3})), "ACCEPTED");
  EXPECT_EQ(OutcomeAs(blocks({4, 6}, {2, 2, 3}, "sparse_bsc")), "ACCEPTED");
  EXPECT_TRUE(IsRefused(blocks({4, 6}, {2, 0, 3})));
  EXPECT_TRUE(IsRefused(blocks({4, 6}, {2, 2, 0})));
  EXPECT_TRUE(IsRefused(blocks({4, 7}, {2, 2, 3})));
  EXPECT_TRUE(IsRefused(blocks({6, 6}, {2, 2, 3})));
  EXPECT_TRUE(IsRefused(blocks({4, 3}, {2, 2, 3})));
  EXPECT_TRUE(IsRefused(blocks({4, 6}, {2, 6})));
  EXPECT_TRUE(IsRefused(blocks({4, 6}, {2, 2, 3, 1})));
}

TEST(TorchSparse, Batches) {
  const auto batches = [](const Numbers& starts, const Numbers& plain) {
    return SparseSpec{
        "sparse_csr",
        0,
        {2, 2, 3},
        {Tensor<int64_t>({2, 3}, starts), Tensor<int64_t>({2, 2}, plain), Blank({2, 2})}};
  };
  EXPECT_EQ(OutcomeAs(batches({0, 1, 2, 0, 2, 2}, {0, 2, 0, 1})), "ACCEPTED");
  EXPECT_TRUE(IsRefused(batches({0, 1, 2, 0, 2, 1}, {0, 2, 0, 1})));
  EXPECT_TRUE(IsRefused(batches({0, 1, 2, 0, 2, 2}, {0, 2, 1, 0})));
  EXPECT_TRUE(IsRefused(batches({0, 1, 2, 0, 2, 2}, {0, 2, 0, 3})));
}

TEST(TorchSparse, OddPartsAreMalformed) {
  SparseSpec spec = Coo();
  spec.layout = "sparse_xyz";
  EXPECT_TRUE(OutcomeAs(spec).starts_with("MALFORMED"));
  spec = Coo();
  spec.layout = "sparse_csr";
  EXPECT_TRUE(OutcomeAs(spec).starts_with("MALFORMED"));
  spec = Coo();
  spec.parts[0] = Quantized({});
  EXPECT_TRUE(OutcomeAs(spec).starts_with("MALFORMED"));
  spec = Coo();
  spec.flags = 2;
  EXPECT_TRUE(OutcomeAs(spec).starts_with("MALFORMED"));
}

}  // namespace
}  // namespace loadlock::verify::testing
