#include "server/verify/invariants/invariants.h"

#include "server/verify/invariants/booster_owner.h"
#include "server/verify/invariants/clusters.h"
#include "server/verify/invariants/encoders.h"
#include "server/verify/invariants/forest.h"
#include "server/verify/invariants/functions.h"
#include "server/verify/invariants/gradient_boosting.h"
#include "server/verify/invariants/hist_gradient_boosting.h"
#include "server/verify/invariants/kmeans.h"
#include "server/verify/invariants/labels.h"
#include "server/verify/invariants/linear.h"
#include "server/verify/invariants/mlp.h"
#include "server/verify/invariants/neighbors.h"
#include "server/verify/invariants/polynomial.h"
#include "server/verify/invariants/searches.h"
#include "server/verify/invariants/svm.h"
#include "server/verify/invariants/text.h"
#include "server/verify/invariants/tree.h"
#include "server/verify/torch/layers.h"
#include "server/verify/torch/modules.h"
#include "server/verify/torch/optimizer.h"

namespace loadlock::verify {

Check CheckInvariant(const Scope& scope, const Instance& object, policy::Invariant invariant) {
  switch (invariant) {
    case policy::Invariant::kTreeOwner:
      return CheckTreeOwner(scope, object);
    case policy::Invariant::kForest:
      return CheckForest(scope, object);
    case policy::Invariant::kIsolationForest:
      return CheckIsolationForest(scope, object);
    case policy::Invariant::kGradientBoosting:
      return CheckGradientBoosting(scope, object);
    case policy::Invariant::kNeighbors:
      return CheckNeighbors(scope, object);
    case policy::Invariant::kSvc:
      return CheckSvc(scope, object);
    case policy::Invariant::kSvr:
      return CheckSvr(scope, object);
    case policy::Invariant::kVocabulary:
      return CheckVocabulary(scope, object);
    case policy::Invariant::kOneHot:
      return CheckOneHot(scope, object);
    case policy::Invariant::kOrdinal:
      return CheckOrdinal(scope, object);
    case policy::Invariant::kMlp:
      return CheckMlp(scope, object);
    case policy::Invariant::kKmeans:
      return CheckKmeans(scope, object);
    case policy::Invariant::kLinear:
      return CheckLinear(scope, object);
    case policy::Invariant::kTfidf:
      return CheckTfidf(scope, object);
    case policy::Invariant::kLabels:
      return CheckLabels(scope, object);
    case policy::Invariant::kXgboostOwner:
      return CheckXgboostOwner(scope, object);
    case policy::Invariant::kLightgbmOwner:
      return CheckLightgbmOwner(scope, object);
    case policy::Invariant::kPolynomial:
      return CheckPolynomial(scope, object);
    case policy::Invariant::kHistGradientBoosting:
      return CheckHistGradientBoosting(scope, object);
    case policy::Invariant::kHistPredictor:
      return CheckHistPredictor(scope, object);
    case policy::Invariant::kBinMapper:
      return CheckBinMapper(scope, object);
    case policy::Invariant::kBirch:
      return CheckBirch(scope, object);
    case policy::Invariant::kBisecting:
      return CheckBisecting(scope, object);
    case policy::Invariant::kHdbscan:
      return CheckHdbscan(scope, object);
    case policy::Invariant::kFeatureLabels:
      return CheckFeatureLabels(scope, object);
    case policy::Invariant::kIsotonic:
      return CheckIsotonic(scope, object);
    case policy::Invariant::kFunction:
      return CheckFunction(scope, object);
    case policy::Invariant::kDensity:
      return CheckDensity(scope, object);
    case policy::Invariant::kSplines:
      return CheckSplines(scope, object);
    case policy::Invariant::kSearch:
      return CheckSearch(scope, object);
    case policy::Invariant::kVoting:
      return CheckVoting(scope, object);
    case policy::Invariant::kModule:
      return torch::CheckModule(scope, object);
    case policy::Invariant::kRecurrent:
      return torch::CheckRecurrent(scope, object);
    case policy::Invariant::kAttention:
      return torch::CheckAttention(scope, object);
    case policy::Invariant::kTransformer:
      return torch::CheckTransformer(scope, object);
    case policy::Invariant::kParameterContainer:
      return torch::CheckParameterContainer(scope, object);
    case policy::Invariant::kNoTensors:
      return torch::CheckNoTensors(scope, object);
    case policy::Invariant::kOptimizer:
      return torch::CheckOptimizer(scope, object);
  }
  return Broken{"", "an invariant that loadlock does not know"};
}

}  // namespace loadlock::verify
