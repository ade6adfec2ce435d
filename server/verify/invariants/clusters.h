// BIRCH, BISECTING, HDBSCAN, FEATURE_LABELS: clusterings that keep trees, and labels that are
// counted.
#ifndef LOADLOCK_SERVER_VERIFY_INVARIANTS_CLUSTERS_H_
#define LOADLOCK_SERVER_VERIFY_INVARIANTS_CLUSTERS_H_

#include "server/verify/scope.h"

namespace loadlock::verify {

// Birch: the list of leaves ends, so that partial_fit does.
Check CheckBirch(const Scope& scope, const Instance& model);
// BisectingKMeans: every center of the tree is as wide as the features, for predict goes down it
// with native code.
Check CheckBisecting(const Scope& scope, const Instance& model);
// HDBSCAN: dbscan_clustering unites the nodes of the linkage tree natively, by index.
Check CheckHdbscan(const Scope& scope, const Instance& model);
// FeatureAgglomeration: labels_ are one cluster a feature.
Check CheckFeatureLabels(const Scope& scope, const Instance& model);

}  // namespace loadlock::verify

#endif  // LOADLOCK_SERVER_VERIFY_INVARIANTS_CLUSTERS_H_
