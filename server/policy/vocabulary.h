// The schemas and invariants that a policy may name. server/verify implements each one; an
// enum keeps the two in step, because its switches have no default.
#ifndef LOADLOCK_SERVER_POLICY_VOCABULARY_H_
#define LOADLOCK_SERVER_POLICY_VOCABULARY_H_

#include <optional>

#include "absl/strings/string_view.h"

namespace loadlock::policy {

// How a FACTORY or BY_NAME_AND_PARAMS entry is checked.
enum class Schema {
  kNone,
  // Turned into a plain node by the worker; never the callable of a CALL node.
  kLowered,
  // sklearn.tree._tree.Tree(n_features, n_classes, n_outputs) and one state.
  kTree,
  // newObj(class) of KDTree, BallTree and the distances that need no parameter.
  kNewObj,
  // Cython loss called with () or one number.
  kCyLoss,
  // __pyx_unpickle_X(X, checksum, None | () | (number,)) of a Cython loss.
  kPyxUnpickleLoss,
  // Loss of stochastic gradient descent, called with its numbers.
  kSgdLoss,
  kDefaultDict,
  kCounter,
  kDeque,
  // Sparse matrices: rebuilt by their public constructor.
  kSparse,
  // REWRITTEN: the library's own format, held as a record of proven columns.
  kXgboost,
  kLightgbm,
  // functools.partial of a listed function, where that function may stand.
  kPartial,
  // numpy.ma's _mareconstruct, and numpy.matrix over an array.
  kMaskedArray,
  kMatrix,
  // scipy.interpolate.BSpline.
  kBSpline,
  // scipy.stats: a distribution by its name, and one with its parameters.
  kDistribution,
  kFrozenDistribution,
  // The named tuple of IterativeImputer.
  kImputerTriplet,
  // sklearn.utils.Bunch: a dict whose items are attributes too.
  kBunch,
  // pathlib's classes over strings, without a look at the disk.
  kPath,
  // datetime's datetime, date and timedelta.
  kDateTime,
  // scipy.interpolate.interp1d; cKDTree and KDTree of scipy.spatial.
  kInterp1d,
  kKdTree,
  // decimal.Decimal and fractions.Fraction, by their digits.
  kExactNumber,
  // uuid.UUID, by its integer.
  kUuid,
  // ipaddress: addresses by their integers, networks and interfaces by their texts.
  kIpAddress,
  // A compiled regular expression whose search takes no more than the square of the text's length.
  kPattern,
  // types.SimpleNamespace: a dict whose items are attributes.
  kNamespace,
  // collections.ChainMap over dicts.
  kChainMap,
  // numpy.random.SeedSequence, by its entropy.
  kSeedSequence,
  // numpy.poly1d and the series of numpy.polynomial, by their coefficients.
  kSeries,
  // numpy.recarray over an array; numpy.record and numpy.void over an array of one item.
  kRecords,
  // Named tuples that numpy.linalg gives.
  kNamedTuple,
};

// What must hold for a fitted instance over its state, what it holds, and its buffers.
enum class Invariant {
  // An estimator that owns one Tree.
  kTreeOwner,
  // estimators_ is a list of tree estimators of the same width.
  kForest,
  kGradientBoosting,
  kNeighbors,
  kSvc,
  kSvr,
  kVocabulary,
  kOneHot,
  kOrdinal,
  kMlp,
  kKmeans,
  kLinear,
  kTfidf,
  // classes_ in the order that searchsorted needs.
  kLabels,
  // As many columns as the degrees make.
  kPolynomial,
  // estimators_features_, estimators_: what an IsolationForest adds to a forest.
  kIsolationForest,
  // Estimators that hold a Booster.
  kXgboostOwner,
  kLightgbmOwner,
  // The model, its predictors and its bin mapper.
  kHistGradientBoosting,
  kHistPredictor,
  kBinMapper,
  // Clusterings whose trees are walked, natively or without end.
  kBirch,
  kBisecting,
  kHdbscan,
  // labels_ counted by numpy's bincount.
  kFeatureLabels,
  // Thresholds from which a function is interpolated.
  kIsotonic,
  // Arguments that a listed function may get.
  kFunction,
  // A tree over as many columns as the features.
  kDensity,
  // One spline a feature, each of as many columns.
  kSplines,
  // Parameters that a fit sets.
  kSearch,
  // Answers that are counted by numpy's bincount.
  kVoting,
  // torch.nn.Module: what is registered, and nothing that is called.
  kModule,
  // LSTM, GRU, RNN; MultiheadAttention; Transformer and its parts; ParameterList and -Dict; modules
  // that may register no tensor.
  kRecurrent,
  kAttention,
  kTransformer,
  kParameterContainer,
  kNoTensors,
  // State tensors of the shape of their parameter.
  kOptimizer,
};

// The schema of a class whose state is a model in its library's own format; kNone for others. Made
// any other way, an instance of such a class hands bytes of the artifact to native code.
Schema NativeSchema(absl::string_view class_name);

std::optional<Schema> ParseSchema(absl::string_view name);
std::optional<Invariant> ParseInvariant(absl::string_view name);

// The name in policies; rule ids are "INVARIANT_" + name.
absl::string_view Name(Schema schema);
absl::string_view Name(Invariant invariant);

}  // namespace loadlock::policy

#endif  // LOADLOCK_SERVER_POLICY_VOCABULARY_H_
