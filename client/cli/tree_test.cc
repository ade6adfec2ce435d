#include "client/cli/tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace loadlock::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

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
  uint32_t Str(const std::string& text) { return Node(v1::NODE_KIND_STR, {String(text)}); }
  uint32_t Int(int64_t value) {
    graph_.add_ints(value);
    return Node(v1::NODE_KIND_INT, {static_cast<uint32_t>(graph_.ints_size() - 1)});
  }
  uint32_t Global(const std::string& module, const std::string& name) {
    v1::Global* global = graph_.add_globals();
    global->set_module(module);
    global->set_name(name);
    return Node(v1::NODE_KIND_GLOBAL, {static_cast<uint32_t>(graph_.globals_size() - 1)});
  }
  std::string Render(uint32_t root, const TreeLimits& limits = {}) {
    graph_.set_root(root);
    return RenderTree(graph_, limits, Style(false));
  }
  v1::Graph& graph() { return graph_; }

 private:
  v1::Graph graph_;
};

constexpr uint32_t kAbsent = 0xFFFFFFFF;

TEST(Tree, FloatsAreToldFromInts) {
  Maker make;
  make.graph().add_floats(1.0);
  make.graph().add_floats(-2e30);
  make.graph().add_floats(0.5);
  EXPECT_EQ(make.Render(make.Node(v1::NODE_KIND_FLOAT, {0})), "1.0\n");
  EXPECT_EQ(make.Render(make.Node(v1::NODE_KIND_FLOAT, {1})), "-2e+30\n");
  EXPECT_EQ(make.Render(make.Node(v1::NODE_KIND_FLOAT, {2})), "0.5\n");
  EXPECT_EQ(make.Render(make.Int(1)), "1\n");
}

TEST(RenderTree, ShowsAnObjectWithItsAttributes) {
  Maker make;
  make.graph().add_buffer_lengths(96);
  const uint32_t dtype = make.Node(v1::NODE_KIND_DTYPE, {make.String("<f8")});
  make.graph().add_ints(3);
  make.graph().add_ints(4);
  const uint32_t array = make.Node(v1::NODE_KIND_NDARRAY, {dtype, 0, 1, 2, 0});
  const uint32_t penalty = make.Str("l2");
  const uint32_t state = make.Node(v1::NODE_KIND_DICT_STR,
                                   {make.String("coef_"), make.String("penalty"), array, penalty});
  const uint32_t object =
      make.Node(v1::NODE_KIND_OBJECT, {make.Global("sklearn.linear_model", "LogisticRegression"),
                                       make.Node(v1::NODE_KIND_TUPLE), state, kAbsent, kAbsent});
  EXPECT_EQ(make.Render(object),
            "sklearn.linear_model.LogisticRegression\n"
            "  coef_: array (3, 4) <f8, 96 B, Fortran order\n"
            "  penalty: \"l2\"\n");
}

TEST(RenderTree, ShowsContainersAndPackedRuns) {
  Maker make;
  for (int i = 0; i < 6; ++i) make.graph().add_ints(i);
  const uint32_t packed = make.Node(v1::NODE_KIND_LIST_INT, {0, 6});
  make.String("a");
  make.String("b");
  const uint32_t words = make.Node(v1::NODE_KIND_DICT_STR_INT, {0, 0, 2});
  const uint32_t dict = make.Node(v1::NODE_KIND_DICT, {make.Int(7), packed, make.Str("k"), words});
  const uint32_t list = make.Node(v1::NODE_KIND_LIST, {dict, make.Node(v1::NODE_KIND_NONE)});
  EXPECT_EQ(make.Render(list),
            "list of 2\n"
            "  [0]: dict of 2\n"
            "    7: list [0, 1, 2, 3, ... 2 more]\n"
            "    \"k\": dict {\"a\": 0, \"b\": 1}\n"
            "  [1]: None\n");
}

TEST(RenderTree, ShowsTensors) {
  Maker make;
  v1::Graph& graph = make.graph();
  graph.add_buffer_lengths(96);
  const auto ints = [&graph](const std::vector<int64_t>& values) {
    const auto first = static_cast<uint32_t>(graph.ints_size());
    for (const int64_t value : values) graph.add_ints(value);
    return first;
  };
  const uint32_t f4 = make.String("float32");
  const uint32_t storage = make.Node(v1::NODE_KIND_STORAGE, {f4, 0, ints({24})});
  const auto tensor = [&](const std::vector<int64_t>& layout, uint32_t flags) {
    return make.Node(v1::NODE_KIND_TENSOR,
                     {storage, f4, flags, static_cast<uint32_t>(layout.size() / 2), ints(layout)});
  };
  const uint32_t whole = tensor({0, 4, 6, 6, 1}, 0);
  const uint32_t view = tensor({1, 3, 2}, 1);
  const uint32_t state = make.Node(v1::NODE_KIND_DICT_STR, {make.String("axis"), make.Int(1)});
  const uint32_t parameter = make.Node(v1::NODE_KIND_PARAMETER, {whole, 1, state});
  const uint32_t sparse = make.Node(v1::NODE_KIND_SPARSE_TENSOR,
                                    {make.String("sparse_coo"), 8, 2, ints({3, 3}), view, view});
  const uint32_t bytes = make.Node(v1::NODE_KIND_STORAGE, {make.String("qint8"), 0, ints({96})});
  graph.add_floats(0.25);
  const uint32_t quantized =
      make.Node(v1::NODE_KIND_QUANTIZED_TENSOR,
                {bytes, make.String("qint8"), 1, ints({0, 96, 1}), 0, ints({-3})});
  const uint32_t size = make.Node(v1::NODE_KIND_TORCH_SIZE, {ints({2, 3}), 2});
  const uint32_t device = make.Node(v1::NODE_KIND_TORCH_DEVICE, {make.String("cuda"), 1});
  const uint32_t leaving = tensor({20, 5, 1}, 0);
  const uint32_t metadata = make.Node(v1::NODE_KIND_DICT);
  const uint32_t named = make.Node(v1::NODE_KIND_STATE_DICT, {metadata, make.Str("w"), whole});
  const uint32_t list = make.Node(v1::NODE_KIND_LIST, {view, parameter, sparse, quantized, size,
                                                       device, leaving, storage, named});
  EXPECT_EQ(make.Render(list),
            "list of 9\n"
            "  [0]: tensor (3,) float32, strides (2,), from element 1, requires grad\n"
            "  [1]: parameter (4, 6) float32, requires grad\n"
            "    axis: 1\n"
            "  [2]: tensor (3, 3) sparse_coo, coalesced\n"
            "    indices: tensor (3,) float32, strides (2,), from element 1, requires grad\n"
            "    values: tensor (3,) float32, strides (2,), from element 1, requires grad\n"
            "  [3]: tensor (96,) qint8, scale 0.25, zero point -3\n"
            "  [4]: size (2, 3)\n"
            "  [5]: device cuda:1\n"
            "  [6]: tensor (broken)\n"
            "  [7]: storage of 24 float32\n"
            "  [8]: state dict of 1\n"
            "    \"w\": tensor (4, 6) float32\n");
}

TEST(RenderTree, CountsWhatItLeavesOut) {
  Maker make;
  std::vector<uint32_t> entries(10);
  std::generate(entries.begin(), entries.end(), [&make, i = 0]() mutable { return make.Int(i++); });
  uint32_t node = make.Node(v1::NODE_KIND_LIST, entries);
  EXPECT_THAT(make.Render(node, {.depth = 6, .width = 4, .lines = 100}),
              HasSubstr("  [3]: 3\n  ... 6 more\n"));
  for (int i = 0; i < 5; ++i) node = make.Node(v1::NODE_KIND_TUPLE, {node});
  const std::string cut = make.Render(node, {.depth = 2, .width = 4, .lines = 100});
  EXPECT_EQ(cut,
            "tuple of 1\n"
            "  [0]: tuple of 1\n"
            "    [0]: tuple of 1  ... 1 more below\n");
  EXPECT_THAT(make.Render(node, {.depth = 9, .width = 4, .lines = 3}),
              HasSubstr("... cut after 3 lines\n"));
}

TEST(RenderTree, ShowsSharedAndCyclicContainersOnce) {
  Maker make;
  const uint32_t list = make.Node(v1::NODE_KIND_LIST, {0, 0});  // Twice itself.
  EXPECT_EQ(make.Render(list),
            "list of 2\n"
            "  [0]: list of 2  (shown above)\n"
            "  [1]: list of 2  (shown above)\n");
}

TEST(RenderTree, ADeepChainNeedsNoStack) {
  Maker make;
  uint32_t node = make.Node(v1::NODE_KIND_NONE);
  for (int i = 0; i < 200000; ++i) node = make.Node(v1::NODE_KIND_LIST, {node});
  EXPECT_THAT(make.Render(node, {.depth = 1000000, .width = 1, .lines = 1000}),
              HasSubstr("cut after 1000 lines"));
}

TEST(RenderTree, EscapesText) {
  Maker make;
  const std::string hostile = "\x1b[31m\n\u202e";
  const uint32_t key = make.String(hostile);
  const uint32_t dict = make.Node(v1::NODE_KIND_DICT_STR, {key, make.Str(hostile)});
  const std::string shown =
      make.Render(make.Node(v1::NODE_KIND_LIST, {dict, make.Global(hostile, hostile)}));
  EXPECT_THAT(shown, Not(HasSubstr("\x1b")));
  EXPECT_THAT(shown, Not(HasSubstr("\u202e")));
  EXPECT_EQ(std::count(shown.begin(), shown.end(), '\n'), 4);
}

// Whatever stands in the columns: no index is used unchecked.
TEST(RenderTree, SurvivesRandomGraphs) {
  std::mt19937 random(1);
  for (int round = 0; round < 2000; ++round) {
    Maker make;
    const auto any = [&random] {
      return random() % 4 == 0 ? static_cast<uint32_t>(random()) : random() % 8;
    };
    for (int i = 0; i < 6; ++i) {
      std::vector<uint32_t> operands(random() % 7);
      std::generate(operands.begin(), operands.end(), any);
      make.Node(static_cast<v1::NodeKind>(random() % 76), operands);
    }
    make.String("s");
    make.graph().add_ints(static_cast<int64_t>(random()));
    make.graph().add_floats(0.5);
    make.graph().add_buffer_lengths(random());
    if (random() % 8 == 0) make.graph().mutable_operands()->Truncate(3);
    if (random() % 8 == 0) make.graph().add_operand_counts(0xFFFFFFFF);
    EXPECT_FALSE(make.Render(any()).empty());
  }
  EXPECT_FALSE(RenderTree(v1::Graph(), {}, Style(false)).empty());
}

}  // namespace
}  // namespace loadlock::cli
