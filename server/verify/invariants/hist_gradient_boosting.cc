#include "server/verify/invariants/hist_gradient_boosting.h"

#include <array>
#include <limits>

#include "absl/strings/str_cat.h"
#include "server/verify/invariants/labels.h"
#include "server/verify/record.h"

namespace loadlock::verify {
namespace {

// PREDICTOR_RECORD_DTYPE; up to 1.2 feature_idx has four bytes, which moves what follows.
constexpr std::array kNodeFields = {
    RecordField{"value", "<f8", 0},
    RecordField{"count", "<u4", 8},
    RecordField{"feature_idx", "<i8", 12},
    RecordField{"num_threshold", "<f8", 20},
    RecordField{"missing_go_to_left", "|u1", 28},
    RecordField{"left", "<u4", 29},
    RecordField{"right", "<u4", 33},
    RecordField{"gain", "<f8", 37},
    RecordField{"depth", "<u4", 45},
    RecordField{"is_leaf", "|u1", 49},
    RecordField{"bin_threshold", "|u1", 50},
    RecordField{"is_categorical", "|u1", 51},
    RecordField{"bitset_idx", "<u4", 52},
};
constexpr std::array kOldNodeFields = {
    RecordField{"value", "<f8", 0},
    RecordField{"count", "<u4", 8},
    RecordField{"feature_idx", "<u4", 12},
    RecordField{"num_threshold", "<f8", 16},
    RecordField{"missing_go_to_left", "|u1", 24},
    RecordField{"left", "<u4", 25},
    RecordField{"right", "<u4", 29},
    RecordField{"gain", "<f8", 33},
    RecordField{"depth", "<u4", 41},
    RecordField{"is_leaf", "|u1", 45},
    RecordField{"bin_threshold", "|u1", 46},
    RecordField{"is_categorical", "|u1", 47},
    RecordField{"bitset_idx", "<u4", 48},
};
constexpr uint32_t kNodeSize = 56;
constexpr uint32_t kOldNodeSize = 52;
constexpr uint64_t kMaxBins = 256;
constexpr int64_t kBitsetWords = 8;

struct Node {
  int64_t feature;
  uint32_t left;
  uint32_t right;
  uint32_t bitset;
  bool is_leaf;
  bool is_categorical;
};

// Flags are truths of C: any byte but 0.
Node ReadNode(const uint8_t* item, bool old) {
  const int64_t moved = old ? 4 : 0;
  Node node{};
  node.feature = old ? int64_t{LoadField<uint32_t>(item, 12)} : LoadField<int64_t>(item, 12);
  node.left = LoadField<uint32_t>(item, 29 - moved);
  node.right = LoadField<uint32_t>(item, 33 - moved);
  node.is_leaf = LoadField<uint8_t>(item, 49 - moved) != 0;
  node.is_categorical = LoadField<uint8_t>(item, 51 - moved) != 0;
  node.bitset = LoadField<uint32_t>(item, 52 - moved);
  return node;
}

std::optional<Array> NodesOf(const Scope& scope, const Instance& predictor) {
  const std::optional<Value> value = predictor.Get("nodes");
  std::optional<Array> nodes = value ? scope.ArrayOf(*value) : std::nullopt;
  if (!nodes || nodes->rank() != 1 || nodes->size() < 1 ||
      nodes->size() > std::numeric_limits<uint32_t>::max()) {
    return std::nullopt;
  }
  if (IsRecord(scope, *nodes, kNodeSize, kNodeFields)) return nodes;
  if (IsRecord(scope, *nodes, kOldNodeSize, kOldNodeFields)) return nodes;
  return std::nullopt;
}

// The number of bitsets, or nullopt.
std::optional<int64_t> Bitsets(const Scope& scope, const Instance& object, absl::string_view key) {
  const std::optional<Value> value = object.Get(key);
  const std::optional<Array> array = value ? scope.ArrayOf(*value) : std::nullopt;
  if (!array || !array->dtype.Is('u', 4) || !array->dtype.native() || array->rank() != 2 ||
      array->shape[1] != kBitsetWords || !array->c_order()) {
    return std::nullopt;
  }
  return array->shape[0];
}

// Children after their parent and each with one, so that every way ends in a leaf.
Check CheckNodes(const Array& nodes, int64_t bitsets) {
  const uint64_t count = nodes.size();
  const bool old = nodes.dtype.itemsize == kOldNodeSize;
  std::vector<uint8_t> has_parent(count, 0);
  const uint8_t* item = nodes.bytes.data();
  for (uint64_t i = 0; i < count; ++i, item += nodes.dtype.itemsize) {
    const Node node = ReadNode(item, old);
    if (node.is_leaf) continue;
    for (const uint32_t child : {node.left, node.right}) {
      if (child <= i || child >= count || has_parent[child] != 0) {
        return Broken{"nodes", absl::StrCat("the children of node ", i, " are out of range")};
      }
      has_parent[child] = 1;
    }
    if (node.feature < 0) {
      return Broken{"nodes", absl::StrCat("the feature of node ", i, " is out of range")};
    }
    if (node.is_categorical && int64_t{node.bitset} >= bitsets) {
      return Broken{"nodes", absl::StrCat("the bitset of node ", i, " is out of range")};
    }
  }
  return std::nullopt;
}

// One flag a feature; nullopt unless they are bytes of 0 and 1.
std::optional<Array> Flags(const Scope& scope, const Instance& mapper) {
  const std::optional<Value> value = mapper.Get("is_categorical_");
  std::optional<Array> flags = value ? scope.ArrayOf(*value) : std::nullopt;
  if (!flags || flags->rank() != 1 || flags->dtype.itemsize != 1 ||
      (flags->dtype.kind != 'u' && flags->dtype.kind != 'b')) {
    return std::nullopt;
  }
  for (const uint8_t flag : flags->bytes) {
    if (flag > 1) return std::nullopt;
  }
  return flags;
}

// Categories are set as bits of 256: a larger one would be written outside.
bool AreCategories(const Array& thresholds) {
  for (uint64_t i = 0; i < thresholds.size(); ++i) {
    const auto category = thresholds.At<double>(i);
    if (!(category >= 0 && category < static_cast<double>(kMaxBins))) return false;
  }
  return true;
}

bool IsFloats(const Array& array) {
  return array.rank() == 1 && array.dtype.IsFloat64() && array.dtype.native();
}

Check CheckThresholds(const Scope& scope, const Instance& mapper, const Array& flags) {
  const std::optional<Value> value = mapper.Get("bin_thresholds_");
  const Sequence all = Sequence(scope.view(), value.value_or(Value::Node(mapper.node)));
  if (!value || !all.ok() || all.size() != flags.size()) {
    return Broken{"bin_thresholds_", "there is not one vector of thresholds a feature"};
  }
  for (uint32_t i = 0; i < all.size(); ++i) {
    const std::optional<Array> thresholds = scope.ArrayOf(all[i]);
    if (!thresholds || !IsFloats(*thresholds) || thresholds->size() >= kMaxBins) {
      return Broken{"bin_thresholds_", absl::StrCat("thresholds of feature ", i)};
    }
    if (flags.bytes[i] != 0 && !AreCategories(*thresholds)) {
      return Broken{"bin_thresholds_", absl::StrCat("categories of feature ", i)};
    }
  }
  return std::nullopt;
}

bool IsVector(const Scope& scope, const Instance& object, absl::string_view key, char kind,
              uint32_t itemsize, uint64_t length) {
  const std::optional<Value> value = object.Get(key);
  const std::optional<Array> array = value ? scope.ArrayOf(*value) : std::nullopt;
  return array && array->dtype.Is(kind, itemsize) && array->dtype.native() &&
         array->IsVector(length);
}

Check CheckPredictorInModel(const Scope& scope, const Instance& predictor, const Array& flags) {
  const std::optional<Array> nodes = NodesOf(scope, predictor);
  if (!nodes) return Broken{"_predictors", "a predictor without nodes"};
  const bool old = nodes->dtype.itemsize == kOldNodeSize;
  const uint8_t* item = nodes->bytes.data();
  for (uint64_t i = 0; i < nodes->size(); ++i, item += nodes->dtype.itemsize) {
    const Node node = ReadNode(item, old);
    if (node.is_leaf) continue;
    if (static_cast<uint64_t>(node.feature) >= flags.size()) {
      return Broken{"_predictors", absl::StrCat("the feature of node ", i, " is out of range")};
    }
    if (node.is_categorical && flags.bytes[static_cast<size_t>(node.feature)] == 0) {
      return Broken{"_predictors", absl::StrCat("node ", i, " splits numbers as categories")};
    }
  }
  return std::nullopt;
}

std::optional<int64_t> IntOf(const Scope& scope, const Instance& object, absl::string_view key) {
  const std::optional<Value> value = object.Get(key);
  return value ? scope.Int(*value) : std::nullopt;
}

// Raw predictions are (rows, trees an iteration): predictors add to column k, the loss reads all.
Check CheckTreesPerIteration(const Scope& scope, const Instance& model, int64_t trees) {
  const std::optional<Value> classes = model.Get("classes_");
  int64_t wanted = 1;
  if (model.entry->attribute() == "HistGradientBoostingClassifier") {
    const std::optional<uint64_t> count = classes ? LabelCount(scope, *classes) : std::nullopt;
    if (!count || *count > std::numeric_limits<int32_t>::max()) {
      return Broken{"classes_", "classes_ are no labels"};
    }
    if (*count > 2) wanted = static_cast<int64_t>(*count);
  }
  if (trees != wanted) {
    return Broken{"n_trees_per_iteration_", "not as many trees an iteration as the output has"};
  }
  const std::optional<Value> value = model.Get("_baseline_prediction");
  const std::optional<Array> baseline = value ? scope.ArrayOf(*value) : std::nullopt;
  const bool one = value && scope.Number(*value) && trees == 1;
  if (!one && !(baseline && baseline->dtype.kind == 'f' && baseline->dtype.native() &&
                baseline->size() == static_cast<uint64_t>(trees) && baseline->rank() <= 2)) {
    return Broken{"_baseline_prediction", "not one number a tree of an iteration"};
  }
  return std::nullopt;
}

Check CheckPredictors(const Scope& scope, const Instance& model, int64_t trees,
                      const Array& flags) {
  const std::optional<Value> value = model.Get("_predictors");
  if (!value) return Broken{"_predictors", "_predictors are missing"};
  const Sequence iterations(scope.view(), *value);
  if (!iterations.ok()) return Broken{"_predictors", "_predictors are no list"};
  for (uint32_t i = 0; i < iterations.size(); ++i) {
    const Sequence predictors(scope.view(), iterations[i]);
    if (!predictors.ok() || int64_t{predictors.size()} != trees) {
      return Broken{"_predictors", absl::StrCat("iteration ", i, " has another number of trees")};
    }
    for (uint32_t j = 0; j < predictors.size(); ++j) {
      const auto predictor = scope.InstanceWith(predictors[j], policy::Invariant::kHistPredictor);
      if (!predictor) return Broken{"_predictors", "a predictor of another class"};
      if (Check broken = CheckPredictorInModel(scope, *predictor, flags)) return broken;
    }
  }
  return std::nullopt;
}

// With a preprocessor the columns change places but not their number.
Check CheckFlagsOfModel(const Scope& scope, const Instance& model, uint64_t features) {
  for (const absl::string_view key : {"is_categorical_", "_is_categorical_remapped"}) {
    const std::optional<Value> value = model.Get(key);
    if (!value || scope.view().IsNone(*value)) continue;
    const std::optional<Array> flags = scope.ArrayOf(*value);
    if (!flags || flags->dtype.kind != 'b' || !flags->IsVector(features)) {
      return Broken{key, absl::StrCat(key, " has not one flag a feature")};
    }
  }
  return std::nullopt;
}

}  // namespace

Check CheckHistPredictor(const Scope& scope, const Instance& predictor) {
  const std::optional<Array> nodes = NodesOf(scope, predictor);
  if (!nodes) return Broken{"nodes", "nodes are no array of scikit-learn's node type"};
  const std::optional<int64_t> raw = Bitsets(scope, predictor, "raw_left_cat_bitsets");
  const std::optional<int64_t> binned = Bitsets(scope, predictor, "binned_left_cat_bitsets");
  if (!raw || binned != raw) {
    return Broken{"raw_left_cat_bitsets", "bitsets are no u4 (n, 8), equally many of both"};
  }
  return CheckNodes(*nodes, *raw);
}

Check CheckBinMapper(const Scope& scope, const Instance& mapper) {
  const std::optional<Array> flags = Flags(scope, mapper);
  if (!flags) return Broken{"is_categorical_", "is_categorical_ is no vector of flags"};
  if (Check broken = CheckThresholds(scope, mapper, *flags)) return broken;
  if (!IsVector(scope, mapper, "n_bins_non_missing_", 'u', 4, flags->size())) {
    return Broken{"n_bins_non_missing_", "not one number of bins a feature"};
  }
  const std::optional<int64_t> missing = IntOf(scope, mapper, "missing_values_bin_idx_");
  if (!missing || *missing < 0 || *missing >= static_cast<int64_t>(kMaxBins)) {
    return Broken{"missing_values_bin_idx_", "the bin of missing values is out of range"};
  }
  return std::nullopt;
}

Check CheckHistGradientBoosting(const Scope& scope, const Instance& model) {
  if (!model.Has("_predictors")) return std::nullopt;
  const std::optional<Value> value = model.Get("_bin_mapper");
  const auto mapper =
      value ? scope.InstanceWith(*value, policy::Invariant::kBinMapper) : std::nullopt;
  const std::optional<Array> flags = mapper ? Flags(scope, *mapper) : std::nullopt;
  if (!flags) return Broken{"_bin_mapper", "_bin_mapper is no bin mapper"};
  const std::optional<int64_t> features = IntOf(scope, model, "n_features_in_");
  if (!features || static_cast<uint64_t>(*features) != flags->size()) {
    return Broken{"n_features_in_", "n_features_in_ is not the width of the bin mapper"};
  }
  const std::optional<int64_t> trees = IntOf(scope, model, "n_trees_per_iteration_");
  if (!trees) return Broken{"n_trees_per_iteration_", "n_trees_per_iteration_ is missing"};
  if (Check broken = CheckTreesPerIteration(scope, model, *trees)) return broken;
  if (Check broken = CheckFlagsOfModel(scope, model, flags->size())) return broken;
  return CheckPredictors(scope, model, *trees, *flags);
}

}  // namespace loadlock::verify
