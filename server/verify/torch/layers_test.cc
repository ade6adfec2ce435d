// RNN, MHA and other layers: the lines of torch's crash table that a module can be.
#include "server/verify/torch/layers.h"

#include <gtest/gtest.h>

#include "server/verify/testing/torch.h"

namespace loadlock::verify::testing {
namespace {

constexpr char kLstm[] = "torch.nn.modules.rnn.LSTM";
constexpr char kAttention[] = "torch.nn.modules.activation.MultiheadAttention";
constexpr char kLayer[] = "torch.nn.modules.transformer.TransformerEncoderLayer";

struct RnnSpec {
  std::string mode = "LSTM";
  int64_t gates = 4;
  int64_t input = 2;
  int64_t hidden = 3;
  int64_t layers = 2;
  int64_t projection = 0;
  bool bidirectional = true;
  bool bias = true;
};

// The weights by name, in torch's order.
std::vector<std::pair<std::string, Maker>> Weights(const RnnSpec& spec) {
  std::vector<std::pair<std::string, Maker>> weights;
  const int64_t output = spec.projection > 0 ? spec.projection : spec.hidden;
  const int64_t rows = spec.gates * spec.hidden;
  for (int64_t layer = 0; layer < spec.layers; ++layer) {
    for (const std::string end : {"", "_reverse"}) {
      if (!end.empty() && !spec.bidirectional) continue;
      const std::string suffix = "_l" + std::to_string(layer) + end;
      const int64_t width = layer == 0 ? spec.input : output * (spec.bidirectional ? 2 : 1);
      const auto add = [&](const std::string& name, std::vector<int64_t> shape) {
        weights.emplace_back(name + suffix, Once(Parameter(Blank(std::move(shape)))));
      };
      add("weight_ih", {rows, width});
      add("weight_hh", {rows, output});
      if (spec.bias) add("bias_ih", {rows});
      if (spec.bias) add("bias_hh", {rows});
      if (spec.projection > 0) add("weight_hr", {spec.projection, spec.hidden});
    }
  }
  return weights;
}

Attrs RnnAttrs(const RnnSpec& spec) {
  Attrs parameters;
  Makers flat;
  Makers names;
  const auto weights = Weights(spec);
  for (const auto& [name, weight] : weights) {
    parameters[name] = weight;
    flat.push_back(weight);
    names.push_back(Str(name));
  }
  const size_t lists = static_cast<size_t>(spec.layers) * (spec.bidirectional ? 2 : 1);
  const size_t each = names.size() / lists;
  Makers all;
  for (size_t i = 0; i < lists; ++i) {
    const auto begin = names.begin() + static_cast<int64_t>(i * each);
    all.push_back(List(Makers(begin, begin + static_cast<int64_t>(each))));
  }
  return Join(ModuleAttrs(parameters), {{"mode", Str(spec.mode)},
                                        {"input_size", Int(spec.input)},
                                        {"hidden_size", Int(spec.hidden)},
                                        {"num_layers", Int(spec.layers)},
                                        {"bias", Bool(spec.bias)},
                                        {"batch_first", Bool(false)},
                                        {"dropout", Float(0)},
                                        {"bidirectional", Bool(spec.bidirectional)},
                                        {"proj_size", Int(spec.projection)},
                                        {"_flat_weights_names", List(names)},
                                        {"_all_weights", List(all)},
                                        {"_flat_weights", List(flat)}});
}

std::string LstmOutcome(Attrs attrs) { return TorchOutcome(Obj(kLstm, std::move(attrs))); }

TEST(Recurrent, SoundOnesPass) {
  EXPECT_EQ(LstmOutcome(RnnAttrs({})), "ACCEPTED");
  RnnSpec spec;
  spec.projection = 2;
  spec.bias = false;
  EXPECT_EQ(LstmOutcome(RnnAttrs(spec)), "ACCEPTED");
  spec = {};
  spec.mode = "GRU";
  spec.gates = 3;
  spec.bidirectional = false;
  EXPECT_EQ(TorchOutcome(Obj("torch.nn.modules.rnn.GRU", RnnAttrs(spec))), "ACCEPTED");
  spec.mode = "RNN_TANH";
  spec.gates = 1;
  EXPECT_EQ(TorchOutcome(Obj("torch.nn.modules.rnn.RNN", RnnAttrs(spec))), "ACCEPTED");
  EXPECT_EQ(LstmOutcome(With(RnnAttrs({}), "proj_size", nullptr)), "ACCEPTED");
}

TEST(Recurrent, EveryClauseIsChecked) {
  const Attrs good = RnnAttrs({});
  const std::vector<Attrs> broken = {
      With(good, "hidden_size", Int(100)),
      With(good, "hidden_size", Int(0)),
      With(good, "hidden_size", Int(-3)),
      With(good, "hidden_size", Bool(true)),
      With(good, "hidden_size", Int(int64_t{1} << 62)),
      With(good, "hidden_size", nullptr),
      With(good, "input_size", Int(3)),
      With(good, "num_layers", Int(1)),
      With(good, "num_layers", Int(3)),
      With(good, "num_layers", Int(int64_t{1} << 40)),
      With(good, "bias", Bool(false)),
      With(good, "bias", None()),
      With(good, "bidirectional", Bool(false)),
      With(good, "proj_size", Int(2)),
      With(good, "proj_size", Int(-1)),
      With(good, "mode", Str("GRU")),
      With(good, "mode", Str("RNN_TANH")),
      With(good, "mode", nullptr),
      With(good, "_flat_weights_names", List({})),
      With(good, "_flat_weights_names", nullptr),
      With(good, "_all_weights", List({List({Int(1)})})),
      With(good, "_all_weights", nullptr),
      With(good, "_flat_weights", List({})),
  };
  for (size_t i = 0; i < broken.size(); ++i) {
    EXPECT_TRUE(LstmOutcome(broken[i]).starts_with("INVARIANT_RECURRENT"))
        << i << ": " << LstmOutcome(broken[i]);
  }
  EXPECT_NE(LstmOutcome(With(good, "all_weights", List({}))), "ACCEPTED");
}

TEST(Recurrent, TheFlatWeightsAreTheParameters) {
  RnnSpec spec;
  spec.layers = 1;
  spec.bidirectional = false;
  const auto weights = Weights(spec);
  for (size_t changed = 0; changed < weights.size(); ++changed) {
    for (const Maker& other : std::vector<Maker>{Once(Parameter(Blank({1}))), Once(None()),
                                                 Once(Parameter(Tensor<double>({1}, {1}))),
                                                 Once(Parameter(Blank({12, 3}))), Once(Int(1))}) {
      Attrs parameters;
      Makers as_listed;
      Makers with_other;
      for (size_t i = 0; i < weights.size(); ++i) {
        parameters[weights[i].first] = i == changed ? other : weights[i].second;
        as_listed.push_back(weights[i].second);
        with_other.push_back(i == changed ? other : weights[i].second);
      }
      const Attrs good = RnnAttrs(spec);
      // Another tensor in the list, among the parameters, or in both.
      if (changed != 1) {
        EXPECT_NE(LstmOutcome(Join(good, {{"_parameters", Dict(parameters)},
                                          {"_flat_weights", List(with_other)}})),
                  "ACCEPTED");
      }
      EXPECT_NE(LstmOutcome(With(good, "_flat_weights", List(with_other))), "ACCEPTED");
      EXPECT_NE(LstmOutcome(With(good, "_parameters", Dict(parameters))), "ACCEPTED");
    }
  }
}

Attrs AttentionAttrs() {
  return Join(
      ModuleAttrs(
          {{"in_proj_weight", Parameter(Blank({24, 8}))},
           {"q_proj_weight", None()},
           {"k_proj_weight", None()},
           {"v_proj_weight", None()},
           {"in_proj_bias", Parameter(Blank({24}))}},
          {{"out_proj", Linear(8, 8, "torch.nn.modules.linear.NonDynamicallyQuantizableLinear")}}),
      {{"embed_dim", Int(8)},
       {"kdim", Int(8)},
       {"vdim", Int(8)},
       {"_qkv_same_embed_dim", Bool(true)},
       {"num_heads", Int(2)},
       {"dropout", Float(0.1)},
       {"batch_first", Bool(true)},
       {"head_dim", Int(4)},
       {"bias_k", None()},
       {"bias_v", None()},
       {"add_zero_attn", Bool(false)}});
}

TEST(Attention, SoundOnesPass) {
  EXPECT_EQ(TorchOutcome(Obj(kAttention, AttentionAttrs())), "ACCEPTED");
  const Attrs split =
      Join(AttentionAttrs(), {{"_qkv_same_embed_dim", Bool(false)},
                              {"kdim", Int(5)},
                              {"_parameters", Dict({{"in_proj_weight", None()},
                                                    {"q_proj_weight", Parameter(Blank({8, 8}))},
                                                    {"k_proj_weight", Parameter(Blank({8, 5}))},
                                                    {"v_proj_weight", Parameter(Blank({8, 8}))},
                                                    {"in_proj_bias", None()}})}});
  EXPECT_EQ(TorchOutcome(Obj(kAttention, split)), "ACCEPTED");
}

TEST(Attention, EveryClauseIsChecked) {
  const Attrs good = AttentionAttrs();
  const std::vector<Attrs> broken = {
      With(good, "num_heads", Int(0)),
      With(good, "num_heads", Int(-2)),
      With(good, "num_heads", Int(3)),
      With(good, "num_heads", Bool(true)),
      With(good, "num_heads", nullptr),
      With(good, "head_dim", Int(0)),
      With(good, "embed_dim", Int(0)),
      With(good, "embed_dim", Int(16)),
      With(good, "_qkv_same_embed_dim", nullptr),
      With(good, "_qkv_same_embed_dim", Bool(false)),
      With(good, "kdim", Int(4)),
      With(good, "_parameters", Dict({{"in_proj_weight", None()}})),
      With(good, "_parameters", Dict({{"in_proj_weight", Parameter(Blank({8, 8}))}})),
      With(good, "_parameters",
           Dict({{"in_proj_weight", Parameter(Blank({24, 8}))},
                 {"in_proj_bias", Parameter(Blank({8}))}})),
      With(good, "_modules", Dict({})),
      With(good, "_modules", Dict({{"out_proj", Linear(4, 8)}})),
  };
  for (size_t i = 0; i < broken.size(); ++i) {
    const std::string outcome = TorchOutcome(Obj(kAttention, broken[i]));
    EXPECT_TRUE(outcome.starts_with("INVARIANT_ATTENTION")) << i << ": " << outcome;
  }
}

Attrs LayerAttrs() {
  return Join(ModuleAttrs({}, {{"self_attn", Obj(kAttention, AttentionAttrs())},
                               {"linear1", Linear(8, 16)},
                               {"linear2", Linear(16, 8)}}),
              {{"activation", Name("torch.nn.functional.relu")}, {"norm_first", Bool(false)}});
}

TEST(Transformer, LayersAndStacks) {
  EXPECT_EQ(TorchOutcome(Obj(kLayer, LayerAttrs())), "ACCEPTED");
  for (const char* name : {"torch._C._nn.gelu", "torch.nn.functional.silu", "torch.tanh"}) {
    EXPECT_EQ(TorchOutcome(Obj(kLayer, With(LayerAttrs(), "activation", Name(name)))), "ACCEPTED");
    EXPECT_NE(TorchOutcome(Obj(kLayer, With(LayerAttrs(), "norm_first", Name(name)))), "ACCEPTED");
  }
  const Maker relu = Obj("torch.nn.modules.activation.ReLU", ModuleAttrs());
  const Maker attention = Obj(kAttention, AttentionAttrs());
  const auto with_modules = [](Attrs modules) {
    return With(LayerAttrs(), "_modules", Dict(std::move(modules)));
  };
  const Attrs children = {
      {"self_attn", attention}, {"linear1", Linear(8, 16)}, {"linear2", Linear(16, 8)}};
  EXPECT_EQ(TorchOutcome(Obj(kLayer, With(with_modules(With(children, "activation", relu)),
                                          "activation", nullptr))),
            "ACCEPTED");
  for (const Attrs& broken :
       {With(LayerAttrs(), "activation", nullptr), With(LayerAttrs(), "activation", Str("relu")),
        With(LayerAttrs(), "activation", Name("torch.float32")),
        With(LayerAttrs(), "activation", Name("builtins.list")),
        With(LayerAttrs(), "activation", Name("torch.selu")),
        With(LayerAttrs(), "activation", Name("torch.square")),
        with_modules(With(children, "self_attn", nullptr)),
        with_modules(With(children, "self_attn", relu)),
        with_modules(With(children, "linear1", relu))}) {
    EXPECT_NE(TorchOutcome(Obj(kLayer, broken)), "ACCEPTED");
  }
  const auto stack = [](const Makers& layers, int64_t count) {
    Attrs members;
    for (size_t i = 0; i < layers.size(); ++i) members[std::to_string(i)] = layers[i];
    return TorchOutcome(
        Obj("torch.nn.modules.transformer.TransformerEncoder",
            Join(ModuleAttrs({}, {{"layers", Obj("torch.nn.modules.container.ModuleList",
                                                 ModuleAttrs({}, members))},
                                  {"norm", None()}}),
                 {{"num_layers", Int(count)}})));
  };
  const Maker layer = Obj(kLayer, LayerAttrs());
  EXPECT_EQ(stack({layer, layer}, 2), "ACCEPTED");
  EXPECT_TRUE(stack({layer, layer}, 1).starts_with("INVARIANT_TRANSFORMER"));
  EXPECT_TRUE(stack({layer, relu}, 2).starts_with("INVARIANT_TRANSFORMER"));
}

TEST(Containers, MembersAreThere) {
  const std::string list = "torch.nn.modules.container.ParameterList";
  const Attrs two = ModuleAttrs({{"0", Parameter(Blank({1}))}, {"1", Parameter(Blank({1}))}});
  EXPECT_EQ(TorchOutcome(Obj(list, Join(two, {{"_size", Int(2)}}))), "ACCEPTED");
  for (const int64_t size : {int64_t{3}, int64_t{-1}, int64_t{1} << 40}) {
    EXPECT_TRUE(TorchOutcome(Obj(list, Join(two, {{"_size", Int(size)}})))
                    .starts_with("INVARIANT_PARAMETER_CONTAINER"));
  }
  const std::string dict = "torch.nn.modules.container.ParameterDict";
  EXPECT_EQ(TorchOutcome(Obj(dict, Join(two, {{"_keys", Dict({{"0", None()}, {"1", None()}})}}))),
            "ACCEPTED");
  EXPECT_TRUE(TorchOutcome(Obj(dict, Join(two, {{"_keys", Dict({{"2", None()}})}})))
                  .starts_with("INVARIANT_PARAMETER_CONTAINER"));
}

TEST(NoTensors, WhatOldTorchReadsPastItsEnd) {
  for (const char* cls :
       {"torch.nn.modules.pooling.FractionalMaxPool2d",
        "torch.nn.modules.pooling.FractionalMaxPool3d", "torch.nn.modules.loss.MultiMarginLoss"}) {
    EXPECT_EQ(TorchOutcome(Obj(cls, ModuleAttrs({}, {}, {{"weight", None()}}))), "ACCEPTED");
    EXPECT_TRUE(TorchOutcome(Obj(cls, ModuleAttrs({}, {}, {{"weight", Blank({1})}})))
                    .starts_with("INVARIANT_NO_TENSORS"));
  }
}

}  // namespace
}  // namespace loadlock::verify::testing
