#include <vector>

#include "absl/strings/str_cat.h"
#include "server/verify/torch/layers.h"
#include "server/verify/torch/modules.h"
#include "server/verify/torch/tensor.h"

namespace loadlock::verify::torch {
namespace {

// Products of two of them with the number of gates stay far below 2^63.
constexpr int64_t kMaxWidth = int64_t{1} << 24;
// The deepest in use have some ten; each takes four tensors.
constexpr int64_t kMaxLayers = 10'000;

struct Weight {
  std::string name;
  std::vector<int64_t> shape;
};

// What the module says of itself.
struct Recurrent {
  int64_t gates = 0;
  int64_t input = 0;
  int64_t hidden = 0;
  int64_t layers = 0;
  int64_t projection = 0;
  bool bias = false;
  bool bidirectional = false;

  int64_t output() const { return projection > 0 ? projection : hidden; }
};

std::optional<int64_t> Number(const Scope& scope, const Instance& module, absl::string_view key,
                              int64_t lowest, int64_t highest) {
  const std::optional<Value> value = module.Get(key);
  const std::optional<int64_t> number = value ? scope.Int(*value) : std::nullopt;
  return number && *number >= lowest && *number <= highest ? number : std::nullopt;
}

std::optional<bool> Truth(const Scope& scope, const Instance& module, absl::string_view key) {
  const std::optional<Value> value = module.Get(key);
  return value ? scope.Bool(*value) : std::nullopt;
}

// Gates by the mode, which must be one of the class.
int64_t GatesOf(const Scope& scope, const Instance& module) {
  const std::optional<Value> value = module.Get("mode");
  const auto mode = value ? scope.view().Str(*value) : std::nullopt;
  const absl::string_view cls = module.entry->attribute();
  if (mode == "LSTM" && cls == "LSTM") return 4;
  if (mode == "GRU" && cls == "GRU") return 3;
  if ((mode == "RNN_TANH" || mode == "RNN_RELU") && cls == "RNN") return 1;
  return 0;
}

// nullopt: a number is missing or out of range.
std::optional<Recurrent> Read(const Scope& scope, const Instance& module) {
  const auto input = Number(scope, module, "input_size", 1, kMaxWidth);
  const auto hidden = Number(scope, module, "hidden_size", 1, kMaxWidth);
  const auto layers = Number(scope, module, "num_layers", 1, kMaxLayers);
  const auto bias = Truth(scope, module, "bias");
  const auto bidirectional = Truth(scope, module, "bidirectional");
  const int64_t gates = GatesOf(scope, module);
  if (!input || !hidden || !layers || !bias || !bidirectional || gates == 0) return std::nullopt;
  Recurrent result{gates, *input, *hidden, *layers, 0, *bias, *bidirectional};
  // Only an LSTM projects, and files before 1.8 do not say that they do not.
  if (module.Has("proj_size")) {
    const auto projection = Number(scope, module, "proj_size", 0, gates == 4 ? *hidden - 1 : 0);
    if (!projection) return std::nullopt;
    result.projection = *projection;
  }
  return result;
}

// The weights of one layer and direction, in torch's order.
std::vector<Weight> WeightsOf(const Recurrent& net, int64_t layer, bool reverse) {
  const int64_t directions = net.bidirectional ? 2 : 1;
  const int64_t width = layer == 0 ? net.input : net.output() * directions;
  const int64_t rows = net.gates * net.hidden;
  const std::string suffix = absl::StrCat("_l", layer, reverse ? "_reverse" : "");
  std::vector<Weight> weights = {{absl::StrCat("weight_ih", suffix), {rows, width}},
                                 {absl::StrCat("weight_hh", suffix), {rows, net.output()}}};
  if (net.bias) {
    weights.push_back({absl::StrCat("bias_ih", suffix), {rows}});
    weights.push_back({absl::StrCat("bias_hh", suffix), {rows}});
  }
  if (net.projection > 0) {
    weights.push_back({absl::StrCat("weight_hr", suffix), {net.projection, net.hidden}});
  }
  return weights;
}

bool AreNames(const Scope& scope, Value value, absl::Span<const Weight> weights) {
  const Sequence names(scope.view(), value);
  if (!names.ok() || names.size() != weights.size()) return false;
  for (uint32_t i = 0; i < names.size(); ++i) {
    if (scope.view().Str(names[i]) != weights[i].name) return false;
  }
  return true;
}

// `_all_weights`: a list of names for each layer and direction.
bool AreNamesByLayer(const Scope& scope, Value value, absl::Span<const Weight> weights,
                     size_t each) {
  const Sequence lists(scope.view(), value);
  if (!lists.ok() || lists.size() * each != weights.size()) return false;
  for (uint32_t i = 0; i < lists.size(); ++i) {
    if (!AreNames(scope, lists[i], weights.subspan(i * each, each))) return false;
  }
  return true;
}

// Shapes and dtype, and that the flat list holds the same tensors.
Check CheckWeights(const Scope& scope, const Instance& module, absl::Span<const Weight> weights) {
  const std::optional<Value> list = module.Get("_flat_weights");
  if (!list) return Broken{"_flat_weights", "the list of weights is missing"};
  const Sequence flat(scope.view(), *list);
  if (!flat.ok() || flat.size() != weights.size() || scope.KindOf(*list) != v1::VALUE_KIND_LIST) {
    return Broken{"_flat_weights", "it is not the list of the layer's weights"};
  }
  const ElementType* type = nullptr;
  for (uint32_t i = 0; i < flat.size(); ++i) {
    const Weight& weight = weights[i];
    const std::optional<Value> parameter = ParameterOf(scope, module, weight.name);
    const std::optional<Facts> facts = parameter ? FactsOf(scope, *parameter) : std::nullopt;
    if (!facts || facts->kind != v1::NODE_KIND_TENSOR || !facts->HasShape(weight.shape)) {
      return Broken{"_parameters", absl::StrCat(weight.name, " is missing or of another shape")};
    }
    if (facts->type->kind != ElementType::Class::kFloat || (i > 0 && facts->type != type)) {
      return Broken{"_parameters", "the weights are not of one floating dtype"};
    }
    type = facts->type;
    if (!flat[i].is_node() || flat[i].index != parameter->index) {
      return Broken{"_flat_weights", absl::StrCat("its element ", i, " is not ", weight.name)};
    }
  }
  return std::nullopt;
}

}  // namespace

Check CheckRecurrent(const Scope& scope, const Instance& module) {
  const std::optional<Recurrent> net = Read(scope, module);
  if (!net) return Broken{"hidden_size", "a size or the mode is missing, or out of range"};
  std::vector<Weight> weights;
  size_t each = 0;
  for (int64_t layer = 0; layer < net->layers; ++layer) {
    for (const bool reverse : {false, true}) {
      if (reverse && !net->bidirectional) continue;
      std::vector<Weight> more = WeightsOf(*net, layer, reverse);
      each = more.size();
      weights.insert(weights.end(), more.begin(), more.end());
    }
  }
  if (!scope.view().Spend(weights.size())) return Broken{"num_layers", "too long to check"};
  const std::optional<Value> parameters = module.Get("_parameters");
  if (!parameters || scope.Length(*parameters) != weights.size()) {
    return Broken{"_parameters", "the parameters are not the layer's weights"};
  }
  const std::optional<Value> names = module.Get("_flat_weights_names");
  if (!names || !AreNames(scope, *names, weights)) {
    return Broken{"_flat_weights_names", "they are not the names of the weights"};
  }
  const std::optional<Value> all = module.Get("_all_weights");
  if (!all || !AreNamesByLayer(scope, *all, weights, each)) {
    return Broken{"_all_weights", "they are not the names of the weights"};
  }
  return CheckWeights(scope, module, weights);
}

}  // namespace loadlock::verify::torch
