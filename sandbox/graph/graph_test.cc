#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "loadlock/v1/graph.pb.h"
#include "loadlock/v1/worker.pb.h"
#include "sandbox/graph/builder.h"
#include "sandbox/graph/decoded_file.h"
#include "sandbox/graph/key.h"
#include "sandbox/graph/string_pool.h"

namespace loadlock::graph {
namespace {

class GraphTest : public ::testing::Test {
 protected:
  v1::Graph Encode(NodeId root) {
    Encoded encoded;
    const std::optional<Refusal> refusal = b_.Encode(root, &encoded);
    EXPECT_FALSE(refusal.has_value()) << refusal->message;
    v1::Graph graph;
    EXPECT_TRUE(graph.ParseFromString(encoded.graph));
    EXPECT_TRUE(provenance_.ParseFromString(encoded.provenance));
    EXPECT_EQ(static_cast<uint32_t>(graph.kinds_size()), encoded.nodes);
    EXPECT_EQ(graph.kinds_size(), graph.operand_counts_size());
    EXPECT_EQ(graph.kinds_size(), provenance_.node_offsets_size());
    EXPECT_EQ(graph.kinds_size(), provenance_.node_opcodes_size());
    return graph;
  }
  std::string Rule(NodeId root) {
    Encoded encoded;
    const std::optional<Refusal> refusal = b_.Encode(root, &encoded);
    return refusal.has_value() ? refusal->rule_id : "";
  }
  NodeId Words(int count, int distinct) {
    const NodeId dict = b_.Dict();
    for (int i = 0; i < count; ++i) {
      const NodeId pair[] = {b_.Str(b_.Keep(absl::StrCat("word", i % distinct))), b_.Int(i)};
      b_.Extend(dict, pair);
    }
    return dict;
  }

  bytes::Budget budget_{bytes::BudgetLimits{.max_depth = 50}};
  Builder b_{&budget_};
  v1::Provenance provenance_;
};

TEST_F(GraphTest, PacksOnlyWhatIsAllOfOneKind) {
  const NodeId ints[] = {b_.Int(1), b_.Int(-2)};
  EXPECT_EQ(Encode(b_.Tuple(ints)).kinds(0), v1::NODE_KIND_TUPLE_INT);
  const NodeId floats[] = {b_.Float(1)};
  EXPECT_EQ(Encode(b_.Tuple(floats)).kinds(0), v1::NODE_KIND_TUPLE_FLOAT);
  const NodeId strs[] = {b_.Str("a"), b_.Str("b")};
  const v1::Graph packed = Encode(b_.Tuple(strs));
  EXPECT_EQ(packed.kinds(0), v1::NODE_KIND_TUPLE_STR);
  EXPECT_EQ(packed.strings(1), "b");
  const NodeId bools[] = {b_.Int(1), b_.Bool(true)};
  const v1::Graph mixed = Encode(b_.Tuple(bools));
  EXPECT_EQ(mixed.kinds(static_cast<int>(mixed.root())), v1::NODE_KIND_TUPLE);
  const NodeId numbers[] = {b_.Int(1), b_.Float(1)};
  const v1::Graph two = Encode(b_.Tuple(numbers));
  EXPECT_EQ(two.kinds(static_cast<int>(two.root())), v1::NODE_KIND_TUPLE);
}

TEST_F(GraphTest, PacksAVocabularyIntoOneNode) {
  const v1::Graph graph = Encode(Words(1000, 1000));
  ASSERT_EQ(graph.kinds_size(), 1);
  EXPECT_EQ(graph.kinds(0), v1::NODE_KIND_DICT_STR_INT);
  EXPECT_EQ(graph.operands(2), 1000U);
  EXPECT_EQ(graph.strings(999), "word999");
  EXPECT_EQ(graph.ints(999), 999);
}

TEST_F(GraphTest, SmallDictsShareTheirKeys) {
  std::vector<NodeId> dicts;
  for (int i = 0; i < 3; ++i) {
    const NodeId dict = b_.Dict();
    const NodeId items[] = {b_.Str("alpha"), b_.Int(i), b_.Str("beta"), b_.None()};
    b_.Extend(dict, items);
    dicts.push_back(dict);
  }
  const v1::Graph graph = Encode(b_.Tuple(dicts));
  EXPECT_EQ(graph.strings_size(), 2);
}

TEST_F(GraphTest, EqualKeysAreRefusedPackedOrNot) {
  EXPECT_EQ(Rule(Words(1000, 999)), "MALFORMED");
  EXPECT_EQ(Rule(Words(3, 2)), "MALFORMED");
  EXPECT_EQ(Rule(Words(3, 3)), "");
}

TEST_F(GraphTest, KeysThatPythonFindsEqualHaveOneForm) {
  const auto form = [this](NodeId node) {
    std::string out;
    return AppendKey(b_, node, &out) ? out : "none";
  };
  EXPECT_EQ(form(b_.Int(1)), form(b_.Bool(true)));
  EXPECT_EQ(form(b_.Int(1)), form(b_.Float(1.0)));
  EXPECT_EQ(form(b_.Float(0.0)), form(b_.Float(-0.0)));
  EXPECT_NE(form(b_.Float(1.5)), form(b_.Int(1)));
  EXPECT_NE(form(b_.Str("1")), form(b_.Int(1)));
  const uint8_t one[] = {1, 0, 0, 0, 0, 0, 0, 0};
  EXPECT_EQ(form(b_.Scalar(b_.Dtype("<i8"), one)), form(b_.Int(1)));
  const uint8_t one_big[] = {0, 0, 0, 1};
  EXPECT_EQ(form(b_.Scalar(b_.Dtype(">u4"), one_big)), form(b_.Int(1)));
  const uint8_t text[] = {'a', 0, 0, 0, 0, 0, 0, 0};
  EXPECT_EQ(form(b_.Scalar(b_.Dtype("<U2"), text)), form(b_.Str("a")));
  // A NaN equals itself alone.
  const NodeId nan = b_.Float(std::numeric_limits<double>::quiet_NaN());
  EXPECT_EQ(form(nan), form(nan));
  EXPECT_NE(form(nan), form(b_.Float(std::numeric_limits<double>::quiet_NaN())));
  EXPECT_EQ(form(b_.List()), "none");
}

TEST_F(GraphTest, OnlyWhatTheRootReachesIsEncoded) {
  b_.Global("os", "system");
  const NodeId list = b_.List();
  b_.Extend(list, std::vector<NodeId>{b_.None()});
  const v1::Graph graph = Encode(list);
  EXPECT_EQ(graph.kinds_size(), 2);
  EXPECT_EQ(graph.globals_size(), 0);
  EXPECT_EQ(b_.globals().size(), 1U);
}

TEST_F(GraphTest, ChildrenComeFirstAndCyclesClose) {
  b_.SetOrigin(300, ']');
  const NodeId list = b_.List();
  b_.SetOrigin(301, ')');
  const NodeId items[] = {b_.Tuple(std::vector<NodeId>{list}), b_.None()};
  b_.Extend(list, items);
  const v1::Graph graph = Encode(list);
  ASSERT_EQ(graph.kinds_size(), 3);
  EXPECT_EQ(graph.kinds(0), v1::NODE_KIND_TUPLE);
  EXPECT_EQ(graph.kinds(1), v1::NODE_KIND_NONE);
  EXPECT_EQ(graph.root(), 2U);
  EXPECT_EQ(graph.operands(0), 2U) << "the tuple holds the list, which comes later";
  EXPECT_EQ(provenance_.node_offsets(2), 300U);
  EXPECT_EQ(provenance_.node_opcodes(2), static_cast<uint32_t>(']'));
}

TEST_F(GraphTest, DepthIsTheLongestPathAlsoWhereItIsShared) {
  NodeId node = b_.None();
  std::vector<NodeId> levels;
  for (int i = 0; i < 49; ++i) {
    node = b_.Tuple(std::vector<NodeId>{node});
    levels.push_back(node);
  }
  EXPECT_EQ(Rule(node), "");
  // Visited first from the bottom up: no walk is deep, but the path is.
  EXPECT_EQ(Rule(b_.Tuple(levels)), "");
  levels.push_back(b_.Tuple(std::vector<NodeId>{node}));
  EXPECT_EQ(Rule(b_.Tuple(levels)), "BUDGET_DEPTH");
}

TEST_F(GraphTest, PendingValuesAreRefused) {
  const NodeId pending = b_.Pending(1, {});
  EXPECT_EQ(Rule(b_.Tuple(std::vector<NodeId>{pending})), "STATE_RULE");
  EXPECT_EQ(Rule(b_.Tuple({})), "") << "one that is not reached does not matter";
}

TEST_F(GraphTest, BigIntsLoseTheirSignBytesOnly) {
  const uint8_t ten[] = {0, 0, 0, 0, 0, 0, 0, 0x80, 0, 0};
  const v1::Graph big = Encode(b_.IntFromBytes(ten));
  ASSERT_EQ(big.kinds(0), v1::NODE_KIND_BIG_INT);
  EXPECT_EQ(big.blobs(0).size(), 9U);
  const uint8_t minus_one[] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
  EXPECT_EQ(Encode(b_.IntFromBytes(minus_one)).ints(0), -1);
  EXPECT_EQ(Encode(b_.IntFromBytes({})).ints(0), 0);
}

TEST(Budgets, NodesAndHeapAreBounded) {
  bytes::Budget budget({.max_nodes = 10});
  Builder builder(&budget);
  for (int i = 0; i < 20; ++i) builder.List();
  EXPECT_TRUE(builder.exhausted());
  EXPECT_LE(builder.size(), 15U);

  bytes::Budget heap({.max_heap_bytes = 1000});
  Builder small(&heap);
  const NodeId list = small.List();
  const std::vector<NodeId> items(100, small.None());
  for (int i = 0; i < 10; ++i) small.Extend(list, items);
  EXPECT_TRUE(small.exhausted());
  EXPECT_STREQ(heap.exhausted_rule(), "BUDGET_HEAP");
}

TEST(StringPool, FindsByContent) {
  StringPool pool;
  const std::string copy = "same";
  EXPECT_EQ(pool.Intern("same"), pool.Intern(copy));
  for (int i = 0; i < 5000; ++i) pool.Intern("x");
  std::vector<std::string> texts;
  texts.reserve(2000);
  for (int i = 0; i < 2000; ++i) texts.push_back(std::to_string(i));
  std::vector<uint32_t> first;
  first.reserve(texts.size());
  for (const std::string& text : texts) first.push_back(pool.Intern(text));
  for (size_t i = 0; i < texts.size(); ++i) EXPECT_EQ(pool.Intern(texts[i]), first[i]);
  EXPECT_EQ(pool.strings().size(), 2002U);
}

TEST(DistinctCheck, TellsRepeatedTextsEvenEmptyOnes) {
  const std::string another_a = "a";
  const std::vector<std::string_view> texts = {"a", "", std::string_view(), another_a, "b"};
  DistinctCheck check;
  check.Begin(texts.size());
  EXPECT_TRUE(check.Add(texts, 0));
  EXPECT_TRUE(check.Add(texts, 1));
  EXPECT_FALSE(check.Add(texts, 2));
  EXPECT_FALSE(check.Add(texts, 3));
  EXPECT_TRUE(check.Add(texts, 4));
  check.Begin(1);
  EXPECT_TRUE(check.Add(texts, 3));
}

TEST(DistinctCheck, TakesAsManyAsItWasBegunFor) {
  std::vector<std::string> made;
  made.reserve(5000);
  for (int i = 0; i < 5000; ++i) made.push_back(std::to_string(i));
  const std::vector<std::string_view> texts(made.begin(), made.end());
  DistinctCheck check;
  for (const uint32_t count : {0U, 1U, 2U, 3U, 1365U, 5000U}) {
    check.Begin(count);
    for (uint32_t i = 0; i < count; ++i) EXPECT_TRUE(check.Add(texts, i));
    EXPECT_EQ(count > 0 && check.Add(texts, count - 1), false);
  }
}

TEST(Quote, ShowsNothingThatATerminalWouldObey) {
  EXPECT_EQ(Quote("a\x1B[31m\n\\\xFF"), "a\\x1b[31m\\x0a\\x5c\\xff");
  EXPECT_EQ(Quote("abcdef", 3), "abc...");
}

class DecodedFileTest : public ::testing::Test {
 protected:
  ~DecodedFileTest() override { close(fd_); }
  int fd_ = memfd_create("decoded", MFD_CLOEXEC);
  bytes::Budget budget_{bytes::BudgetLimits{.max_decoded_bytes = 10000}};
};

TEST_F(DecodedFileTest, AppendsAlignsAndMaps) {
  DecodedFile file(fd_, &budget_);
  EXPECT_TRUE(file.Map().empty());
  const std::vector<uint8_t> data = {1, 2, 3};
  ASSERT_TRUE(file.Append(data));
  const absl::Span<const uint8_t> first = file.Map();
  ASSERT_TRUE(file.Align(64));
  ASSERT_TRUE(file.Append(data));
  EXPECT_EQ(file.size(), 67U);
  const absl::Span<const uint8_t> second = file.Map();
  ASSERT_EQ(second.size(), 67U);
  EXPECT_EQ(second[64], 1);
  EXPECT_EQ(first.size(), 3U);
  EXPECT_EQ(first[2], 3) << "an earlier view stays";
}

TEST_F(DecodedFileTest, StopsAtTheBudgetAndReportsTheKernel) {
  DecodedFile file(fd_, &budget_);
  EXPECT_FALSE(file.Append(std::vector<uint8_t>(10001)));
  EXPECT_STREQ(budget_.exhausted_rule(), "BUDGET_DECODED");
  EXPECT_EQ(file.size(), 0U);
  const int read_only = open("/dev/null", O_RDONLY | O_CLOEXEC);
  DecodedFile broken(read_only, &budget_);
  EXPECT_FALSE(broken.Append(std::vector<uint8_t>(1)));
  EXPECT_EQ(broken.error(), EBADF);
  close(read_only);
}

TEST_F(GraphTest, TensorsShareTheirStorage) {
  const uint32_t buffer = b_.AddBuffer({v1::BUFFER_SOURCE_ARTIFACT, 64, {}, 16});
  const NodeId storage =
      b_.Storage({.type = "float32", .buffer = buffer, .elements = 4, .item_size = 4});
  TensorInfo info;
  info.parts[0] = storage;
  info.part_count = 1;
  info.type = "float32";
  info.rank = 1;
  info.flags = TensorInfo::kRequiresGrad;
  const NodeId tensors[] = {b_.Tensor(Kind::kTensor, info, {0, 4, 1}),
                            b_.Tensor(Kind::kTensor, info, {2, 2, 1})};
  const v1::Graph graph = Encode(b_.Tuple(tensors));
  ASSERT_EQ(graph.kinds_size(), 4);
  EXPECT_EQ(graph.kinds(0), v1::NODE_KIND_STORAGE);
  EXPECT_EQ(graph.operands(1), 0U);
  EXPECT_EQ(graph.ints(static_cast<int>(graph.operands(2))), 4);
  // storage, dtype, flags, rank, geometry
  EXPECT_EQ(graph.kinds(2), v1::NODE_KIND_TENSOR);
  const int second = 8;
  EXPECT_EQ(graph.operands(second), 0U);
  EXPECT_EQ(graph.operands(second + 2), 1U);
  EXPECT_EQ(graph.operands(second + 3), 1U);
  EXPECT_EQ(graph.ints(static_cast<int>(graph.operands(second + 4))), 2);
  EXPECT_EQ(graph.buffer_offsets(0), 64U);
}

TEST_F(GraphTest, ParametersCostNoNodeMoreThanTheirTensor) {
  const NodeId storage = b_.Storage({.type = "int8"});
  TensorInfo info;
  info.parts[0] = storage;
  info.part_count = 1;
  info.type = "int8";
  const NodeId tensor = b_.Tensor(Kind::kTensor, info, {0});
  const v1::Graph graph = Encode(b_.Parameter(tensor, true, kNoNode));
  ASSERT_EQ(graph.kinds_size(), 3);
  EXPECT_EQ(graph.operands(1), 0xFFFFFFFFU);  // on the meta device
  EXPECT_EQ(graph.operands(9), 1U);
  EXPECT_EQ(graph.operands(10), 0xFFFFFFFFU);
}

TEST_F(GraphTest, StateDictsKeepTheirKeysApart) {
  const NodeId dict = b_.OrderedDict();
  b_.Extend(dict, {b_.Str("w"), b_.Int(1)});
  b_.SetMetadata(dict, b_.OrderedDict());
  const v1::Graph graph = Encode(dict);
  const int root = static_cast<int>(graph.root());
  EXPECT_EQ(graph.kinds(root), v1::NODE_KIND_STATE_DICT);
  EXPECT_EQ(graph.operand_counts(root), 3U);
  const NodeId twice = b_.OrderedDict();
  b_.Extend(twice, {b_.Str("w"), b_.Int(1), b_.Str("w"), b_.Int(2)});
  b_.SetMetadata(twice, b_.OrderedDict());
  EXPECT_EQ(Rule(twice), "MALFORMED");
}

}  // namespace
}  // namespace loadlock::graph
