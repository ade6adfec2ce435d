// Names against the policy: unlisted, beyond their trust, out of their place; cycles; keys.
#include "server/verify/names.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "server/verify/testing/make.h"
#include "server/verify/testing/models.h"

namespace loadlock::verify::testing {
namespace {

constexpr char kEncoder[] = "sklearn.preprocessing._encoders.OneHotEncoder";
constexpr char kFunction[] = "sklearn.preprocessing._function_transformer.FunctionTransformer";

v1::Finding FirstError(const absl::StatusOr<Verdict>& verdict) {
  if (!verdict.ok()) return {};
  for (const v1::Finding& finding : verdict->report.findings()) {
    if (finding.severity() == v1::SEVERITY_ERROR) return finding;
  }
  return {};
}

TEST(Names, UnlistedClassNamesThePolicyLine) {
  const auto verdict = VerifyMade(List({Int(1), Obj("evil.pkg.Cls", {})}));
  const v1::Finding finding = FirstError(verdict);
  EXPECT_EQ(finding.rule_id(), "NAME_NOT_LISTED");
  EXPECT_EQ(finding.name(), "evil.pkg.Cls");
  EXPECT_EQ(finding.allow(), "entries { name: \"evil.pkg.Cls\" trust: TRUST_NEW_DICT }");
  EXPECT_EQ(finding.object_path(), "$[1]");
  EXPECT_EQ(finding.opcode(), "REDUCE");
  EXPECT_TRUE(finding.has_byte_offset());
  EXPECT_FALSE(verdict->graph.has_value());
}

TEST(Names, UnlistedCallSaysThatItIsNeverCalled) {
  const v1::Finding finding = FirstError(VerifyMade(Call("posix.system", {Str("id")})));
  EXPECT_EQ(finding.rule_id(), "NAME_NOT_LISTED");
  EXPECT_EQ(finding.allow(), "entries { name: \"posix.system\" trust: TRUST_FACTORY }");
  EXPECT_NE(finding.message().find("never calls"), std::string::npos);
  EXPECT_NE(finding.message().find("a line for it alone does not suffice"), std::string::npos);
}

TEST(Names, AClassThatHoldsObjectsGetsALineThatLetsThem) {
  const Maker encoder = Obj(kEncoder, {});
  const Maker made = Obj("acme.Model", {{"inner", encoder}, {"parts", List({encoder})}});
  EXPECT_EQ(FirstError(VerifyMade(made)).allow(),
            "entries { name: \"acme.Model\" trust: TRUST_NEW_DICT "
            "state { key: \"inner\" kinds: VALUE_KIND_OBJECT } "
            "state { key: \"parts\" kinds: VALUE_KIND_LIST kinds: VALUE_KIND_OBJECT } }");
}

// No line is offered where a policy with it would refuse all the same.
TEST(Names, ALineIsOfferedOnlyIfItHelps) {
  const std::string knn = "sklearn.neighbors._classification.KNeighborsClassifier";
  const std::string metrics = "sklearn.metrics._dist_metrics.";
  const Maker distance = Call(metrics + "newObj", {Name(metrics + "MahalanobisDistance64")},
                              Tuple({Float(2), Zeros({1}), Zeros({1, 1})}));
  const std::vector<Maker> useless = {
      Obj("evil.Cls", {{"__array_interface__", Int(1)}}),
      Obj("evil.Cls", {{"predict", Int(1)}}),
      Obj("evil.Cls", {{"input", Str("file")}}),
      Obj("evil.Cls", {{"a", List({Obj("evil.Cls", {{"__x", Int(1)}})})}}),
      Obj(kEncoder, {{"handle_unknown", Name("os.system")}}),
      Obj(kEncoder, {{"predict", Name("os.system")}}),
      Obj(knn, {{"metric", Name("os.system")}}),
      Obj(knn, {{"_fit_X", Obj("evil.Cls", {})}}),
      Obj("sklearn.ensemble._forest.RandomForestClassifier",
          {{"estimators_", List({Obj("evil.Cls", {})})}}),
      Call("collections.defaultdict", {Name("os.system")}),
      distance,
  };
  for (size_t i = 0; i < useless.size(); ++i) {
    const v1::Finding finding = FirstError(VerifyMade(useless[i]));
    EXPECT_EQ(finding.rule_id(), "NAME_NOT_LISTED") << i;
    EXPECT_EQ(finding.allow(), "") << i;
    EXPECT_NE(finding.message().find("no line alone suffices"), std::string::npos) << i;
  }
}

TEST(Names, UnlistedValueNamesItsPlace) {
  const v1::Finding finding = FirstError(VerifyMade(Obj(kFunction, {{"func", Name("os.system")}})));
  EXPECT_EQ(finding.allow(), absl::StrCat("entries { name: \"os.system\" trust: TRUST_NAME at: \"",
                                          kFunction, ".func\" }"));
}

TEST(Names, DottedAttributesAreNeverListed) {
  Draft draft;
  v1::Global* global = draft.graph().add_globals();
  global->set_module("sklearn.preprocessing");
  global->set_name("_label.LabelEncoder");
  const NodeId cls = draft.Node(v1::NODE_KIND_GLOBAL, {0});
  const NodeId root = draft.Node(v1::NODE_KIND_OBJECT, {cls, kAbsent, kAbsent, kAbsent, kAbsent});
  const v1::Finding finding = FirstError(VerifyDraft(draft, root));
  EXPECT_EQ(finding.rule_id(), "NAME_NOT_LISTED");
  EXPECT_EQ(finding.allow(), "");
}

TEST(Names, FunctionsStandAtTheirPlaceOnly) {
  EXPECT_EQ(OutcomeOf(Obj(kFunction, {{"func", Name("numpy.log1p")}})), "ACCEPTED");
  EXPECT_TRUE(
      OutcomeOf(Obj(kFunction, {{"other", Name("numpy.log1p")}})).starts_with("NAME_NOT_HERE"));
  EXPECT_TRUE(
      OutcomeOf(Obj(kEncoder, {{"func", Name("numpy.log1p")}})).starts_with("NAME_NOT_HERE"));
  // Nor deeper down, nor as the root, nor as a key.
  EXPECT_TRUE(OutcomeOf(Obj(kFunction, {{"func", List({Name("numpy.log1p")})}}))
                  .starts_with("NAME_NOT_HERE"));
  EXPECT_TRUE(OutcomeOf(Name("numpy.log1p")).starts_with("NAME_NOT_HERE"));
  EXPECT_EQ(OutcomeOf(Obj(kEncoder, {{"dtype", Name("numpy.float64")}})), "ACCEPTED");
  EXPECT_TRUE(
      OutcomeOf(Obj(kFunction, {{"func", Name("numpy.float64")}})).starts_with("NAME_NOT_HERE"));
}

TEST(Names, ClassesAndFactoriesAreNoValues) {
  for (const char* name : {"sklearn.tree._tree.Tree", "numpy.dtype", kEncoder,
                           "sklearn._loss._loss.CyHalfSquaredError", "numpy.ndarray",
                           "scipy.sparse._csr.csr_matrix", "collections.defaultdict"}) {
    EXPECT_TRUE(OutcomeOf(Obj(kFunction, {{"func", Name(name)}})).starts_with("NAME_NOT_HERE"))
        << name;
  }
}

TEST(Names, TrustIsNotExceeded) {
  // An estimator class is never called, a factory is no class of an object, a lowered factory
  // is not called either.
  EXPECT_TRUE(OutcomeOf(Call(kEncoder, {})).starts_with("NAME_NOT_HERE"));
  EXPECT_TRUE(OutcomeOf(Obj("sklearn.tree._tree.Tree", {})).starts_with("NAME_NOT_HERE"));
  EXPECT_TRUE(
      OutcomeOf(Call("numpy.core.multiarray._reconstruct", {})).starts_with("NAME_NOT_HERE"));
  EXPECT_TRUE(OutcomeOf(Call("numpy.float64", {Int(1)})).starts_with("NAME_NOT_HERE"));
}

// A tuple of arguments that is used elsewhere too would carry its name there.
TEST(Names, ArgumentsThatAreSharedMayHoldNoName) {
  Draft draft;
  const NodeId name = Name("builtins.list")(draft);
  const NodeId args = draft.Node(v1::NODE_KIND_TUPLE, {name});
  const NodeId callee = Name("collections.defaultdict")(draft);
  const NodeId call = draft.Node(v1::NODE_KIND_CALL, {callee, args, kAbsent, kAbsent, kAbsent});
  const NodeId alone = draft.Node(v1::NODE_KIND_LIST, {call});
  Draft copy = draft;
  EXPECT_EQ(Outcome(VerifyDraft(copy, alone)), "ACCEPTED");
  const NodeId shared = draft.Node(v1::NODE_KIND_LIST, {alone, args});
  EXPECT_TRUE(Outcome(VerifyDraft(draft, shared)).starts_with("NAME_NOT_HERE"));
}

TEST(Names, NamesThatTheGraphDropsAreStillJudged) {
  Draft draft;
  const NodeId root = None()(draft);
  draft.graph().set_root(root);
  const std::string graph = draft.graph().SerializeAsString();
  v1::Provenance origin;
  origin.add_node_offsets(0);
  origin.add_node_opcodes(0);
  const std::string provenance = origin.SerializeAsString();
  Input input;
  input.graph = graph;
  input.provenance = provenance;
  input.policy = Policies().Find("sklearn");
  input.result.set_graph_bytes(graph.size());
  input.result.set_provenance_bytes(provenance.size());
  v1::GlobalUse* use = input.result.add_globals();
  use->set_module("os");
  use->set_name("sys\ntem");
  use->set_first_offset(17);
  const auto verdict = Verify(input);
  const v1::Finding finding = FirstError(verdict);
  EXPECT_EQ(finding.rule_id(), "NAME_NOT_LISTED");
  EXPECT_EQ(finding.byte_offset(), 17U);
  EXPECT_EQ(finding.name().find('\n'), std::string::npos);
  EXPECT_EQ(verdict->report.verdict(), v1::VERDICT_REFUSED);
  EXPECT_EQ(verdict->report.globals(0).trust(), v1::TRUST_UNSPECIFIED);
}

TEST(Names, ATableEntryThatNothingUsesIsJudged) {
  Draft draft;
  const NodeId root = None()(draft);
  draft.Global("os.system");
  EXPECT_TRUE(Outcome(VerifyDraft(draft, root)).starts_with("NAME_NOT_LISTED"));
}

TEST(Names, ReportHoldsEveryNameWithItsTrust) {
  const auto verdict = VerifyMade(Obj(kEncoder, {{"dtype", Name("numpy.float64")}}));
  ASSERT_EQ(Outcome(verdict), "ACCEPTED");
  ASSERT_EQ(verdict->report.globals_size(), 2);
  EXPECT_EQ(verdict->report.globals(0).trust(), v1::TRUST_NEW_DICT);
  EXPECT_EQ(verdict->report.globals(1).trust(), v1::TRUST_NAME);
  EXPECT_EQ(verdict->report.policy_digest().size(), 64U);
}

TEST(Names, ObjectsMayNotContainThemselves) {
  Draft draft;
  const NodeId cls = Name("sklearn.pipeline.Pipeline")(draft);
  // Node numbers are given ahead: name, tuple, list, dict, object.
  const NodeId label = Str("me")(draft);
  const NodeId pair = draft.Node(v1::NODE_KIND_TUPLE, {label, 5});
  const NodeId steps = draft.Node(v1::NODE_KIND_LIST, {pair});
  const NodeId state = draft.Node(v1::NODE_KIND_DICT_STR, {draft.String("steps"), steps});
  const NodeId root = draft.Node(v1::NODE_KIND_OBJECT, {cls, kAbsent, state, kAbsent, kAbsent});
  ASSERT_EQ(root, 5U);
  EXPECT_TRUE(Outcome(VerifyDraft(draft, root)).starts_with("OBJECT_CYCLE"));
}

TEST(Names, ListsMayContainThemselvesAndTuplesMayNot) {
  Draft list;
  const NodeId cyclic = list.Node(v1::NODE_KIND_LIST, {0});
  EXPECT_EQ(Outcome(VerifyDraft(list, cyclic)), "ACCEPTED");
  Draft tuple;
  const NodeId wrong = tuple.Node(v1::NODE_KIND_TUPLE, {0});
  EXPECT_TRUE(Outcome(VerifyDraft(tuple, wrong)).starts_with("OBJECT_CYCLE"));
}

TEST(Names, NodesOfACycleMustBeReachable) {
  Draft draft;
  const NodeId root = None()(draft);
  draft.Node(v1::NODE_KIND_LIST, {1});
  EXPECT_NE(Outcome(VerifyDraft(draft, root)).find("cannot be reached"), std::string::npos);
}

TEST(Names, DepthIsLimited) {
  Draft draft;
  NodeId top = None()(draft);
  for (int i = 0; i < 60; ++i) top = draft.Node(v1::NODE_KIND_LIST, {top});
  Caps caps;
  caps.max_depth = 60;
  EXPECT_TRUE(Outcome(VerifyDraft(draft, top, *Policies().Find("sklearn"), caps))
                  .starts_with("BUDGET_DEPTH"));
  caps.max_depth = 61;
  EXPECT_EQ(Outcome(VerifyDraft(draft, top, *Policies().Find("sklearn"), caps)), "ACCEPTED");
}

TEST(Names, AMillionLevelsDoNotOverflowTheStack) {
  Draft draft;
  NodeId top = None()(draft);
  for (int i = 0; i < 1'000'000; ++i) top = draft.Node(v1::NODE_KIND_LIST, {top});
  EXPECT_TRUE(Outcome(VerifyDraft(draft, top)).starts_with("BUDGET_DEPTH"));
  // The same with a cycle, which takes the other way through the checks.
  Draft cyclic;
  top = cyclic.Node(v1::NODE_KIND_LIST, {0});
  for (int i = 0; i < 1'000'000; ++i) top = cyclic.Node(v1::NODE_KIND_LIST, {top});
  EXPECT_TRUE(Outcome(VerifyDraft(cyclic, top)).starts_with("BUDGET_DEPTH"));
}

TEST(Names, KeysAndMembersArePlain) {
  for (const bool set : {false, true}) {
    Draft draft;
    const NodeId object = Obj(kEncoder, {})(draft);
    const NodeId pair = draft.Node(v1::NODE_KIND_TUPLE, {object});
    const NodeId root =
        set ? draft.Node(v1::NODE_KIND_SET, {pair}) : draft.Node(v1::NODE_KIND_DICT, {pair, pair});
    EXPECT_NE(Outcome(VerifyDraft(draft, root)).find("no plain value"), std::string::npos);
  }
}

TEST(Names, PathsTellThePlace) {
  Attrs broken = {{"predict", Int(1)}};
  const auto verdict = VerifyMade(
      Obj("sklearn.pipeline.Pipeline",
          {{"steps",
            List({Tuple({Str("a"), Obj(kEncoder, {})}),
                  Tuple({Str("b"), Obj("sklearn.preprocessing._label.LabelEncoder", broken)})})}}));
  EXPECT_EQ(FirstError(verdict).object_path(), "$.steps[1][1].predict");
  const auto plain = VerifyMade(Dict({{"a\x1b[31m'", List({Obj("x.Y", {})})}}));
  EXPECT_EQ(FirstError(plain).object_path().find('\x1b'), std::string::npos);
}

TEST(Names, FindingsAreLimited) {
  Makers many;
  for (int i = 0; i < 500; ++i) many.push_back(Obj(kEncoder, {{"predict", Int(1)}}));
  const auto verdict = VerifyMade(List(many));
  ASSERT_TRUE(verdict.ok());
  EXPECT_EQ(verdict->report.findings_size(), 101);
  EXPECT_EQ(verdict->report.findings(100).rule_id(), "MORE_FINDINGS");
}

}  // namespace
}  // namespace loadlock::verify::testing
