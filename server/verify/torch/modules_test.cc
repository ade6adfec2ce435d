// MODULE: what torch would call of an instance's dict is refused, and what modules hold passes.
#include "server/verify/torch/modules.h"

#include <gtest/gtest.h>

#include "server/verify/testing/torch.h"

namespace loadlock::verify::testing {
namespace {

constexpr char kModule[] = "INVARIANT_MODULE";
constexpr char kIdentity[] = "torch.nn.modules.linear.Identity";
constexpr char kSequential[] = "torch.nn.modules.container.Sequential";

std::string OutcomeAs(Attrs attrs, const std::string& cls = kIdentity) {
  return TorchOutcome(Obj(cls, std::move(attrs)));
}
Maker Activation() {
  return Obj("torch.nn.modules.activation.ReLU", Join(ModuleAttrs(), {{"inplace", Bool(false)}}));
}

TEST(Module, RealOnesPass) {
  EXPECT_EQ(TorchOutcome(Linear(3, 2)), "ACCEPTED");
  EXPECT_EQ(OutcomeAs(ModuleAttrs({}, {{"0", Linear(3, 2)}, {"1", Activation()}, {"2", None()}}),
                      kSequential),
            "ACCEPTED");
  // Both ways to one child, as weights are tied.
  const Maker shared = Once(Activation());
  EXPECT_EQ(OutcomeAs(ModuleAttrs({}, {{"0", shared}, {"1", shared}}), kSequential), "ACCEPTED");
  EXPECT_EQ(OutcomeAs(Join(ModuleAttrs({{"w", Parameter(Blank({1}))}, {"n", None()}}, {},
                                       {{"running", Blank({1})}}),
                           {{"_forward_pre_hooks", Dict({})},
                            {"names", List({Str("a"), Tuple({Int(1)})})},
                            {"_non_persistent_buffers_set", Set({Str("running")})}})),
            "ACCEPTED");
}

TEST(Module, NothingThatIsCalledStandsInTheState) {
  for (const char* key : {"forward",         "_call_impl",    "_compiled_call_impl",
                          "_slow_forward",   "state_dict",    "_apply",
                          "train",           "eval",          "to",
                          "parameters",      "named_modules", "zero_grad",
                          "_get_name",       "extra_repr",    "__reduce_ex__",
                          "__call__",        "__class__",     "__dict__",
                          "__setstate__",    "_version",      "dump_patches",
                          "register_buffer", "share_memory",  "half"}) {
    const std::string outcome = OutcomeAs(Join(ModuleAttrs(), {{key, None()}}));
    EXPECT_TRUE(outcome.starts_with("SHADOWS_CLASS_ATTRIBUTE") || outcome.starts_with("DUNDER_KEY"))
        << key << ": " << outcome;
  }
}

TEST(Module, HooksAreEmpty) {
  for (const char* key :
       {"_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks",
        "_state_dict_hooks", "_load_state_dict_pre_hooks", "_load_state_dict_post_hooks",
        "_forward_hooks_with_kwargs", "_forward_hooks_always_called", "_any_new_hooks_of_torch"}) {
    EXPECT_EQ(OutcomeAs(Join(ModuleAttrs(), {{key, Dict({})}})), "ACCEPTED") << key;
    for (const Maker& value : {Dict({{"0", Int(1)}}), Pairs({Int(0), Name("torch.float32")}),
                               List({}), Int(1), Str("x")}) {
      EXPECT_TRUE(OutcomeAs(Join(ModuleAttrs(), {{key, value}})).starts_with(kModule)) << key;
    }
  }
}

TEST(Module, PartsAreTyped) {
  const Maker tensor = Parameter(Blank({1}));
  const std::vector<Attrs> broken = {
      With(ModuleAttrs(), "_parameters", List({})),
      With(ModuleAttrs(), "_parameters", Dict({{"w", Int(1)}})),
      With(ModuleAttrs(), "_parameters", Dict({{"w", List({tensor})}})),
      With(ModuleAttrs(), "_parameters", Pairs({Int(1), tensor})),
      With(ModuleAttrs(), "_buffers", Dict({{"w", Str("x")}})),
      With(ModuleAttrs(), "_buffers", None()),
      With(ModuleAttrs(), "_modules", Dict({{"0", tensor}})),
      With(ModuleAttrs(), "_modules", Dict({{"0", Name("torch.float32")}})),
      With(ModuleAttrs(), "_modules", Dict({{"0", Dict({})}})),
      With(ModuleAttrs(), "_modules", Dict({{"0", Obj("argparse.Namespace", {})}})),
      With(ModuleAttrs(), "_modules", Linear(1, 1)),
      With(ModuleAttrs(), "_modules", nullptr),
      With(ModuleAttrs(), "_parameters", nullptr),
      With(ModuleAttrs(), "_buffers", nullptr),
      With(ModuleAttrs(), "_non_persistent_buffers_set", List({})),
      With(ModuleAttrs(), "_non_persistent_buffers_set", Set({Int(1)})),
      With(ModuleAttrs(), "_is_full_backward_hook", Int(1)),
      With(ModuleAttrs(), "training", Str("yes")),
      With(ModuleAttrs(), "note", tensor),
      With(ModuleAttrs(), "note", List({Tuple({tensor})})),
      With(ModuleAttrs(), "note", Linear(1, 1)),
      With(ModuleAttrs(), "note", Name("torch.nn.functional.relu")),
  };
  for (size_t i = 0; i < broken.size(); ++i) {
    EXPECT_NE(OutcomeAs(broken[i]), "ACCEPTED") << i;
    EXPECT_FALSE(OutcomeAs(broken[i]).starts_with("MALFORMED")) << i;
  }
}

TEST(Module, NamesOfPartsHideNothing) {
  const Maker tensor = Parameter(Blank({1}));
  for (const char* name :
       {"", "a.b", "forward", "training", "__call__", "state_dict", "_apply", "_parameters"}) {
    EXPECT_TRUE(OutcomeAs(ModuleAttrs({{name, tensor}})).starts_with(kModule)) << name;
    EXPECT_TRUE(OutcomeAs(ModuleAttrs({}, {}, {{name, tensor}})).starts_with(kModule)) << name;
    EXPECT_TRUE(OutcomeAs(ModuleAttrs({}, {{name, Linear(1, 1)}})).starts_with(kModule)) << name;
  }
  // Methods of estimators are no attributes of modules.
  EXPECT_EQ(OutcomeAs(ModuleAttrs({}, {{"query", Linear(1, 1)}, {"score", Linear(1, 1)}})),
            "ACCEPTED");
  // An attribute of the object wins over what is registered.
  EXPECT_TRUE(OutcomeAs(Join(ModuleAttrs({{"w", tensor}}), {{"w", Int(1)}})).starts_with(kModule));
  EXPECT_TRUE(OutcomeAs(ModuleAttrs({{"w", tensor}}, {}, {{"w", tensor}})).starts_with(kModule));
  EXPECT_TRUE(OutcomeAs(ModuleAttrs({{"w", tensor}}, {{"w", Linear(1, 1)}})).starts_with(kModule));
}

TEST(Module, SharingThatNeverEnds) {
  // Each level holds two modules that both hold the level below.
  const auto level = [](const Maker& below) {
    const Maker left = Obj(kSequential, ModuleAttrs({}, {{"0", below}}));
    const Maker right = Obj(kSequential, ModuleAttrs({}, {{"0", below}}));
    return Once(Obj(kSequential, ModuleAttrs({}, {{"0", left}, {"1", right}})));
  };
  Maker tower = Once(Activation());
  for (int i = 0; i < 12; ++i) tower = level(tower);
  EXPECT_EQ(TorchOutcome(tower), "ACCEPTED");
  for (int i = 0; i < 12; ++i) tower = level(tower);
  EXPECT_TRUE(TorchOutcome(tower).starts_with(kModule));
}

TEST(Module, WhatTheClassWouldAddIsThere) {
  const std::string softmax = "torch.nn.modules.activation.Softmax";
  EXPECT_EQ(OutcomeAs(Join(ModuleAttrs(), {{"dim", Int(-1)}}), softmax), "ACCEPTED");
  EXPECT_EQ(OutcomeAs(Join(ModuleAttrs(), {{"dim", None()}}), softmax), "ACCEPTED");
  EXPECT_TRUE(OutcomeAs(ModuleAttrs(), softmax).starts_with("STATE_RULE"));
  EXPECT_TRUE(
      OutcomeAs(Join(ModuleAttrs(), {{"dim", Str("x")}}), softmax).starts_with("STATE_RULE"));
  const std::string conv = "torch.nn.modules.conv.Conv2d";
  EXPECT_EQ(OutcomeAs(Join(ModuleAttrs(), {{"padding_mode", Str("zeros")}}), conv), "ACCEPTED");
  EXPECT_TRUE(OutcomeAs(ModuleAttrs(), conv).starts_with("STATE_RULE"));
  EXPECT_TRUE(
      OutcomeAs(Join(ModuleAttrs(), {{"padding_mode", Str("x")}}), conv).starts_with("STATE_RULE"));
}

TEST(Module, ClassesThatAreNotListed) {
  for (const char* name :
       {"torch.nn.modules.module.Module", "torch.nn.modules.lazy.LazyModuleMixin", "__main__.Net",
        "torch.nn.parallel.distributed.DistributedDataParallel",
        "torch.nn.utils.prune.L1Unstructured", "torch.ao.nn.quantized.modules.linear.Linear",
        "torch.fx.graph_module.GraphModule", "torch.jit._script.RecursiveScriptModule",
        "torch.optim.lr_scheduler.LambdaLR"}) {
    EXPECT_TRUE(OutcomeAs(ModuleAttrs(), name).starts_with("NAME_NOT_LISTED")) << name;
  }
}

TEST(Module, AClassThatAPersonListedIsAModuleAllTheSame) {
  const auto verdict =
      VerifyMade(Obj("mine.Net", ModuleAttrs({}, {{"fc", Linear(2, 1)}})), "torch");
  ASSERT_TRUE(verdict.ok());
  ASSERT_FALSE(verdict->report.findings().empty());
  const std::string line = verdict->report.findings(0).allow();
  ASSERT_FALSE(line.empty());
  v1::Policy composed = Policies().Find("torch")->composed();
  ASSERT_NE(line.find("mine.Net"), std::string::npos);
  v1::Entry* entry = composed.add_entries();
  entry->set_name("mine.Net");
  entry->set_trust(v1::TRUST_NEW_DICT);
  v1::StateRule* rule = entry->add_state();
  rule->set_key("_modules");
  rule->add_kinds(v1::VALUE_KIND_DICT);
  rule->add_kinds(v1::VALUE_KIND_OBJECT);
  const auto policy = policy::CompiledPolicy::Compile(composed);
  ASSERT_TRUE(policy.ok()) << policy.status();
  const auto outcome = [&](Attrs attrs) {
    Draft draft;
    const NodeId root = Obj("mine.Net", std::move(attrs))(draft);
    return Outcome(VerifyDraft(draft, root, **policy));
  };
  const Attrs good = ModuleAttrs({}, {{"fc", Linear(2, 1)}});
  EXPECT_EQ(outcome(good), "ACCEPTED");
  EXPECT_EQ(outcome(With(good, "mean", Blank({3}))), "ACCEPTED");
  EXPECT_TRUE(outcome(With(good, "forward", Int(1))).starts_with(kModule));
  EXPECT_TRUE(outcome(With(good, "_forward_hooks", Dict({{"0", Int(1)}}))).starts_with(kModule));
  EXPECT_TRUE(
      outcome(With(good, "_modules", Dict({{"state_dict", Linear(2, 1)}}))).starts_with(kModule));
}

}  // namespace
}  // namespace loadlock::verify::testing
