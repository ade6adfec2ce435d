#include "server/policy/vocabulary.h"

#include <array>

#include "absl/strings/string_view.h"

namespace loadlock::policy {
namespace {

template <typename T>
struct Named {
  absl::string_view name;
  T value;
};

constexpr std::array kSchemas = {
    Named<Schema>{"LOWERED", Schema::kLowered},
    Named<Schema>{"TREE", Schema::kTree},
    Named<Schema>{"NEW_OBJ", Schema::kNewObj},
    Named<Schema>{"CY_LOSS", Schema::kCyLoss},
    Named<Schema>{"PYX_UNPICKLE_LOSS", Schema::kPyxUnpickleLoss},
    Named<Schema>{"SGD_LOSS", Schema::kSgdLoss},
    Named<Schema>{"DEFAULTDICT", Schema::kDefaultDict},
    Named<Schema>{"COUNTER", Schema::kCounter},
    Named<Schema>{"DEQUE", Schema::kDeque},
    Named<Schema>{"SPARSE", Schema::kSparse},
    Named<Schema>{"XGBOOST", Schema::kXgboost},
    Named<Schema>{"LIGHTGBM", Schema::kLightgbm},
    Named<Schema>{"PARTIAL", Schema::kPartial},
    Named<Schema>{"MASKED_ARRAY", Schema::kMaskedArray},
    Named<Schema>{"MATRIX", Schema::kMatrix},
    Named<Schema>{"BSPLINE", Schema::kBSpline},
    Named<Schema>{"INTERP1D", Schema::kInterp1d},
    Named<Schema>{"KD_TREE", Schema::kKdTree},
    Named<Schema>{"DISTRIBUTION", Schema::kDistribution},
    Named<Schema>{"FROZEN_DISTRIBUTION", Schema::kFrozenDistribution},
    Named<Schema>{"IMPUTER_TRIPLET", Schema::kImputerTriplet},
    Named<Schema>{"BUNCH", Schema::kBunch},
    Named<Schema>{"PATH", Schema::kPath},
    Named<Schema>{"DATETIME", Schema::kDateTime},
    Named<Schema>{"EXACT_NUMBER", Schema::kExactNumber},
    Named<Schema>{"UUID", Schema::kUuid},
    Named<Schema>{"IP_ADDRESS", Schema::kIpAddress},
    Named<Schema>{"PATTERN", Schema::kPattern},
    Named<Schema>{"NAMESPACE", Schema::kNamespace},
    Named<Schema>{"CHAIN_MAP", Schema::kChainMap},
    Named<Schema>{"SEED_SEQUENCE", Schema::kSeedSequence},
    Named<Schema>{"SERIES", Schema::kSeries},
    Named<Schema>{"RECORDS", Schema::kRecords},
    Named<Schema>{"NAMED_TUPLE", Schema::kNamedTuple},
};

constexpr std::array kInvariants = {
    Named<Invariant>{"TREE_OWNER", Invariant::kTreeOwner},
    Named<Invariant>{"FOREST", Invariant::kForest},
    Named<Invariant>{"GRADIENT_BOOSTING", Invariant::kGradientBoosting},
    Named<Invariant>{"NEIGHBORS", Invariant::kNeighbors},
    Named<Invariant>{"SVC", Invariant::kSvc},
    Named<Invariant>{"SVR", Invariant::kSvr},
    Named<Invariant>{"VOCABULARY", Invariant::kVocabulary},
    Named<Invariant>{"ONE_HOT", Invariant::kOneHot},
    Named<Invariant>{"ORDINAL", Invariant::kOrdinal},
    Named<Invariant>{"MLP", Invariant::kMlp},
    Named<Invariant>{"KMEANS", Invariant::kKmeans},
    Named<Invariant>{"LINEAR", Invariant::kLinear},
    Named<Invariant>{"TFIDF", Invariant::kTfidf},
    Named<Invariant>{"LABELS", Invariant::kLabels},
    Named<Invariant>{"POLYNOMIAL", Invariant::kPolynomial},
    Named<Invariant>{"XGBOOST_OWNER", Invariant::kXgboostOwner},
    Named<Invariant>{"LIGHTGBM_OWNER", Invariant::kLightgbmOwner},
    Named<Invariant>{"ISOLATION_FOREST", Invariant::kIsolationForest},
    Named<Invariant>{"HIST_GRADIENT_BOOSTING", Invariant::kHistGradientBoosting},
    Named<Invariant>{"HIST_PREDICTOR", Invariant::kHistPredictor},
    Named<Invariant>{"BIN_MAPPER", Invariant::kBinMapper},
    Named<Invariant>{"BIRCH", Invariant::kBirch},
    Named<Invariant>{"BISECTING", Invariant::kBisecting},
    Named<Invariant>{"HDBSCAN", Invariant::kHdbscan},
    Named<Invariant>{"FEATURE_LABELS", Invariant::kFeatureLabels},
    Named<Invariant>{"ISOTONIC", Invariant::kIsotonic},
    Named<Invariant>{"FUNCTION", Invariant::kFunction},
    Named<Invariant>{"DENSITY", Invariant::kDensity},
    Named<Invariant>{"SPLINES", Invariant::kSplines},
    Named<Invariant>{"SEARCH", Invariant::kSearch},
    Named<Invariant>{"VOTING", Invariant::kVoting},
    Named<Invariant>{"MODULE", Invariant::kModule},
    Named<Invariant>{"RECURRENT", Invariant::kRecurrent},
    Named<Invariant>{"ATTENTION", Invariant::kAttention},
    Named<Invariant>{"TRANSFORMER", Invariant::kTransformer},
    Named<Invariant>{"PARAMETER_CONTAINER", Invariant::kParameterContainer},
    Named<Invariant>{"NO_TENSORS", Invariant::kNoTensors},
    Named<Invariant>{"OPTIMIZER", Invariant::kOptimizer},
};

template <typename T, size_t n>
std::optional<T> Parse(const std::array<Named<T>, n>& table, absl::string_view name) {
  for (const auto& entry : table) {
    if (entry.name == name) return entry.value;
  }
  return std::nullopt;
}

template <typename T, size_t n>
absl::string_view NameIn(const std::array<Named<T>, n>& table, T value) {
  for (const auto& entry : table) {
    if (entry.value == value) return entry.name;
  }
  return "";
}

}  // namespace

Schema NativeSchema(absl::string_view class_name) {
  if (class_name == "xgboost.core.Booster") return Schema::kXgboost;
  if (class_name == "lightgbm.basic.Booster") return Schema::kLightgbm;
  return Schema::kNone;
}

std::optional<Schema> ParseSchema(absl::string_view name) { return Parse(kSchemas, name); }
std::optional<Invariant> ParseInvariant(absl::string_view name) { return Parse(kInvariants, name); }
absl::string_view Name(Schema schema) { return NameIn(kSchemas, schema); }
absl::string_view Name(Invariant invariant) { return NameIn(kInvariants, invariant); }

}  // namespace loadlock::policy
