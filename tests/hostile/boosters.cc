#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/hostile/scenario.h"

namespace loadlock::hostile {
namespace {

constexpr int32_t kNobody = 2147483647;

// A regression tree of three nodes.
struct Xgboost {
  int64_t features = 2;
  int64_t targets = 1;
  std::string objective = "reg:squarederror";
  std::vector<int32_t> info = {0};
  std::vector<int32_t> nodes = {3};
  std::vector<int32_t> left = {1, -1, -1};
  std::vector<int32_t> right = {2, -1, -1};
  std::vector<int32_t> parents = {kNobody, 0, 0};
  std::vector<int32_t> split = {0, 0, 0};
  std::string conditions_type = "<f4";
  size_t conditions = 3;
};

template <typename T>
NodeId Vector(Output& o, std::string_view typestr, const std::vector<T>& values) {
  return o.Array(o.Dtype(typestr), {static_cast<int64_t>(values.size())}, Bytes(values));
}

NodeId Zeros(Output& o, std::string_view typestr, size_t count, size_t item) {
  return o.Array(o.Dtype(typestr), {static_cast<int64_t>(count)}, std::string(count * item, '\0'));
}

void Booster(Output& o, const Xgboost& model) {
  o.Clear();
  const uint32_t half = 0;
  o.graph.add_floats(0.5);
  const NodeId score = o.List({o.Node(v1::NODE_KIND_FLOAT, {half})});
  const NodeId version = o.List({o.Int(3), o.Int(2), o.Int(0)});
  const size_t count = model.left.size();
  const NodeId record =
      o.Dict({{"version", version},
              {"num_class", o.Int(0)},
              {"num_feature", o.Int(model.features)},
              {"num_target", o.Int(model.targets)},
              {"boost_from_average", o.Int(1)},
              {"base_score", score},
              {"base_score_is_scalar", o.Int(0)},
              {"attributes", o.Dict({})},
              {"feature_names", o.List({})},
              {"feature_types", o.List({})},
              {"objective", o.Str(model.objective)},
              {"objective_params", o.Dict({})},
              {"booster", o.Str("gbtree")},
              {"num_parallel_tree", o.Int(1)},
              {"tree_info", Vector(o, "<i4", model.info)},
              {"num_nodes", Vector(o, "<i4", model.nodes)},
              {"num_deleted", Vector<int32_t>(o, "<i4", {0})},
              {"left_children", Vector(o, "<i4", model.left)},
              {"right_children", Vector(o, "<i4", model.right)},
              {"parents", Vector(o, "<i4", model.parents)},
              {"split_indices", Vector(o, "<i4", model.split)},
              {"split_conditions", Zeros(o, model.conditions_type, model.conditions,
                                         static_cast<size_t>(model.conditions_type.back() - '0'))},
              {"base_weights", Zeros(o, "<f4", count, 4)},
              {"loss_changes", Zeros(o, "<f4", count, 4)},
              {"sum_hessian", Zeros(o, "<f4", count, 4)},
              {"default_left", Zeros(o, "|u1", count, 1)},
              {"split_type", Zeros(o, "|u1", count, 1)},
              {"categories_nodes", Zeros(o, "<i4", 0, 4)},
              {"categories_sizes", Zeros(o, "<i4", 0, 4)},
              {"categories", Zeros(o, "<i4", 0, 4)}});
  o.Root(o.Object("xgboost.core.Booster", o.Dict({{"handle", record}})));
}

// What a worker would like the client to hand to the library: bytes of its own.
void Handle(Output& o, NodeId (*value)(Output&)) {
  o.Clear();
  o.Root(o.Object("xgboost.core.Booster", o.Dict({{"handle", value(o)}})));
}

NodeId RawBytes(Output& o) {
  return o.Node(v1::NODE_KIND_BYTEARRAY_BUFFER, {o.Decoded(std::string(8192, '{'))});
}
NodeId ShortBytes(Output& o) { return o.Node(v1::NODE_KIND_BYTEARRAY, {o.Blob("{L")}); }

void Text(Output& o) {
  o.Clear();
  o.Root(o.Object("lightgbm.basic.Booster", o.Dict({{"_handle", o.Str("tree\nversion=v4\n")}})));
}

const std::array kLies = {
    Lie{"xgboost-honest", [](Output& o) { Booster(o, {}); }},
    Lie{"xgboost-bytes", [](Output& o) { Handle(o, &RawBytes); }},
    Lie{"xgboost-short-bytes", [](Output& o) { Handle(o, &ShortBytes); }},
    Lie{"xgboost-objective", [](Output& o) { Booster(o, {.objective = "reg:evil"}); }},
    Lie{"xgboost-features-huge", [](Output& o) { Booster(o, {.features = int64_t{1} << 31}); }},
    Lie{"xgboost-targets-huge", [](Output& o) { Booster(o, {.targets = int64_t{1} << 40}); }},
    Lie{"xgboost-group-outside", [](Output& o) { Booster(o, {.info = {1}}); }},
    Lie{"xgboost-nodes-lie", [](Output& o) { Booster(o, {.nodes = {1 << 30}}); }},
    Lie{"xgboost-child-outside",
        [](Output& o) {
          Booster(o, {.left = {3, -1, -1}});
        }},
    Lie{"xgboost-child-is-itself",
        [](Output& o) {
          Booster(o, {.left = {0, -1, -1}});
        }},
    Lie{"xgboost-child-twice",
        [](Output& o) {
          Booster(o, {.left = {2, -1, -1}});
        }},
    Lie{"xgboost-parents-lie",
        [](Output& o) {
          Booster(o, {.parents = {kNobody, 0, 7}});
        }},
    Lie{"xgboost-feature-outside",
        [](Output& o) {
          Booster(o, {.split = {2, 0, 0}});
        }},
    Lie{"xgboost-column-short", [](Output& o) { Booster(o, {.conditions = 2}); }},
    Lie{"xgboost-column-of-another-type",
        [](Output& o) { Booster(o, {.conditions_type = "<f8"}); }},
    Lie{"lightgbm-text", &Text},
};

}  // namespace

std::span<const Lie> BoosterLies() { return kLies; }

}  // namespace loadlock::hostile
