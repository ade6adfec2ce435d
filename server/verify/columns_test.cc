// Output of a hostile worker: every rule of decoding broken once.
#include <gtest/gtest.h>

#include <functional>

#include "server/verify/testing/make.h"

namespace loadlock::verify::testing {
namespace {

using ::testing::TestWithParam;

// A dict with one of each: a list of ints, an array, a record, a scalar, an object.
NodeId MakeAll(Draft& draft) {
  return Dict({{"array", Zeros({2, 3})},
               {"list", List({Int(1), Str("a"), Float(1.5), None(), Bool(true)})},
               {"name", Obj("sklearn.preprocessing._label.LabelEncoder", {})},
               {"number", NumpyInt(3)},
               {"objects", Objects({1}, {Str("x")})}})(draft);
}

std::string Break(const std::function<void(v1::Graph&)>& change) {
  Draft draft;
  const NodeId root = MakeAll(draft);
  draft.graph().set_root(root);
  change(draft.graph());
  return Outcome(VerifyDraft(draft, draft.graph().root(), *Policies().Find("sklearn")));
}

int Find(const v1::Graph& graph, v1::NodeKind kind) {
  for (int i = 0; i < graph.kinds_size(); ++i) {
    if (graph.kinds(i) == kind) return i;
  }
  ADD_FAILURE() << "no " << v1::NodeKind_Name(kind);
  return 0;
}

// Place of a node's first operand.
int Operand(const v1::Graph& graph, v1::NodeKind kind) {
  int place = 0;
  for (int i = 0; i < Find(graph, kind); ++i) place += static_cast<int>(graph.operand_counts(i));
  return place;
}

void Set(v1::Graph& graph, v1::NodeKind kind, int operand, uint32_t value) {
  graph.set_operands(Operand(graph, kind) + operand, value);
}

TEST(Columns, AcceptsWhatIsSound) {
  EXPECT_EQ(Break([](v1::Graph&) {}), "ACCEPTED");
}

struct Breach {
  const char* what;
  const char* message;
  std::function<void(v1::Graph&)> change;
};
void PrintTo(const Breach& breach, std::ostream* out) { *out << breach.what; }

class Malformed : public TestWithParam<Breach> {};

TEST_P(Malformed, IsNeverAGraph) {
  const std::string outcome = Break(GetParam().change);
  EXPECT_TRUE(outcome.starts_with("MALFORMED: ")) << outcome;
  EXPECT_NE(outcome.find(GetParam().message), std::string::npos) << outcome;
}

INSTANTIATE_TEST_SUITE_P(
    Columns, Malformed,
    ::testing::Values(
        Breach{"no nodes", "no nodes", [](v1::Graph& g) { g.Clear(); }},
        Breach{"counts column short", "differ in length",
               [](v1::Graph& g) { g.mutable_operand_counts()->RemoveLast(); }},
        Breach{"operands left over", "do not sum up", [](v1::Graph& g) { g.add_operands(0); }},
        Breach{"operand counts overflow", "do not sum up",
               [](v1::Graph& g) { g.set_operand_counts(0, 0xFFFFFFFF); }},
        Breach{"root", "root is no node", [](v1::Graph& g) { g.set_root(1000000); }},
        Breach{"buffer columns", "buffer columns",
               [](v1::Graph& g) { g.mutable_buffer_lengths()->RemoveLast(); }},
        Breach{"buffer source", "known source",
               [](v1::Graph& g) { g.set_buffer_sources(0, v1::BUFFER_SOURCE_UNSPECIFIED); }},
        Breach{"buffer of the other source", "outside",
               [](v1::Graph& g) { g.set_buffer_sources(0, v1::BUFFER_SOURCE_ARTIFACT); }},
        Breach{"buffer offset", "outside",
               [](v1::Graph& g) { g.set_buffer_offsets(0, uint64_t{1} << 40U); }},
        Breach{"buffer offset plus length wraps", "outside",
               [](v1::Graph& g) { g.set_buffer_offsets(0, UINT64_MAX - 7); }},
        Breach{"buffer length", "outside",
               [](v1::Graph& g) { g.set_buffer_lengths(0, UINT64_MAX); }},
        Breach{"empty module", "name is empty",
               [](v1::Graph& g) { g.mutable_globals(0)->clear_module(); }},
        Breach{"long name", "longer than 512",
               [](v1::Graph& g) { g.mutable_globals(0)->set_name(std::string(513, 'a')); }},
        Breach{"long blob", "longer than 4 KiB",
               [](v1::Graph& g) { g.add_blobs(std::string(4097, 'a')); }},
        Breach{
            "unknown field", "unknown field",
            [](v1::Graph& g) { g.GetReflection()->MutableUnknownFields(&g)->AddVarint(1000, 1); }},
        Breach{"text is not UTF-8", "does not parse",
               [](v1::Graph& g) { g.mutable_strings(0)->assign("\xFF\xFE"); }},
        Breach{"text holds a surrogate", "does not parse",
               [](v1::Graph& g) { g.mutable_strings(0)->assign("\xED\xA0\x80"); }}));

INSTANTIATE_TEST_SUITE_P(Structure, Malformed,
                         ::testing::Values(Breach{"unspecified kind", "unknown kind",
                                                  [](v1::Graph& g) {
                                                    g.set_kinds(0, v1::NODE_KIND_UNSPECIFIED);
                                                  }},
                                           Breach{"unknown kind", "unknown kind",
                                                  [](v1::Graph& g) {
                                                    g.mutable_kinds()->Set(0, 999);
                                                  }},
                                           Breach{"kind with another operand count",
                                                  "number of operands",
                                                  [](v1::Graph& g) {
                                                    g.set_kinds(Find(g, v1::NODE_KIND_SCALAR),
                                                                v1::NODE_KIND_SLICE);
                                                  }},
                                           Breach{"node index", "operands",
                                                  [](v1::Graph& g) {
                                                    Set(g, v1::NODE_KIND_LIST, 0, 5000);
                                                  }},
                                           Breach{"absent where a node must be", "operands",
                                                  [](v1::Graph& g) {
                                                    Set(g, v1::NODE_KIND_LIST, 0, kAbsent);
                                                  }},
                                           Breach{"int index", "out of range",
                                                  [](v1::Graph& g) {
                                                    Set(g, v1::NODE_KIND_INT, 0, 5000);
                                                  }},
                                           Breach{"float index", "out of range",
                                                  [](v1::Graph& g) {
                                                    Set(g, v1::NODE_KIND_FLOAT, 0, 5000);
                                                  }},
                                           Breach{"string index", "out of range",
                                                  [](v1::Graph& g) {
                                                    Set(g, v1::NODE_KIND_STR, 0, 5000);
                                                  }},
                                           Breach{"blob index", "out of range",
                                                  [](v1::Graph& g) {
                                                    Set(g, v1::NODE_KIND_SCALAR, 1, 5000);
                                                  }},
                                           Breach{"global index", "out of range",
                                                  [](v1::Graph& g) {
                                                    Set(g, v1::NODE_KIND_GLOBAL, 0, 5000);
                                                  }},
                                           Breach{"buffer index", "operands",
                                                  [](v1::Graph& g) {
                                                    Set(g, v1::NODE_KIND_NDARRAY, 1, 5000);
                                                  }},
                                           Breach{"class that is no name", "callee",
                                                  [](v1::Graph& g) {
                                                    Set(g, v1::NODE_KIND_OBJECT, 0, 0);
                                                  }},
                                           Breach{"arguments that are no tuple", "arguments",
                                                  [](v1::Graph& g) {
                                                    Set(g, v1::NODE_KIND_OBJECT, 1, 0);
                                                  }},
                                           Breach{"list items that are no list", "list items",
                                                  [](v1::Graph& g) {
                                                    Set(g, v1::NODE_KIND_OBJECT, 3, 0);
                                                  }},
                                           Breach{"dict items that are no dict", "dict items",
                                                  [](v1::Graph& g) {
                                                    Set(g, v1::NODE_KIND_OBJECT, 4, 0);
                                                  }},
                                           Breach{"dtype that is none", "dtype",
                                                  [](v1::Graph& g) {
                                                    Set(g, v1::NODE_KIND_NDARRAY, 0,
                                                        static_cast<uint32_t>(
                                                            Find(g, v1::NODE_KIND_LIST)));
                                                  }},
                                           Breach{"order", "order",
                                                  [](v1::Graph& g) {
                                                    Set(g, v1::NODE_KIND_NDARRAY, 2, 2);
                                                  }},
                                           Breach{"rank", "rank",
                                                  [](v1::Graph& g) {
                                                    Set(g, v1::NODE_KIND_NDARRAY, 3, 33);
                                                  }},
                                           Breach{"dimensions beyond the pool", "operands",
                                                  [](v1::Graph& g) {
                                                    Set(g, v1::NODE_KIND_NDARRAY, 4, 0xFFFFFFFF);
                                                  }},
                                           Breach{"negative dimension",
                                                  "shape", [](v1::Graph& g) { g.set_ints(0, -2); }},
                                           Breach{"dimensions that overflow", "shape",
                                                  [](v1::Graph& g) { g.set_ints(0, INT64_MAX); }},
                                           Breach{"more elements than bytes",
                                                  "shape times item size",
                                                  [](v1::Graph& g) { g.set_ints(0, 3); }},
                                           Breach{
                                               "objects as dtype of bytes", "dtype",
                                               [](v1::Graph& g) { g.set_strings(0, "|O"); }},
                                           Breach{"typestr", "typestr",
                                                  [](v1::Graph& g) { g.set_strings(0, "f8"); }},
                                           Breach{"items without size", "elements without size",
                                                  [](v1::Graph& g) {
                                                    g.set_strings(0, "|V0");
                                                    g.set_buffer_lengths(0, 0);
                                                  }},
                                           Breach{"elements of an object array", "shape",
                                                  [](v1::Graph& g) {
                                                    Set(g, v1::NODE_KIND_OBJECT_NDARRAY, 2, 0);
                                                    g.set_ints(0, 9);
                                                    Set(g, v1::NODE_KIND_OBJECT_NDARRAY, 2, 1);
                                                    Set(g, v1::NODE_KIND_OBJECT_NDARRAY, 3, 1);
                                                  }},
                                           Breach{"scalar of another size", "length",
                                                  [](v1::Graph& g) {
                                                    g.mutable_blobs(0)->push_back('x');
                                                  }},
                                           Breach{"a node that nothing refers to",
                                                  "cannot be reached", [](v1::Graph& g) {
                                                    g.add_kinds(v1::NODE_KIND_NONE);
                                                    g.add_operand_counts(0);
                                                  }}));

NodeId Packed(Draft& draft, v1::NodeKind kind, std::vector<uint32_t> run) {
  draft.Ints({1, 2, 3});
  draft.Float(1.0);
  draft.String("a");
  draft.String("b");
  return draft.Node(kind, std::move(run));
}

TEST(Columns, PackedRunsStayInTheirPools) {
  struct Case {
    v1::NodeKind kind;
    std::vector<uint32_t> good;
    std::vector<uint32_t> bad;
  };
  const std::vector<Case> cases = {
      {v1::NODE_KIND_LIST_INT, {1, 2}, {1, 3}},
      {v1::NODE_KIND_TUPLE_INT, {3, 0}, {4, 0}},
      {v1::NODE_KIND_LIST_FLOAT, {0, 1}, {0, 2}},
      {v1::NODE_KIND_TUPLE_FLOAT, {0, 1}, {1, 0xFFFFFFFF}},
      {v1::NODE_KIND_LIST_STR, {0, 2}, {1, 2}},
      {v1::NODE_KIND_TUPLE_STR, {0, 2}, {0xFFFFFFFF, 1}},
      {v1::NODE_KIND_DICT_STR_INT, {0, 0, 2}, {0, 2, 2}},
      {v1::NODE_KIND_DICT_STR_FLOAT, {0, 0, 1}, {0, 0, 2}},
  };
  for (const Case& one : cases) {
    Draft good;
    EXPECT_EQ(Outcome(VerifyDraft(good, Packed(good, one.kind, one.good))), "ACCEPTED");
    Draft bad;
    EXPECT_NE(Outcome(VerifyDraft(bad, Packed(bad, one.kind, one.bad))).find("MALFORMED"),
              std::string::npos)
        << v1::NodeKind_Name(one.kind);
  }
}

TEST(Columns, RecordFieldsStayInTheirRecord) {
  const auto outcome = [](int64_t size, int64_t offset, const char* type, const char* second) {
    Draft draft;
    const NodeId field = DType(type)(draft);
    const NodeId record = draft.Node(v1::NODE_KIND_DTYPE_RECORD,
                                     {draft.Int(size), draft.String("a"), field, draft.Int(offset),
                                      draft.String(second), field, draft.Int(0)});
    return Outcome(VerifyDraft(draft, record));
  };
  EXPECT_EQ(outcome(16, 8, "<f8", "b"), "ACCEPTED");
  EXPECT_NE(outcome(16, 9, "<f8", "b").find("outside of its record"), std::string::npos);
  EXPECT_NE(outcome(16, -8, "<f8", "b").find("outside of its record"), std::string::npos);
  EXPECT_NE(outcome(16, int64_t{1} << 30, "<f8", "b").find("outside"), std::string::npos);
  EXPECT_NE(outcome(16, 8, "|O", "b").find("outside of its record"), std::string::npos);
  EXPECT_NE(outcome(16, 8, "<f8", "a").find("field name"), std::string::npos);
  EXPECT_NE(outcome(0, 0, "<f8", "b").find("item size"), std::string::npos);
  EXPECT_NE(outcome(int64_t{1} << 40, 0, "<f8", "b").find("item size"), std::string::npos);
}

TEST(Columns, ProvenanceHasOneElementANode) {
  Draft draft;
  draft.graph().set_root(None()(draft));
  Input input;
  const std::string graph = draft.graph().SerializeAsString();
  input.graph = graph;
  input.policy = Policies().Find("sklearn");
  input.result.set_graph_bytes(graph.size());
  EXPECT_NE(Outcome(Verify(input)).find("one element a node"), std::string::npos);
}

TEST(Columns, SizesOfTheResultAreThoseOfWhatCame) {
  Draft draft;
  const NodeId root = None()(draft);
  draft.graph().set_root(root);
  const std::string graph = draft.graph().SerializeAsString();
  Input input;
  input.graph = graph;
  input.policy = Policies().Find("sklearn");
  input.result.set_graph_bytes(graph.size() + 1);
  EXPECT_NE(Outcome(Verify(input)).find("its sizes"), std::string::npos);
}

TEST(Columns, CapsAreKept) {
  Draft draft;
  Makers items(20, None());
  const NodeId root = List(items)(draft);
  Caps caps;
  caps.max_nodes = 10;
  EXPECT_NE(
      Outcome(VerifyDraft(draft, root, *Policies().Find("sklearn"), caps)).find("too many nodes"),
      std::string::npos);
}

TEST(Columns, GarbageIsMalformed) {
  Input input;
  input.graph = "\x0a\xff\xff\xff\xff\x7f";
  input.policy = Policies().Find("sklearn");
  input.result.set_graph_bytes(input.graph.size());
  EXPECT_NE(Outcome(Verify(input)).find("MALFORMED"), std::string::npos);
}

}  // namespace
}  // namespace loadlock::verify::testing
