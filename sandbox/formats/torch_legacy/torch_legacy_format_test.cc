#include "sandbox/formats/torch_legacy/torch_legacy_format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "loadlock/v1/graph.pb.h"
#include "sandbox/formats/testing.h"
#include "sandbox/formats/testing_torch.h"

namespace loadlock::formats {
namespace {

using std::string_literals::operator""s;
using testing::HasSubstr;
using namespace torch_testing;  // NOLINT(google-build-using-namespace): the words of the tests

constexpr int64_t kHuge = int64_t{1} << 62;

std::string RuleOf(const std::string& file) { return Parsed(ToBlob(file)).rule(); }

// An object over one storage of four floats.
std::string RuleOfObject(const std::string& object) { return RuleOf(LegacyFile(object, {{}})); }

const std::string& Floats() {
  static const std::string storage = LegacyStorage({});
  return storage;
}

v1::Graph GraphOf(const Parsed& parsed) {
  v1::Graph graph;
  EXPECT_TRUE(graph.ParseFromString(parsed.encoded().graph));
  return graph;
}

TEST(TorchLegacyTest, GivesATensorOverARangeOfTheFile) {
  const std::string file = LegacyFile(Tensor(Floats(), 1, {3}, {1}), {{}});
  const Blob blob = ToBlob(file);
  const Parsed parsed(blob);
  ASSERT_EQ(parsed.rule(), "") << parsed.message();
  EXPECT_EQ(parsed.format(), "torch-legacy");
  const v1::Graph graph = GraphOf(parsed);
  ASSERT_EQ(graph.kinds_size(), 2);
  EXPECT_EQ(graph.kinds(0), v1::NODE_KIND_STORAGE);
  EXPECT_EQ(graph.kinds(1), v1::NODE_KIND_TENSOR);
  EXPECT_EQ(graph.strings(0), "float32");
  EXPECT_EQ(graph.buffer_sources(0), v1::BUFFER_SOURCE_ARTIFACT);
  EXPECT_EQ(graph.buffer_offsets(0), file.size() - 16);
  EXPECT_EQ(graph.buffer_lengths(0), 16u);
  EXPECT_EQ(parsed.decoded().size(), 0u);
  EXPECT_TRUE(parsed.Names("torch._utils", "_rebuild_tensor_v2"));
  EXPECT_TRUE(parsed.Names("torch", "FloatStorage"));
}

TEST(TorchLegacyTest, StorageThatIsSharedIsOneNode) {
  const std::string two =
      "("s + Tensor(Floats(), 0, {2}, {1}) + Tensor(Floats(), 2, {2}, {1}) + "t";
  const Blob blob = ToBlob(LegacyFile(two, {{}}));
  const Parsed parsed(blob);
  ASSERT_EQ(parsed.rule(), "") << parsed.message();
  EXPECT_EQ(parsed.encoded().nodes, 4u);
}

// keys = ids, each once; a storage that is left out would be old heap.
TEST(TorchLegacyTest, EveryStorageHasItsDataOnce) {
  const TorchStorage other{.key = "1"};
  const std::string object = "("s + Floats() + LegacyStorage(other) + "t";
  EXPECT_EQ(RuleOf(LegacyFile(object, {{}, other})), "");
  EXPECT_EQ(RuleOf(LegacyFile(object, {other, {}})), "");
  EXPECT_EQ(RuleOf(LegacyFile(object, {{}})), "MALFORMED");
  EXPECT_EQ(RuleOf(LegacyFile(object, {})), "MALFORMED");
  EXPECT_EQ(RuleOf(LegacyFile(object, {{}, other, {}})), "MALFORMED");
  EXPECT_EQ(RuleOf(LegacyFile(Floats(), {{}, other})), "MALFORMED");
  TorchStorage changed;
  changed.elements = 3;
  EXPECT_EQ(RuleOf(LegacyFile(Floats(), {changed})), "ARRAY_BOUNDS");
  changed.elements = 4;
  changed.data = std::string(15, '\0');
  EXPECT_EQ(RuleOf(LegacyFile(Floats(), {changed})), "TRUNCATED");
  changed.data = std::string(17, '\0');
  EXPECT_EQ(RuleOf(LegacyFile(Floats(), {changed})), "TRAILING_DATA");
  TorchStorage doubles{.cls = "torch\nDoubleStorage"};
  EXPECT_EQ(RuleOf(LegacyFile("("s + Floats() + LegacyStorage(doubles) + "t", {{}})), "SCHEMA");
  TorchStorage empty{.elements = 0, .data = ""};
  TorchStorage empty_doubles = empty;
  empty_doubles.cls = doubles.cls;
  EXPECT_EQ(
      RuleOf(LegacyFile("("s + LegacyStorage(empty) + LegacyStorage(empty_doubles) + "t", {empty})),
      "");
}

TEST(TorchLegacyTest, ViewsOfStoragesAreRangesOfTheirs) {
  const auto view = [](const std::string& key, int64_t offset, int64_t size) {
    return LegacyStorage({}, "("s + Text(key) + Int(offset) + Int(size) + "t");
  };
  const std::string file = LegacyFile(Tensor(view("v", 1, 2), 0, {2}, {1}), {{}});
  const Blob blob = ToBlob(file);
  const Parsed parsed(blob);
  ASSERT_EQ(parsed.rule(), "") << parsed.message();
  const v1::Graph graph = GraphOf(parsed);
  EXPECT_EQ(graph.buffer_offsets(0), file.size() - 16 + 4);
  EXPECT_EQ(graph.buffer_lengths(0), 8u);
  EXPECT_EQ(RuleOfObject(Tensor(view("v", 1, 2), 0, {3}, {1})), "ARRAY_BOUNDS");
  EXPECT_EQ(RuleOfObject(view("v", 1, 4)), "ARRAY_BOUNDS");
  EXPECT_EQ(RuleOfObject(view("v", -1, 2)), "SCHEMA");
  EXPECT_EQ(RuleOfObject(view("v", kHuge, kHuge)), "ARRAY_BOUNDS");
  EXPECT_EQ(RuleOfObject("("s + view("v", 1, 2) + view("v", 1, 2) + "t"), "");
  EXPECT_EQ(RuleOfObject("("s + view("v", 1, 2) + view("v", 1, 3) + "t"), "SCHEMA");
  EXPECT_EQ(RuleOfObject(view("0", 1, 2)), "SCHEMA");
  TorchStorage like_view{.key = "v"};
  EXPECT_EQ(
      RuleOf(LegacyFile("("s + view("v", 1, 2) + LegacyStorage(like_view) + "t", {{}, like_view})),
      "SCHEMA");
}

TEST(TorchLegacyTest, IdsOfStorages) {
  const auto rule = [](const std::string& id) { return RuleOfObject(id + "Q"); };
  EXPECT_EQ(rule("N"), "SCHEMA");
  EXPECT_EQ(rule(Text("storage")), "SCHEMA");
  EXPECT_EQ(rule("("s + Text("tensor") + Ints({1, 2, 3, 4, 5}).substr(1)), "SCHEMA");
  for (const char* cls : {"torch\nQUInt4x2Storage", "torch.storage\nTypedStorage",
                          "os\nFloatStorage", "torch.cuda\nFloatStorage", "torch\nfloat32"}) {
    EXPECT_EQ(RuleOf(LegacyFile(LegacyStorage({.cls = cls}), {{}})), "DTYPE") << cls;
  }
  EXPECT_EQ(RuleOf(LegacyFile(LegacyStorage({.elements = -1}), {{}})), "ARRAY_BOUNDS");
  EXPECT_EQ(RuleOf(LegacyFile(LegacyStorage({.elements = kHuge}), {{}})), "ARRAY_BOUNDS");
  EXPECT_EQ(RuleOf(LegacyFile(LegacyStorage({.location = "meta"}), {{}})), "SCHEMA");
  EXPECT_EQ(RuleOf(LegacyFile(LegacyStorage({.location = "CPU\n"}), {{}})), "SCHEMA");
  EXPECT_EQ(RuleOf(LegacyFile(LegacyStorage({.location = "cuda:3"}), {{}})), "");
  EXPECT_EQ(RuleOf(LegacyFile("P0\n", {})), "SCHEMA");
}

// Only the class's name is of any use; its source is never read.
TEST(TorchLegacyTest, ModulesAreNames) {
  const std::string linear = "ctorch.nn.modules.linear\nLinear\n";
  const std::string id = "("s + Text("module") + linear + Text("a.py") + Text("import os") + "tQ";
  const Blob blob = ToBlob(LegacyFile(id + ")\x81}b", {}));
  const Parsed parsed(blob);
  ASSERT_EQ(parsed.rule(), "") << parsed.message();
  const v1::Graph graph = GraphOf(parsed);
  EXPECT_EQ(graph.kinds(static_cast<int>(graph.root())), v1::NODE_KIND_OBJECT);
  EXPECT_THAT(parsed.encoded().graph, testing::Not(HasSubstr("import os")));
  EXPECT_EQ(RuleOf(LegacyFile("("s + Text("module") + Text("x") + "NNtQ", {})), "SCHEMA");
}

TEST(TorchLegacyTest, EveryPickleIsLookedAt) {
  const std::string data = LegacyData({});
  const std::string magic = LegacyHead().substr(0, 15);
  const std::string evil = Call("os", "system", Text("id"));
  EXPECT_EQ(RuleOf(LegacyHead() + Pickle("N") + data), "");
  EXPECT_EQ(RuleOf(magic + Pickle(Int(1002)) + Pickle("}N0") + Pickle("N") + data), "MALFORMED");
  EXPECT_EQ(RuleOf(magic + Pickle(evil + "0"s + Int(1001)) + Pickle("}") + Pickle("N") + data),
            "MALFORMED");
  EXPECT_EQ(RuleOf(magic + Pickle(Int(1001)) + Pickle("}"s + evil + "0") + Pickle("N") + data),
            "MALFORMED");
  EXPECT_EQ(RuleOf(magic + Pickle(Int(1001)) + Pickle("N") + Pickle("N") + data), "MALFORMED");
  EXPECT_EQ(RuleOf(LegacyHead() + Pickle("N") + Pickle(evil)), "MALFORMED");
  EXPECT_EQ(RuleOf(LegacyHead() + Pickle("N") + Pickle("}")), "MALFORMED");
  EXPECT_EQ(RuleOf(LegacyHead() + Pickle("N")), "TRUNCATED");
  EXPECT_EQ(RuleOf(LegacyHead() + Pickle("N") + data + "x"), "TRAILING_DATA");
  // An id in a pickle that may have none.
  EXPECT_EQ(RuleOf(LegacyHead() + Pickle("N") + Pickle(Floats())), "FORBIDDEN_OPCODE");
  const Blob blob = ToBlob(LegacyHead() + Pickle(evil) + data);
  const Parsed parsed(blob);
  EXPECT_TRUE(parsed.Names("os", "system"));
  // The number is computed by a call.
  EXPECT_NE(RuleOf(Pickle(evil) + LegacyHead().substr(15) + Pickle("N") + data), "");
}

TEST(TorchLegacyTest, FilesInBytesHoldOneStorage) {
  const auto load = [](const std::string& file) {
    return Call("torch.storage", "_load_from_bytes",
                "B"s +
                    std::string({static_cast<char>(file.size()),
                                 static_cast<char>(file.size() >> 8), '\0', '\0'}) +
                    file);
  };
  const std::string inner = LegacyFile(Floats(), {{}});
  const std::string whole = "\x80\x03"s + load(inner) + ".";
  const Blob blob = ToBlob(whole);
  const Parsed parsed(blob);
  ASSERT_EQ(parsed.rule(), "") << parsed.message();
  EXPECT_EQ(parsed.format(), "pickle");
  const v1::Graph graph = GraphOf(parsed);
  ASSERT_EQ(graph.kinds_size(), 1);
  EXPECT_EQ(graph.kinds(0), v1::NODE_KIND_STORAGE);
  EXPECT_EQ(graph.buffer_offsets(0), whole.find(inner) + inner.size() - 16);
  const auto rule = [&](const std::string& file) { return RuleOf("\x80\x03"s + load(file) + "."); };
  EXPECT_EQ(rule(LegacyFile("N", {})), "SCHEMA");
  EXPECT_EQ(rule(LegacyFile(Tensor(Floats(), 0, {2}, {1}), {{}})), "SCHEMA");
  EXPECT_EQ(rule(LegacyFile(load(inner), {})), "NESTED_PICKLE");
  EXPECT_EQ(rule(inner + "x"), "TRAILING_DATA");
  EXPECT_EQ(rule(Pickle("N")), "MALFORMED");
  EXPECT_EQ(rule("PK\3\4\n"), "FORBIDDEN_OPCODE");
  EXPECT_EQ(RuleOf("\x80\x03"s + Call("torch.storage", "_load_from_bytes", Text("x")) + "."),
            "SCHEMA");
  // One level inside of a torch file.
  EXPECT_EQ(RuleOf(LegacyFile(load(inner), {})), "");
}

}  // namespace
}  // namespace loadlock::formats
