// OPT: what an optimizer's fused step would believe. Also the small values of checkpoints.
#include "server/verify/torch/optimizer.h"

#include <gtest/gtest.h>

#include "server/verify/testing/torch.h"

namespace loadlock::verify::testing {
namespace {

Maker Group(const std::string& key, Maker value) {
  return Dict({{"params", List({Int(0)})}, {"lr", Float(0.1)}, {key, std::move(value)}});
}

Maker Saved(Maker group) {
  return Dict({{"state", Dict({})}, {"param_groups", List({std::move(group)})}});
}

TEST(SavedOptimizer, NothingFused) {
  for (const char* key : {"fused", "foreach", "capturable"}) {
    EXPECT_EQ(TorchOutcome(Saved(Group(key, None()))), "ACCEPTED");
    EXPECT_EQ(TorchOutcome(Saved(Group(key, Bool(false)))), "ACCEPTED");
    for (const Maker& value : {Int(1), Int(0), Str("x"), List({}), Blank({1})}) {
      EXPECT_TRUE(TorchOutcome(Saved(Group(key, value))).starts_with("INVARIANT_OPTIMIZER")) << key;
    }
  }
  EXPECT_TRUE(TorchOutcome(Saved(Group("fused", Bool(true)))).starts_with("INVARIANT_OPTIMIZER"));
  for (const char* key : {"foreach", "capturable"}) {
    EXPECT_EQ(TorchOutcome(Saved(Group(key, Bool(true)))), "ACCEPTED");
    const Maker both = Dict({{"params", List({Int(0)})}, {key, Bool(true)}, {"fused", Bool(true)}});
    EXPECT_TRUE(TorchOutcome(Saved(both)).starts_with("INVARIANT_OPTIMIZER"));
  }
  // Wherever it stands, and however the dicts are written.
  const Maker fused = Group("fused", Bool(true));
  EXPECT_TRUE(TorchOutcome(Dict({{"epoch", Int(1)}, {"optimizer", List({Saved(fused)})}}))
                  .starts_with("INVARIANT_OPTIMIZER"));
  EXPECT_TRUE(TorchOutcome(Dict({{"state", None()}, {"param_groups", Tuple({Dict({}), fused})}}))
                  .starts_with("INVARIANT_OPTIMIZER"));
  const Makers pairs = {Str("param_groups"), List({Pairs({Str("fused"), Bool(true)})}),
                        Str("state"), Dict({})};
  EXPECT_TRUE(TorchOutcome(Pairs(pairs)).starts_with("INVARIANT_OPTIMIZER"));
  EXPECT_TRUE(
      TorchOutcome(Pairs(pairs, v1::NODE_KIND_ORDERED_DICT)).starts_with("INVARIANT_OPTIMIZER"));
  EXPECT_TRUE(TorchOutcome(StateDict(Dict({}), pairs)).starts_with("INVARIANT_OPTIMIZER"));
  EXPECT_TRUE(TorchOutcome(Dict({{"state", None()},
                                 {"param_groups", List({Call("collections.defaultdict", {})})}}))
                  .starts_with("INVARIANT_OPTIMIZER"));
  // A dict that no optimizer takes.
  EXPECT_EQ(TorchOutcome(Dict({{"fused", Bool(true)}})), "ACCEPTED");
}

// Adam over one parameter of two by three, with this state.
Attrs Adam(Attrs state, const Maker& parameter) {
  return {{"defaults", Dict({{"lr", Float(0.1)}})},
          {"state", Pairs({parameter, Dict(std::move(state))})},
          {"param_groups", List({Dict({{"params", List({parameter})}, {"fused", None()}})})}};
}

std::string OutcomeAs(Attrs attrs) {
  return TorchOutcome(Obj("torch.optim.adam.Adam", std::move(attrs)));
}

TEST(Optimizer, StateHasTheShapeOfItsParameter) {
  const Maker parameter = Once(Parameter(Blank({2, 3})));
  const Attrs good = Adam(
      {{"step", Blank({})}, {"exp_avg", Blank({2, 3})}, {"exp_avg_sq", Blank({2, 3})}}, parameter);
  EXPECT_EQ(OutcomeAs(good), "ACCEPTED");
  EXPECT_EQ(OutcomeAs(Adam({{"step", Int(3)}, {"momentum_buffer", None()}}, parameter)),
            "ACCEPTED");
  for (const Attrs& state : std::vector<Attrs>{
           {{"exp_avg", Blank({1})}},
           {{"exp_avg", Blank({3, 2})}},
           {{"exp_avg", Blank({})}},
           {{"exp_avg", Tensor<double>({2, 3}, {1, 2, 3, 4, 5, 6})}},
           {{"exp_avg", List({})}},
           {{"exp_avg", Quantized({})}},
           {{"step", Blank({1})}},
       }) {
    EXPECT_TRUE(OutcomeAs(Adam(state, parameter)).starts_with("INVARIANT_OPTIMIZER"));
  }
  const Maker other = Once(Parameter(Blank({2, 3})));
  for (const Attrs& broken :
       {With(good, "state", Pairs({other, Dict({})})),
        With(good, "state", Pairs({Int(0), Dict({})})),
        With(good, "state", Pairs({parameter, Int(1)})),
        With(good, "state", Dict({{"a", Dict({})}})), With(good, "state", nullptr),
        With(good, "param_groups", Tuple({})), With(good, "param_groups", List({Dict({})})),
        With(good, "param_groups", List({Dict({{"params", List({Int(0)})}})})),
        With(good, "param_groups",
             List({Dict({{"params", List({parameter})}, {"fused", Bool(true)}})})),
        With(good, "_optimizer_step_pre_hooks", Dict({{"0", Int(1)}})), With(good, "step", None()),
        With(good, "zero_grad", None()), With(good, "defaults", Dict({{"fused", Bool(true)}})),
        With(good, "defaults", Dict({{"foreach", Bool(true)}})),
        With(good, "param_groups",
             List({Dict({{"params", List({parameter})}, {"capturable", Bool(true)}})}))}) {
    EXPECT_NE(OutcomeAs(broken), "ACCEPTED");
  }
}

TEST(Optimizer, StateInADefaultDict) {
  const Maker parameter = Once(Parameter(Blank({2})));
  const auto state = [&](const Maker& average) -> Maker {
    return [=](Draft& draft) {
      const NodeId callee = Name("collections.defaultdict")(draft);
      const NodeId args = Tuple({Name("builtins.dict")})(draft);
      const NodeId items = Pairs({parameter, Dict({{"exp_avg", average}})})(draft);
      return draft.Node(v1::NODE_KIND_CALL, {callee, args, kAbsent, kAbsent, items});
    };
  };
  EXPECT_EQ(OutcomeAs(With(Adam({}, parameter), "state", state(Blank({2})))), "ACCEPTED");
  EXPECT_TRUE(OutcomeAs(With(Adam({}, parameter), "state", state(Blank({1}))))
                  .starts_with("INVARIANT_OPTIMIZER"));
}

TEST(Checkpoints, PathsAndTimes) {
  const auto bytes = [](const std::string& text) -> Maker {
    return [=](Draft& draft) { return draft.Node(v1::NODE_KIND_BYTES, {draft.Blob(text)}); };
  };
  EXPECT_EQ(TorchOutcome(Call("pathlib.PurePosixPath", {Str("/"), Str("runs")})), "ACCEPTED");
  EXPECT_EQ(TorchOutcome(Call("pathlib.PosixPath", {})), "ACCEPTED");
  EXPECT_TRUE(TorchOutcome(Call("pathlib.PosixPath", {Int(1)})).starts_with("SCHEMA"));
  EXPECT_TRUE(TorchOutcome(Call("pathlib.PosixPath", {}, Dict({}))).starts_with("SCHEMA"));
  const std::string noon("\x07\xE8\x02\x1D\x0C\x00\x00\x00\x00\x00", 10);
  EXPECT_EQ(TorchOutcome(Call("datetime.datetime", {bytes(noon)})), "ACCEPTED");
  EXPECT_EQ(TorchOutcome(Call("datetime.date", {bytes(noon.substr(0, 4))})), "ACCEPTED");
  const std::string no_leap("\x07\xE9\x02\x1D", 4);
  EXPECT_TRUE(TorchOutcome(Call("datetime.date", {bytes(no_leap)})).starts_with("SCHEMA"));
  EXPECT_TRUE(TorchOutcome(Call("datetime.date", {bytes(noon)})).starts_with("SCHEMA"));
  EXPECT_TRUE(TorchOutcome(Call("datetime.date", {Int(1)})).starts_with("SCHEMA"));
  EXPECT_TRUE(TorchOutcome(Call("datetime.datetime", {bytes(std::string(10, '\xFF'))}))
                  .starts_with("SCHEMA"));
  EXPECT_EQ(TorchOutcome(Call("datetime.timedelta", {Int(-3), Int(5), Int(7)})), "ACCEPTED");
  EXPECT_EQ(TorchOutcome(Call("datetime.time", {bytes(noon.substr(4))})), "ACCEPTED");
  EXPECT_TRUE(TorchOutcome(Call("datetime.time", {bytes(noon)})).starts_with("SCHEMA"));
  EXPECT_TRUE(TorchOutcome(Call("datetime.timedelta", {Int(int64_t{1} << 40), Int(0), Int(0)}))
                  .starts_with("SCHEMA"));
  const Maker hour = Call("datetime.timedelta", {Int(0), Int(3600), Int(0)});
  const Maker day = Call("datetime.timedelta", {Int(1), Int(0), Int(0)});
  const Maker zone = Call("datetime.timezone", {hour, Str("CET")});
  EXPECT_EQ(TorchOutcome(zone), "ACCEPTED");
  EXPECT_EQ(TorchOutcome(Call("datetime.datetime", {bytes(noon), zone})), "ACCEPTED");
  EXPECT_EQ(TorchOutcome(Call("datetime.time", {bytes(noon.substr(4))})), "ACCEPTED");
  EXPECT_EQ(TorchOutcome(Call("datetime.time", {bytes(noon.substr(4)), zone})), "ACCEPTED");
  for (const Maker& wrong :
       {Call("datetime.timezone", {day}), Call("datetime.timezone", {Int(1)}),
        Call("datetime.timezone", {hour, Int(1)}), Call("datetime.timezone", {}),
        Call("datetime.date", {bytes(noon.substr(0, 4)), zone}),
        Call("datetime.datetime", {bytes(noon), hour}),
        Call("datetime.datetime", {bytes(noon), Int(1)}),
        Call("datetime.time", {bytes(std::string(6, '\x3D'))}),
        Call("datetime.time", {bytes(noon)})}) {
    EXPECT_TRUE(TorchOutcome(wrong).starts_with("SCHEMA")) << TorchOutcome(wrong);
  }
  EXPECT_EQ(TorchOutcome(Obj("argparse.Namespace", {{"lr", Float(1)}, {"betas", List({})}})),
            "ACCEPTED");
  EXPECT_EQ(TorchOutcome(Obj("argparse.Namespace",
                             {{"out", Call("pathlib.PosixPath", {Str("runs")})},
                              {"dtype", Name("torch.float16")},
                              {"more", List({Obj("argparse.Namespace", {{"when", zone}})})}})),
            "ACCEPTED");
  EXPECT_NE(TorchOutcome(Obj("argparse.Namespace", {{"act", Name("torch.nn.functional.relu")}})),
            "ACCEPTED");
  EXPECT_NE(TorchOutcome(Obj("argparse.Namespace", {{"all", List({Linear(1, 1)})}})), "ACCEPTED");
  EXPECT_NE(TorchOutcome(Obj("argparse.Namespace", {{"net", Linear(1, 1)}})), "ACCEPTED");
  EXPECT_NE(TorchOutcome(Obj("argparse.Namespace", {{"__class__", Int(1)}})), "ACCEPTED");
  EXPECT_NE(TorchOutcome(Obj("argparse.Namespace", {{"_get_args", Int(1)}})), "ACCEPTED");
}

TEST(Checkpoints, TimesInAZone) {
  const Maker noon = [](Draft& draft) {
    const std::string packed("\x07\xE8\x02\x1D\x0C\x00\x00\x00\x00\x00", 10);
    return draft.Node(v1::NODE_KIND_BYTES, {draft.Blob(packed)});
  };
  const auto delta = [](int64_t days, int64_t seconds) {
    return Call("datetime.timedelta", {Int(days), Int(seconds), Int(0)});
  };
  const auto zone = [](const Maker& offset) { return Call("datetime.timezone", {offset}); };
  for (const Maker& good : {zone(delta(0, 7200)), zone(delta(-1, 80000)),
                            Call("datetime.datetime", {noon, zone(delta(0, 0))}),
                            Call("datetime.timezone", {delta(0, 3600), Str("CET")})}) {
    EXPECT_EQ(TorchOutcome(good), "ACCEPTED");
  }
  for (const Maker& bad :
       {zone(delta(1, 0)), zone(delta(-1, 0)), zone(Int(0)), Call("datetime.timezone", {}),
        Call("datetime.timezone", {delta(0, 3600), Int(1)}),
        Call("datetime.timezone", {delta(0, 3600), Str(std::string(1000, 'x'))}),
        Call("datetime.datetime", {noon, delta(0, 0)}), Call("datetime.datetime", {noon, None()}),
        Call("datetime.date", {noon, zone(delta(0, 0))})}) {
    EXPECT_TRUE(TorchOutcome(bad).starts_with("SCHEMA")) << TorchOutcome(bad);
  }
}

}  // namespace
}  // namespace loadlock::verify::testing
