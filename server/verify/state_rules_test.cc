// The general rules and the policy's rules for states, each broken once.
#include "server/verify/state_rules.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <thread>

#include "server/policy/compose.h"
#include "server/verify/testing/make.h"

namespace loadlock::verify::testing {
namespace {

constexpr char kScaler[] = "sklearn.preprocessing._data.StandardScaler";

std::string OutcomeWith(const std::string& key, Maker value) {
  return OutcomeOf(Obj(kScaler, {{key, std::move(value)}}));
}

bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(StateRules, DunderKeysAreRefused) {
  for (const char* key : {"__array_interface__", "__array__", "__class__", "__reduce_ex__",
                          "__dict__", "__doc_link_template", "__"}) {
    EXPECT_TRUE(OutcomeWith(key, Int(1)).starts_with("DUNDER_KEY")) << key;
  }
  EXPECT_EQ(OutcomeWith("_private", Int(1)), "ACCEPTED");
}

TEST(StateRules, KeysThatHideClassAttributesAreRefused) {
  for (const char* key :
       {"predict", "transform", "fit", "get_params", "_repr_html_inner", "_repr_mimebundle_",
        "_html_repr", "_doc_link_module", "_skl_callbacks", "_validate_params", "_get_tags"}) {
    EXPECT_TRUE(OutcomeWith(key, Int(1)).starts_with("SHADOWS_CLASS_ATTRIBUTE")) << key;
  }
}

TEST(StateRules, KeysAreExactStr) {
  Draft draft;
  const NodeId key = Int(1)(draft);
  const NodeId state = draft.Node(v1::NODE_KIND_DICT, {key, key});
  const NodeId cls = Name(kScaler)(draft);
  const NodeId root = draft.Node(v1::NODE_KIND_OBJECT, {cls, kAbsent, state, kAbsent, kAbsent});
  EXPECT_TRUE(Outcome(VerifyDraft(draft, root)).starts_with("KEY_NOT_STR"));
}

TEST(StateRules, AKeyStandsOnce) {
  Draft draft;
  const NodeId value = Int(1)(draft);
  const NodeId state =
      draft.Node(v1::NODE_KIND_DICT_STR, {draft.String("a"), draft.String("a"), value, value});
  const NodeId cls = Name(kScaler)(draft);
  const NodeId root = draft.Node(v1::NODE_KIND_OBJECT, {cls, kAbsent, state, kAbsent, kAbsent});
  EXPECT_TRUE(Has(Outcome(VerifyDraft(draft, root)), "stands twice"));
}

TEST(StateRules, AStateBelongsToOneObject) {
  Draft draft;
  const NodeId state = Dict({{"copy", Bool(true)}})(draft);
  const NodeId cls = Name(kScaler)(draft);
  const NodeId object = draft.Node(v1::NODE_KIND_OBJECT, {cls, kAbsent, state, kAbsent, kAbsent});
  const NodeId root = draft.Node(v1::NODE_KIND_LIST, {object, state});
  EXPECT_TRUE(Has(Outcome(VerifyDraft(draft, root)), "used a second time"));
}

TEST(StateRules, ClassesTakeNoArgumentsAndNoOtherState) {
  EXPECT_TRUE(Has(OutcomeOf(ObjWith(kScaler, Tuple({Int(1)}), Dict({}))), "with arguments"));
  EXPECT_EQ(OutcomeOf(ObjWith(kScaler, Tuple({}), Dict({}))), "ACCEPTED");
  EXPECT_TRUE(
      Has(OutcomeOf(ObjWith(kScaler, nullptr, Tuple({Dict({}), Dict({})}))), "no plain dict"));
  EXPECT_EQ(OutcomeOf(ObjWith(kScaler, nullptr, nullptr)), "ACCEPTED");
}

TEST(StateRules, AnOrderedDictIsNoState) {
  const auto ordered = [](Draft& draft) {
    const NodeId key = Str("copy")(draft);
    const NodeId value = Bool(true)(draft);
    return draft.Node(v1::NODE_KIND_ORDERED_DICT, {key, value});
  };
  EXPECT_TRUE(Has(OutcomeOf(ObjWith(kScaler, nullptr, ordered)), "no plain dict"));
}

TEST(StateRules, ObjectsHaveNoItems) {
  // Not even none of them: only a container has a place for items.
  const Makers items = {List({Int(1)}), List({}), Dict({{"predict", Int(1)}}), Dict({})};
  for (size_t i = 0; i < items.size(); ++i) {
    Draft draft;
    const NodeId cls = Name(kScaler)(draft);
    std::vector<uint32_t> operands = {cls, kAbsent, kAbsent, kAbsent, kAbsent};
    operands[i < 2 ? 3 : 4] = items[i](draft);
    const NodeId root = draft.Node(v1::NODE_KIND_OBJECT, operands);
    EXPECT_TRUE(Has(Outcome(VerifyDraft(draft, root)), "has items")) << i;
  }
}

TEST(StateRules, LengthsOfNgramsAreBounded) {
  const auto outcome = [](Maker range) {
    return OutcomeOf(Obj("sklearn.feature_extraction.text.HashingVectorizer",
                         {{"ngram_range", std::move(range)}}));
  };
  EXPECT_EQ(outcome(Tuple({Int(1), Int(1)})), "ACCEPTED");
  EXPECT_EQ(outcome(List({Int(2), Int(64)})), "ACCEPTED");
  for (const Maker& bad :
       {Tuple({Int(0), Int(1)}), Tuple({Int(1), Int(65)}), Tuple({Int(2), Int(1)}),
        Tuple({Int(-5), Int(5)}), Tuple({Int(1)}), Tuple({Float(1), Int(2)}), Tuple({}), None()}) {
    EXPECT_TRUE(Has(outcome(bad), "STATE_RULE")) << outcome(bad);
  }
}

// The value of a key of the root object after verification.
std::string Rewritten(const std::string& cls, const std::string& key, Maker value,
                      const std::string& expected_finding) {
  auto verdict =
      VerifyMade(Obj(cls, {{"aaa", Float(0.5)}, {key, std::move(value)}, {"zzz", Int(7)}}));
  if (!verdict.ok() || !verdict->graph) return Outcome(verdict);
  const bool told = verdict->report.findings_size() == 1 &&
                    verdict->report.findings(0).rule_id() == "VALUE_FORCED" &&
                    verdict->report.findings(0).severity() == v1::SEVERITY_INFO;
  if (told != !expected_finding.empty()) return "unexpected findings";
  const v1::Graph graph = std::move(*verdict->graph).Release();
  const View view(&graph);
  const Mapping state(view, Value::Node(view.operands(view.root())[2]));
  if (!state.Find("zzz") || !state.Find("aaa")) return "a neighbour is gone";
  const auto found = state.Find(key);
  if (!found) return "left out";
  switch (view.kind(found->index)) {
    case v1::NODE_KIND_NONE:
      return "None";
    case v1::NODE_KIND_INT:
      return std::to_string(view.integer(view.operands(found->index)[0]));
    default:
      return v1::NodeKind_Name(view.kind(found->index));
  }
}

TEST(StateRules, NotesDoNotCrowdOutTheReasonToRefuse) {
  Makers scalers(150, Obj(kScaler, {{"n_jobs", Int(-1)}}));
  scalers.push_back(Obj(kScaler, {{"__array_interface__", Int(1)}}));
  const auto verdict = VerifyMade(List(scalers));
  ASSERT_TRUE(verdict.ok());
  EXPECT_EQ(verdict->report.verdict(), v1::VERDICT_REFUSED);
  int errors = 0;
  for (const v1::Finding& finding : verdict->report.findings()) {
    errors += finding.severity() == v1::SEVERITY_ERROR ? 1 : 0;
  }
  EXPECT_EQ(errors, 1);
  EXPECT_EQ(verdict->report.findings_size(), 101);
}

TEST(StateRules, ForcedValuesAreWrittenIntoTheGraph) {
  EXPECT_EQ(Rewritten(kScaler, "memory", Str("/tmp/cache"), "forced"), "None");
  EXPECT_EQ(Rewritten(kScaler, "n_jobs", Int(-1), "forced"), "None");
  EXPECT_EQ(Rewritten(kScaler, "n_jobs", None(), ""), "None");
  EXPECT_EQ(Rewritten(kScaler, "_n_threads", Int(-1), "forced"), "1");
  EXPECT_EQ(Rewritten(kScaler, "_n_threads", Int(1 << 30), "forced"),
            std::to_string(std::thread::hardware_concurrency()));
  EXPECT_EQ(Rewritten(kScaler, "_n_threads", Int(1), ""), "1");
  EXPECT_EQ(Rewritten("sklearn.preprocessing._label.MultiLabelBinarizer", "_cached_dict",
                      Dict({{"a", Int(1 << 30)}}), "forced"),
            "None");
  EXPECT_EQ(Rewritten("sklearn.linear_model._base.LinearRegression", "sparse_coef_",
                      Dict({{"a", Int(1 << 30)}}), "dropped"),
            "left out");
  EXPECT_TRUE(Has(OutcomeWith("_n_threads", Str("x")), "no integer"));
  for (const char* good : {"float32", "f4", "<f8", "|b1", "int", "?", "O"}) {
    EXPECT_EQ(OutcomeWith("dtype", Str(good)), "ACCEPTED") << good;
  }
  for (const char* bad :
       {"", "V1000000000", "U9", "f8,i4", "(3,)f4", "f16", "<", "numpy.float32"}) {
    EXPECT_TRUE(Has(OutcomeWith("dtype", Str(bad)), "dtype")) << bad;
  }
}

TEST(StateRules, ForcedValuesAreWrittenIntoPackedStates) {
  Draft draft;
  const uint32_t first = draft.String("alpha");
  draft.String("n_jobs");
  const NodeId state = draft.Node(v1::NODE_KIND_DICT_STR_INT, {first, draft.Ints({5, -1}), 2});
  const NodeId cls = Name(kScaler)(draft);
  const NodeId root = draft.Node(v1::NODE_KIND_OBJECT, {cls, kAbsent, state, kAbsent, kAbsent});
  auto verdict = VerifyDraft(draft, root);
  ASSERT_EQ(Outcome(verdict), "ACCEPTED");
  const v1::Graph& graph = verdict->graph->graph();
  const View view(&graph);
  const Mapping mapping(view, Value::Node(view.operands(view.root())[2]));
  ASSERT_EQ(mapping.size(), 2U);
  EXPECT_TRUE(view.IsNone(*mapping.Find("n_jobs")));
  EXPECT_EQ(view.integer(view.operands(mapping.Find("alpha")->index)[0]), 5);
}

TEST(StateRules, ARewrittenGraphIsSoundAgain) {
  auto verdict = VerifyMade(
      Obj("sklearn.pipeline.Pipeline", {{"memory", List({Str("a"), List({Zeros({2})})})},
                                        {"steps", List({Tuple({Str("s"), Obj(kScaler, {})})})}}));
  ASSERT_EQ(Outcome(verdict), "ACCEPTED");
  v1::Graph graph = std::move(*verdict->graph).Release();
  const View view(&graph);
  EXPECT_TRUE(CheckStructure(view).ok());
  Topology topology;
  EXPECT_TRUE(ComputeTopology(view, StateEdges(), &topology).ok());
}

TEST(StateRules, InputIsContent) {
  const std::string cls = "sklearn.feature_extraction.text.CountVectorizer";
  EXPECT_EQ(OutcomeOf(Obj(cls, {{"input", Str("content")}})), "ACCEPTED");
  EXPECT_TRUE(Has(OutcomeOf(Obj(cls, {{"input", Str("filename")}})), "STATE_RULE"));
  EXPECT_TRUE(Has(OutcomeOf(Obj(cls, {{"input", None()}})), "STATE_RULE"));
}

TEST(StateRules, InstancesStandOnlyWhereARuleSaysSo) {
  const Maker other = Obj(kScaler, {});
  EXPECT_TRUE(Has(OutcomeWith("mean", other), "holds an object"));
  EXPECT_TRUE(Has(OutcomeWith("mean", List({Tuple({other})})), "holds an object"));
  EXPECT_TRUE(Has(OutcomeWith("mean", Objects({1}, {other})), "holds an object"));
  const std::string forest = "sklearn.ensemble._forest.RandomForestClassifier";
  EXPECT_TRUE(Has(OutcomeOf(Obj(forest, {{"estimators_", List({other})}})), "not allowed here"));
}

// A policy for the rules' own language.
const policy::CompiledPolicy& RulePolicy() {
  static const auto policy = [] {
    auto file = policy::ParsePolicyFile("p.textproto", R"pb(
      name: "p"
      entries { name: "numpy.sin" trust: TRUST_NAME at: "m.C.name" }
      entries { name: "numpy.cos" trust: TRUST_NAME at: "m.C.name" }
      entries {
        name: "m.C"
        trust: TRUST_NEW_DICT
        state { key: "kind" kinds: VALUE_KIND_STR kinds: VALUE_KIND_NONE }
        state { key: "one" one_of: "None" one_of: "'a'" one_of: "2" one_of: "True" one_of: "0.5" }
        state { key: "num" min: 1 max: 5 }
        state { key: "need" required: true }
        state { key: "gone" drop: true }
        state { key: "fixed" force: "False" }
        state { key: "clamped" min: 0 max: 2 force: "clamp" }
        state {
          key: "arr"
          kinds: VALUE_KIND_ARRAY
          array {
            dtypes: "f8"
            dtypes: "i*"
            shape: "n"
            shape: "len(list)"
            shape: "2"
            shape: "*"
            c_order: true
          }
        }
        state { key: "name" kinds: VALUE_KIND_NAME classes: "numpy.sin" }
      })pb");
    EXPECT_TRUE(file.ok()) << file.status();
    return *policy::CompiledPolicy::Compile(*policy::Compose({{"p", *file}}, "p"));
  }();
  return *policy;
}

std::string RuleOutcome(Attrs state) {
  state.emplace("need", None());
  Draft draft;
  const NodeId root = Obj("m.C", std::move(state))(draft);
  return Outcome(VerifyDraft(draft, root, RulePolicy()));
}

TEST(StateRules, RuleLanguage) {
  EXPECT_EQ(RuleOutcome({{"kind", Str("x")}}), "ACCEPTED");
  EXPECT_TRUE(Has(RuleOutcome({{"kind", Int(1)}}), "kind"));
  for (const Maker& good : {None(), Str("a"), Int(2), Bool(true), Float(0.5)}) {
    EXPECT_EQ(RuleOutcome({{"one", good}}), "ACCEPTED");
  }
  for (const Maker& bad : {Str("b"), Int(1), Bool(false), Float(0.25), List({})}) {
    EXPECT_TRUE(Has(RuleOutcome({{"one", bad}}), "allowed values"));
  }
  EXPECT_EQ(RuleOutcome({{"num", Int(5)}}), "ACCEPTED");
  EXPECT_EQ(RuleOutcome({{"num", NumpyInt(1)}}), "ACCEPTED");
  for (const Maker& bad : {Int(0), NumpyInt(6), Float(5.01), Float(NAN)}) {
    EXPECT_TRUE(Has(RuleOutcome({{"num", bad}}), "out of bounds"));
  }
  EXPECT_EQ(RuleOutcome({{"gone", Int(1)}}), "ACCEPTED");
  EXPECT_EQ(RuleOutcome({{"name", Name("numpy.sin")}}), "ACCEPTED");
  EXPECT_TRUE(Has(RuleOutcome({{"name", Name("numpy.cos")}}), "not allowed here"));
}

TEST(StateRules, RequiredKeysAreThere) {
  Draft draft;
  const NodeId root = Obj("m.C", {})(draft);
  EXPECT_TRUE(Has(Outcome(VerifyDraft(draft, root, RulePolicy())), "required"));
}

TEST(StateRules, ArrayRules) {
  const Attrs good = {{"arr", Zeros({3, 1, 2, 4})}, {"n", Int(3)}, {"list", List({Int(1)})}};
  EXPECT_EQ(RuleOutcome(good), "ACCEPTED");
  EXPECT_TRUE(Has(RuleOutcome(With(good, "arr", Zeros({3, 1, 2}))), "dimensions"));
  EXPECT_TRUE(Has(RuleOutcome(With(good, "n", Int(4))), "dimension 0"));
  EXPECT_TRUE(Has(RuleOutcome(With(good, "n", nullptr)), "missing"));
  EXPECT_TRUE(Has(RuleOutcome(With(good, "list", List({}))), "dimension 1"));
  EXPECT_TRUE(Has(RuleOutcome(With(good, "arr", Zeros({3, 1, 1, 4}))), "dimension 2"));
  EXPECT_TRUE(
      Has(RuleOutcome(With(good, "arr", Arr<float>({3, 1, 2, 1}, {1, 2, 3, 4, 5, 6}))), "dtype"));
  EXPECT_TRUE(
      Has(RuleOutcome(With(good, "arr", Arr<double>({3, 1, 2, 1}, {1, 2, 3, 4, 5, 6}, true))),
          "C order"));
}

}  // namespace
}  // namespace loadlock::verify::testing
