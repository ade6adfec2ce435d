#include "client/cpp/tensor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace loadlock::client {
namespace {

constexpr uint32_t kAbsent = 0xFFFFFFFF;

// Appends nodes; returns their indices.
class Maker {
 public:
  uint32_t Node(v1::NodeKind kind, const std::vector<uint32_t>& operands = {}) {
    graph_.add_kinds(kind);
    graph_.add_operand_counts(static_cast<uint32_t>(operands.size()));
    for (const uint32_t operand : operands) graph_.add_operands(operand);
    return static_cast<uint32_t>(graph_.kinds_size() - 1);
  }
  uint32_t String(const std::string& text) {
    graph_.add_strings(text);
    return static_cast<uint32_t>(graph_.strings_size() - 1);
  }
  uint32_t Ints(const std::vector<int64_t>& values) {
    const auto first = static_cast<uint32_t>(graph_.ints_size());
    for (const int64_t value : values) graph_.add_ints(value);
    return first;
  }
  uint32_t Buffer(uint64_t length) {
    graph_.add_buffer_lengths(length);
    return static_cast<uint32_t>(graph_.buffer_lengths_size() - 1);
  }
  // Of `count` elements of 4 bytes.
  uint32_t Storage(int64_t count) {
    const auto bytes = static_cast<uint64_t>(4 * count);
    return Node(v1::NODE_KIND_STORAGE, {String("float32"), Buffer(bytes), Ints({count})});
  }
  uint32_t Tensor(uint32_t storage, const std::vector<int64_t>& layout, uint32_t flags = 0) {
    return Node(v1::NODE_KIND_TENSOR, {storage, String("float32"), flags,
                                       static_cast<uint32_t>(layout.size() / 2), Ints(layout)});
  }
  absl::StatusOr<client::Tensor> Read(uint32_t node) { return TensorReader(graph_).Read(node); }
  v1::Graph& graph() { return graph_; }

 private:
  v1::Graph graph_;
};

TEST(TensorReader, ReadsAView) {
  Maker make;
  const uint32_t storage = make.Storage(24);
  const auto tensor = make.Read(make.Tensor(storage, {1, 2, 3, 12, 2}, 1 | 4));
  ASSERT_TRUE(tensor.ok()) << tensor.status();
  EXPECT_EQ(tensor->dtype, "float32");
  EXPECT_EQ(tensor->item_size, 4u);
  EXPECT_EQ(tensor->offset, 1u);
  EXPECT_EQ(tensor->sizes, (std::vector<uint64_t>{2, 3}));
  EXPECT_EQ(tensor->strides, (std::vector<uint64_t>{12, 2}));
  EXPECT_TRUE(tensor->requires_grad);
  EXPECT_TRUE(tensor->negative);
  EXPECT_FALSE(tensor->conjugate);
  EXPECT_FALSE(tensor->IsContiguous());
  EXPECT_EQ(tensor->ElementCount(), 6u);
  EXPECT_EQ(tensor->buffer, 0u);
  EXPECT_TRUE(make.Read(make.Tensor(storage, {0, 4, 6, 6, 1}))->IsContiguous());
}

TEST(TensorReader, ReadsParametersArraysAndQuantizedTensors) {
  Maker make;
  const uint32_t tensor = make.Tensor(make.Storage(6), {0, 6, 1});
  const auto parameter = make.Read(make.Node(v1::NODE_KIND_PARAMETER, {tensor, 1, kAbsent}));
  ASSERT_TRUE(parameter.ok()) << parameter.status();
  EXPECT_TRUE(parameter->requires_grad);
  const uint32_t dtype = make.Node(v1::NODE_KIND_DTYPE, {make.String("<f8")});
  const uint32_t array =
      make.Node(v1::NODE_KIND_NDARRAY, {dtype, make.Buffer(48), 1, 2, make.Ints({2, 3})});
  const auto fortran = make.Read(array);
  ASSERT_TRUE(fortran.ok()) << fortran.status();
  EXPECT_EQ(fortran->dtype, "<f8");
  EXPECT_EQ(fortran->strides, (std::vector<uint64_t>{1, 2}));
  const uint32_t bytes =
      make.Node(v1::NODE_KIND_STORAGE, {make.String("qint8"), make.Buffer(4), make.Ints({4})});
  make.graph().add_floats(0.5);
  const uint32_t quantized =
      make.Node(v1::NODE_KIND_QUANTIZED_TENSOR,
                {bytes, make.String("qint8"), 1, make.Ints({0, 4, 1}), 0, make.Ints({0})});
  EXPECT_EQ(make.Read(quantized)->dtype, "qint8");
  const uint32_t meta =
      make.Node(v1::NODE_KIND_STORAGE, {make.String("float32"), kAbsent, make.Ints({4})});
  EXPECT_FALSE(make.Read(make.Tensor(meta, {0, 4, 1}))->buffer.has_value());
}

TEST(TensorReader, RefusesWhatLeavesItsStorage) {
  Maker make;
  const uint32_t storage = make.Storage(24);
  constexpr int64_t kHuge = int64_t{1} << 62;
  for (const std::vector<int64_t>& layout : std::vector<std::vector<int64_t>>{
           {0, 25, 1},
           {24, 1, 1},
           {0, 2, 24},
           {0, 2, kHuge},
           {0, kHuge, 0},
           {25, 0, 1},
           {0, -1, 1},
           {0, 2, -1},
           {-1, 1, 1},
           {0, int64_t{1} << 33, int64_t{1} << 33, int64_t{1} << 31, int64_t{1} << 31}}) {
    EXPECT_EQ(make.Read(make.Tensor(storage, layout)).status().code(), absl::StatusCode::kDataLoss)
        << testing::PrintToString(layout);
  }
  EXPECT_TRUE(make.Read(make.Tensor(storage, {24, 0, 1})).ok());
  EXPECT_TRUE(make.Read(make.Tensor(storage, {23, 1, 1})).ok());
}

TEST(TensorReader, RefusesAStorageThatLies) {
  Maker make;
  for (const int64_t count : {5, 7, -1, 0}) {
    const uint32_t storage = make.Node(
        v1::NODE_KIND_STORAGE, {make.String("float32"), make.Buffer(24), make.Ints({count})});
    EXPECT_FALSE(make.Read(make.Tensor(storage, {0, 0, 1})).ok()) << count;
  }
  const uint32_t odd =
      make.Node(v1::NODE_KIND_STORAGE, {make.String("quint4x2"), make.Buffer(24), make.Ints({24})});
  EXPECT_FALSE(make.Read(make.Tensor(odd, {0, 1, 1})).ok());
  EXPECT_FALSE(make.Read(make.Tensor(kAbsent, {0, 1, 1})).ok());
}

TEST(TensorReader, NamesTheTensorsOfADict) {
  Maker make;
  const uint32_t tensor = make.Tensor(make.Storage(6), {0, 6, 1});
  const uint32_t none = make.Node(v1::NODE_KIND_NONE);
  const uint32_t a = make.String("a");
  const uint32_t b = make.String("b");
  const std::vector<std::pair<std::string, uint32_t>> expected = {{"a", tensor}};
  make.graph().set_root(make.Node(v1::NODE_KIND_DICT_STR, {a, b, tensor, none}));
  EXPECT_EQ(TensorReader(make.graph()).Named(), expected);
  const uint32_t key = make.Node(v1::NODE_KIND_STR, {a});
  make.graph().set_root(make.Node(v1::NODE_KIND_STATE_DICT, {none, key, tensor, none, tensor}));
  EXPECT_EQ(TensorReader(make.graph()).Named(), expected);
  make.graph().set_root(tensor);
  EXPECT_TRUE(TensorReader(make.graph()).Named().empty());
}

// Whatever stands in the columns: no index is used unchecked.
TEST(TensorReader, SurvivesRandomGraphs) {
  std::mt19937 random(1);
  for (int round = 0; round < 4000; ++round) {
    Maker make;
    const auto any = [&random] {
      return random() % 4 == 0 ? static_cast<uint32_t>(random())
                               : static_cast<uint32_t>(random() % 8);
    };
    make.String(random() % 2 == 0 ? "float32" : "<f4");
    make.Ints({0, 1, 2, static_cast<int64_t>(random()), -1, 3, 1, 0});
    make.Buffer(random() % 16);
    for (int i = 0; i < 8; ++i) {
      std::vector<uint32_t> operands(random() % 8);
      std::generate(operands.begin(), operands.end(), any);
      make.Node(static_cast<v1::NodeKind>(48 + random() % 28), operands);
    }
    if (random() % 8 == 0) make.graph().mutable_operands()->Truncate(3);
    if (random() % 8 == 0) make.graph().add_operand_counts(0xFFFFFFFF);
    make.graph().set_root(any());
    const TensorReader reader(make.graph());
    for (uint32_t node = 0; node < 10; ++node) {
      const auto tensor = reader.Read(node);
      if (!tensor.ok() || !tensor->buffer.has_value()) continue;
      EXPECT_LT(*tensor->buffer, 1u);
      EXPECT_LE(tensor->ElementCount() == 0 ? 0 : tensor->item_size, 16u);
    }
    for (const auto& [name, node] : reader.Named()) EXPECT_FALSE(name.empty());
  }
}

}  // namespace
}  // namespace loadlock::client
