// STRIDED, QUANT and attributes of tensors: each clause broken once. The lines of torch's crash
// table that a tensor alone can be are among them.
#include "server/verify/torch/tensor.h"

#include <gtest/gtest.h>

#include <limits>

#include "server/verify/testing/torch.h"

namespace loadlock::verify::testing {
namespace {

constexpr int64_t kHuge = int64_t{1} << 62;
constexpr int64_t kMost = std::numeric_limits<int64_t>::max();

// Twelve float32.
Maker Twelve() { return Storage("float32", std::string(48, '\0')); }
std::string OutcomeAs(ViewSpec view) { return TorchOutcome(TensorOf(Twelve(), std::move(view))); }

TEST(Strided, ViewsInsideTheirStorage) {
  for (const ViewSpec& view : std::vector<ViewSpec>{
           {"float32", {3, 4}, {4, 1}},
           {"float32", {4, 3}, {1, 4}},
           {"float32", {}, {}, 11},
           {"float32", {2, 2}, {6, 2}, 3},
           {"float32", {5, 12}, {0, 1}},
           {"float32", {0, 7}, {7, 1}, 12},
           {"float32", {0}, {kMost}},
           {"float32", {1, 12}, {kMost, 1}},
           {"float32", {3, 4}, {4, 1}, 0, torch::kRequiresGrad},
           {"float32", {3, 4}, {4, 1}, 0, torch::kNegative},
       }) {
    EXPECT_EQ(OutcomeAs(view), "ACCEPTED");
  }
}

TEST(Strided, NothingReachesPastIt) {
  const std::vector<ViewSpec> broken = {
      {"float32", {13}, {1}},
      {"float32", {12}, {1}, 1},
      {"float32", {}, {}, 12},
      {"float32", {3, 4}, {4, 2}},
      {"float32", {2}, {12}},
      {"float32", {0, 7}, {7, 1}, 13},
      {"float32", {0}, {1}, kHuge},
      {"float32", {12}, {1}, -1},
      {"float32", {12}, {-1}, 11},
      {"float32", {-1}, {1}},
      {"float32", {0, -1}, {1, 1}},
      {"float32", {2}, {kMost}},
      {"float32", {3, 3}, {kMost, kMost}, kMost},
      {"float32", {1}, {1}, kMost},
      {"float32", {int64_t{1} << 40, int64_t{1} << 40}, {0, 0}},
      {"float32", {kHuge, 4}, {0, 0}},
      {"float32", {kMost, 0}, {0, 0}},
      {"float64", {6}, {1}},
      {"uint8", {48}, {1}},
      {"int32", {12}, {1}},
  };
  for (size_t i = 0; i < broken.size(); ++i) {
    EXPECT_TRUE(OutcomeAs(broken[i]).starts_with("INVARIANT_STRIDED")) << i << OutcomeAs(broken[i]);
  }
}

TEST(Strided, TooManyDimensionsOrAnUnknownTypeIsMalformed) {
  const std::vector<int64_t> ones(64, 1);
  EXPECT_EQ(OutcomeAs({"float32", ones, ones}), "ACCEPTED");
  const std::vector<int64_t> more(65, 1);
  EXPECT_TRUE(OutcomeAs({"float32", more, more}).starts_with("MALFORMED"));
  for (const char* type : {"quint4x2", "quint2x4", "bits8", "int4", "uint1", "bcomplex32", "Float",
                           "torch.float32", "", "object"}) {
    EXPECT_TRUE(OutcomeAs({type, {1}, {1}}).starts_with("MALFORMED")) << type;
    EXPECT_TRUE(TorchOutcome(Storage(type, "12345678")).starts_with("MALFORMED")) << type;
  }
}

TEST(Strided, AStorageIsExactlyAsLongAsItSays) {
  EXPECT_EQ(TorchOutcome(Twelve()), "ACCEPTED");
  EXPECT_EQ(TorchOutcome(Storage("float8_e5m2", "123")), "ACCEPTED");
  for (const int64_t elements : {int64_t{11}, int64_t{13}, int64_t{0}, kHuge, kMost}) {
    EXPECT_TRUE(
        TorchOutcome(Storage("float32", std::string(48, '\0'), elements)).starts_with("MALFORMED"))
        << elements;
  }
  EXPECT_TRUE(TorchOutcome(MetaStorage("float32", -5)).starts_with("MALFORMED"));
  EXPECT_TRUE(TorchOutcome(MetaStorage("float32", kHuge)).starts_with("MALFORMED"));
}

TEST(Strided, AnUntypedStorageHoldsAnyType) {
  const Maker bytes = Storage("uint8", std::string(10, '\0'));
  EXPECT_EQ(TorchOutcome(TensorOf(bytes, {"float32", {2}, {1}})), "ACCEPTED");
  EXPECT_EQ(TorchOutcome(TensorOf(bytes, {"float64", {1}, {1}})), "ACCEPTED");
  EXPECT_TRUE(
      TorchOutcome(TensorOf(bytes, {"float32", {3}, {1}})).starts_with("INVARIANT_STRIDED"));
  EXPECT_TRUE(
      TorchOutcome(TensorOf(bytes, {"float64", {2}, {1}})).starts_with("INVARIANT_STRIDED"));
  // An empty storage has no bytes to be read as anything.
  EXPECT_EQ(TorchOutcome(TensorOf(Storage("int64", ""), {"float32", {0}, {1}})), "ACCEPTED");
}

TEST(Strided, StoragesAreShared) {
  const Maker storage = Once(Twelve());
  EXPECT_EQ(TorchOutcome(List({TensorOf(storage, {"float32", {3, 4}, {4, 1}}),
                               TensorOf(storage, {"float32", {4, 3}, {1, 4}}), storage})),
            "ACCEPTED");
}

TEST(Strided, NoTwoStoragesHaveTheSameBytes) {
  Draft draft;
  const uint32_t buffer = draft.Buffer("1234");
  const auto storage = [&] {
    return draft.Node(v1::NODE_KIND_STORAGE, {draft.String("uint8"), buffer, draft.Int(4)});
  };
  const NodeId first = storage();
  const NodeId second = storage();
  const NodeId root = draft.Node(v1::NODE_KIND_LIST, {first, second});
  EXPECT_TRUE(Outcome(VerifyDraft(draft, root, "torch")).starts_with("INVARIANT_STRIDED"));
}

// Nodes are numbered anew when an attribute is replaced.
TEST(Strided, TensorsSurviveAForcedValue) {
  QuantSpec channels;
  channels.scales = Tensor<double>({3}, {0.5, 1, 2});
  channels.zeros = Tensor<int64_t>({3}, {0, 0, 0});
  channels.axis = 1;
  const Maker root =
      List({Obj("sklearn.linear_model._base.LinearRegression", {{"n_jobs", Int(64)}}),
            Quantized(channels), Parameter(Blank({2}), true, Dict({{"note", Int(7)}})),
            Sparse({"sparse_coo", 0, {2, 3}, {Tensor<int64_t>({2, 1}, {1, 2}), Blank({1})}}),
            StateDict(Dict({{"", Dict({})}}), {Str("weight"), WithState(Blank({1}), Dict({}))})});
  Draft draft;
  const NodeId id = root(draft);
  const auto verdict = VerifyDraft(draft, id, "default");
  ASSERT_EQ(Outcome(verdict), "ACCEPTED");
  const v1::Graph changed = verdict->graph->graph();
  EXPECT_NE(changed.operands_size(), draft.graph().operands_size());
  draft.graph() = changed;
  const auto again = VerifyDraft(draft, changed.root(), "default");
  EXPECT_EQ(Outcome(again), "ACCEPTED");
  EXPECT_TRUE(again->report.findings().empty());
}

TEST(Strided, FlagsFitTheType) {
  const auto outcome = [](const char* type, uint32_t flags) {
    return TorchOutcome(
        TensorOf(Storage("uint8", std::string(16, '\0')), {type, {1}, {1}, 0, flags}));
  };
  EXPECT_EQ(outcome("complex64", torch::kConjugate | torch::kNegative | torch::kRequiresGrad),
            "ACCEPTED");
  EXPECT_EQ(outcome("float8_e4m3fn", torch::kRequiresGrad), "ACCEPTED");
  EXPECT_EQ(outcome("int64", torch::kNegative), "ACCEPTED");
  EXPECT_TRUE(outcome("float32", torch::kConjugate).starts_with("INVARIANT_STRIDED"));
  EXPECT_TRUE(outcome("bool", torch::kNegative).starts_with("INVARIANT_STRIDED"));
  EXPECT_TRUE(outcome("int64", torch::kRequiresGrad).starts_with("INVARIANT_STRIDED"));
  EXPECT_TRUE(outcome("bool", torch::kRequiresGrad).starts_with("INVARIANT_STRIDED"));
  EXPECT_TRUE(outcome("float32", torch::kCoalesced).starts_with("MALFORMED"));
  // Without a quantizer, using it ends in an internal assertion.
  EXPECT_TRUE(TorchOutcome(TensorOf(Storage("qint8", "12"), {"qint8", {2}, {1}}))
                  .starts_with("INVARIANT_STRIDED"));
}

TEST(Strided, OnTheMetaDevice) {
  const int64_t many = int64_t{1} << 40;
  EXPECT_EQ(TorchOutcome(TensorOf(MetaStorage("float32", many), {"float32", {many}, {1}})),
            "ACCEPTED");
  EXPECT_TRUE(TorchOutcome(TensorOf(MetaStorage("float32", many), {"float32", {many}, {2}}))
                  .starts_with("INVARIANT_STRIDED"));
}

TEST(Strided, RepeatedElementsAreCharged) {
  EXPECT_EQ(OutcomeAs({"float32", {1000, 1000}, {0, 0}}), "ACCEPTED");
  EXPECT_TRUE(OutcomeAs({"float32", {int64_t{1} << 40}, {0}}).starts_with("BUDGET_ELEMENTS"));
  // Each alone would do.
  const Maker storage = Once(Twelve());
  Makers views;
  for (int i = 0; i < 5; ++i) {
    views.push_back(TensorOf(storage, {"float32", {int64_t{1} << 26}, {0}}));
  }
  EXPECT_TRUE(TorchOutcome(List(views)).starts_with("BUDGET_ELEMENTS"));
}

TEST(Quantized, SoundOnesPass) {
  EXPECT_EQ(TorchOutcome(Quantized({})), "ACCEPTED");
  QuantSpec wide;
  wide.dtype = wide.storage = "qint32";
  wide.bytes = std::string(24, '\0');
  wide.zero = std::numeric_limits<int32_t>::min();
  EXPECT_EQ(TorchOutcome(Quantized(wide)), "ACCEPTED");
  QuantSpec channels;
  channels.scales = Tensor<double>({3}, {0.5, 1, 2});
  channels.zeros = Tensor<int64_t>({3}, {0, -128, 127});
  channels.axis = 1;
  EXPECT_EQ(TorchOutcome(Quantized(channels)), "ACCEPTED");
}

TEST(Quantized, EveryClauseIsChecked) {
  const auto outcome = [](auto edit) {
    QuantSpec spec;
    edit(spec);
    return TorchOutcome(Quantized(spec));
  };
  const std::vector<std::string> broken = {
      outcome([](QuantSpec& s) {
        s.sizes = {2, 4};
      }),
      outcome([](QuantSpec& s) {
        s.strides = {4, 1};
      }),
      outcome([](QuantSpec& s) {
        s.dtype = s.storage = "qint32";
        s.bytes = "12345678";
      }),
      outcome([](QuantSpec& s) {
        s.dtype = "int8";
        s.storage = "int8";
      }),
      outcome([](QuantSpec& s) { s.storage = "uint8"; }),
      outcome([](QuantSpec& s) { s.storage = "quint8"; }),
      outcome([](QuantSpec& s) { s.scale = 0; }),
      outcome([](QuantSpec& s) { s.scale = -1; }),
      outcome([](QuantSpec& s) { s.scale = std::numeric_limits<double>::infinity(); }),
      outcome([](QuantSpec& s) { s.scale = std::numeric_limits<double>::quiet_NaN(); }),
      outcome([](QuantSpec& s) { s.zero = 128; }),
      outcome([](QuantSpec& s) { s.zero = -129; }),
      outcome([](QuantSpec& s) {
        s.dtype = s.storage = "quint8";
        s.zero = -1;
      }),
  };
  for (size_t i = 0; i < broken.size(); ++i) {
    EXPECT_TRUE(broken[i].starts_with("INVARIANT_QUANTIZED")) << i << ": " << broken[i];
  }
  EXPECT_TRUE(
      outcome([](QuantSpec& s) { s.dtype = s.storage = "quint4x2"; }).starts_with("MALFORMED"));
}

TEST(Quantized, EveryClauseOfChannelsIsChecked) {
  const auto outcome = [](Maker scales, Maker zeros, int64_t axis) {
    QuantSpec spec;
    spec.scales = std::move(scales);
    spec.zeros = std::move(zeros);
    spec.axis = axis;
    return TorchOutcome(Quantized(spec));
  };
  const Maker scales = Tensor<double>({2}, {0.5, 1});
  const Maker zeros = Tensor<int64_t>({2}, {0, 0});
  const Maker spread = Storage("float64", std::string(64, '\1'));
  EXPECT_EQ(outcome(scales, zeros, 0), "ACCEPTED");
  const std::vector<std::string> broken = {
      outcome(scales, zeros, 1),
      outcome(scales, zeros, 2),
      outcome(scales, zeros, -1),
      outcome(scales, zeros, int64_t{1} << 40),
      outcome(Tensor<double>({3}, {1, 1, 1}), zeros, 0),
      outcome(Tensor<double>({2, 1}, {1, 1}), zeros, 0),
      outcome(Tensor<float>({2}, {1, 1}), zeros, 0),
      outcome(Tensor<double>({2}, {1, 0}), zeros, 0),
      outcome(scales, Tensor<int32_t>({2}, {0, 0}), 0),
      outcome(scales, Tensor<int64_t>({2}, {0, 128}), 0),
      outcome(scales, Tensor<int64_t>({1}, {0}), 0),
      outcome(TensorOf(spread, {"float64", {2}, {2}}), zeros, 0),
      outcome(TensorOf(spread, {"float64", {2}, {0}}), zeros, 0),
      outcome(TensorOf(MetaStorage("float64", 2), {"float64", {2}, {1}}), zeros, 0),
  };
  for (size_t i = 0; i < broken.size(); ++i) {
    EXPECT_TRUE(broken[i].starts_with("INVARIANT_QUANTIZED")) << i << ": " << broken[i];
  }
  // Past its own storage, which is told of the tensor itself as well.
  EXPECT_NE(outcome(TensorOf(Storage("float64", "12345678"), {"float64", {2}, {1}}), zeros, 0),
            "ACCEPTED");
}

TEST(Parameter, SoundOnesPass) {
  EXPECT_EQ(TorchOutcome(Parameter(Blank({2}))), "ACCEPTED");
  EXPECT_EQ(TorchOutcome(Parameter(Tensor<int64_t>({1}, {1}), false)), "ACCEPTED");
  EXPECT_EQ(TorchOutcome(Parameter(Quantized({}), false)), "ACCEPTED");
  EXPECT_EQ(
      TorchOutcome(Parameter(Blank({2}), true, Dict({{"my_note", Dict({{"lr", Float(1)}})}}))),
      "ACCEPTED");
  EXPECT_EQ(TorchOutcome(WithState(Blank({2}), Dict({{"tag", Blank({1})}}))), "ACCEPTED");
  EXPECT_EQ(TorchOutcome(WithState(Blank({2}), Dict({{"_is_buffer", Bool(true)}}))), "ACCEPTED");
}

TEST(Parameter, OnlyNumbersWithGradientsRequireThem) {
  EXPECT_TRUE(TorchOutcome(Parameter(Tensor<int64_t>({1}, {1}))).starts_with("INVARIANT_STRIDED"));
  EXPECT_TRUE(TorchOutcome(Parameter(Quantized({}))).starts_with("INVARIANT_STRIDED"));
}

TEST(Parameter, HoldersAreNotNested) {
  EXPECT_TRUE(TorchOutcome(Parameter(Parameter(Blank({1})))).starts_with("MALFORMED"));
  EXPECT_TRUE(TorchOutcome(WithState(Parameter(Blank({1})), Dict({}))).starts_with("MALFORMED"));
  EXPECT_TRUE(TorchOutcome(Parameter(Twelve())).starts_with("MALFORMED"));
  EXPECT_TRUE(TorchOutcome(Parameter(Dict({}))).starts_with("MALFORMED"));
}

TEST(Parameter, AttributesOfTensorsAreNeverSet) {
  for (const char* key :
       {"data", "grad", "requires_grad", "__class__", "_backward_hooks", "backward", "shape", "sum",
        "__dict__", "_grad_fn", "_anything", "to", "numpy", "is_leaf", "untyped_storage", "real"}) {
    const Maker state = Dict({{key, None()}});
    EXPECT_TRUE(TorchOutcome(Parameter(Blank({1}), true, state)).starts_with("TENSOR_ATTRIBUTE"))
        << key;
    EXPECT_TRUE(TorchOutcome(WithState(Blank({1}), state)).starts_with("TENSOR_ATTRIBUTE")) << key;
  }
  EXPECT_TRUE(TorchOutcome(WithState(Blank({1}), Dict({{"_is_buffer", Str("x")}})))
                  .starts_with("TENSOR_ATTRIBUTE"));
  EXPECT_TRUE(
      TorchOutcome(WithState(Blank({1}), Pairs({Int(1), Int(2)}))).starts_with("KEY_NOT_STR"));
  EXPECT_TRUE(TorchOutcome(WithState(Blank({1}), Pairs({Str("a"), Int(1), Str("a"), Int(2)})))
                  .starts_with("TENSOR_ATTRIBUTE"));
  EXPECT_TRUE(TorchOutcome(WithState(Blank({1}), Dict({{"note", Linear(1, 1)}})))
                  .starts_with("TENSOR_ATTRIBUTE"));
  // A policy that knows no tensors lets none have attributes.
  EXPECT_TRUE(Outcome(VerifyMade(WithState(Blank({1}), Dict({{"note", None()}})), "sklearn"))
                  .starts_with("TENSOR_ATTRIBUTE"));
}

TEST(Values, SizesDevicesAndStateDicts) {
  const auto size = [](std::vector<int64_t> sizes) -> Maker {
    return [sizes = std::move(sizes)](Draft& draft) {
      return draft.Node(v1::NODE_KIND_TORCH_SIZE,
                        {draft.Ints(sizes), static_cast<uint32_t>(sizes.size())});
    };
  };
  EXPECT_EQ(TorchOutcome(size({1, 0, kMost})), "ACCEPTED");
  EXPECT_TRUE(TorchOutcome(size({-1})).starts_with("STATE_RULE"));
  EXPECT_TRUE(TorchOutcome(size(std::vector<int64_t>(65, 1))).starts_with("MALFORMED"));
  const auto device = [](const char* type, uint32_t index) -> Maker {
    return [=](Draft& draft) {
      return draft.Node(v1::NODE_KIND_TORCH_DEVICE, {draft.String(type), index});
    };
  };
  EXPECT_EQ(TorchOutcome(device("cuda", 127)), "ACCEPTED");
  EXPECT_EQ(TorchOutcome(device("cpu", kAbsent)), "ACCEPTED");
  EXPECT_TRUE(TorchOutcome(device("cuda", 128)).starts_with("MALFORMED"));
  EXPECT_TRUE(TorchOutcome(device("fpga", 0)).starts_with("MALFORMED"));
  const Maker versions = Dict({{"", Dict({{"version", Int(1)}})}, {"a.b", Dict({})}});
  const Makers items = {Str("weight"), Blank({2})};
  EXPECT_EQ(TorchOutcome(StateDict(versions, items)), "ACCEPTED");
  EXPECT_TRUE(TorchOutcome(StateDict(Dict({{"", Int(1)}}), items)).starts_with("STATE_RULE"));
  EXPECT_TRUE(TorchOutcome(StateDict(Pairs({Int(1), Dict({})}), items)).starts_with("STATE_RULE"));
  EXPECT_TRUE(TorchOutcome(StateDict(Dict({{"", Dict({{"v", Linear(1, 1)}})}}), items))
                  .starts_with("STATE_RULE"));
  EXPECT_TRUE(TorchOutcome(StateDict(List({}), items)).starts_with("MALFORMED"));
  EXPECT_TRUE(TorchOutcome(StateDict(versions, {Str("weight")})).starts_with("MALFORMED"));
  EXPECT_TRUE(TorchOutcome(StateDict(versions, {List({}), None()})).starts_with("STATE_RULE"));
}

TEST(Values, NamesWithoutBehaviourStandAnywhere) {
  EXPECT_EQ(TorchOutcome(Name("torch.float32")), "ACCEPTED");
  EXPECT_EQ(
      TorchOutcome(Dict({{"dtype", Name("torch.qint8")}, {"l", List({Name("torch.strided")})}})),
      "ACCEPTED");
  for (const char* name : {"torch.Tensor", "torch.FloatStorage", "torch.nn.parameter.Parameter",
                           "torch.nn.functional.relu", "torch._utils._rebuild_tensor_v2"}) {
    EXPECT_TRUE(TorchOutcome(List({Name(name)})).starts_with("NAME_NOT_HERE")) << name;
  }
  for (const char* name :
       {"torch.quint4x2", "torch.jit._script.ScriptModule", "torch.Generator",
        "torch._utils._rebuild_nested_tensor", "torch.nn.modules.module.Module"}) {
    EXPECT_TRUE(TorchOutcome(List({Name(name)})).starts_with("NAME_NOT_LISTED")) << name;
  }
}

TEST(Values, TensorsAreKeysByTheirIdentity) {
  Makers items;
  const Maker storage = Once(Twelve());
  for (int i = 0; i < 3000; ++i) {
    items.push_back(TensorOf(storage, {"float32", {1}, {1}}));
    items.push_back(None());
  }
  EXPECT_EQ(TorchOutcome(Pairs(items)), "ACCEPTED");
}

}  // namespace
}  // namespace loadlock::verify::testing
