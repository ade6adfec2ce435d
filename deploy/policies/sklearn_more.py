"""Hand-written: clusterings, decompositions, embeddings, mixtures and imputers."""

from __future__ import annotations

from model import Rule
from sklearn_calls import BALL, KD, TRIPLET
from sklearn_terms import (
    ARRAY,
    BOOL,
    DICT,
    DISTANCE,
    FLOAT,
    INT,
    KERNEL,
    KERNELS,
    LIST,
    MEMORY,
    NAME,
    NONE,
    NUMBER,
    OBJECT,
    PLAIN,
    SPARSE,
    SPARSE_OR_ARRAY,
    SPLITTING,
    STR,
    WIDTH,
    Classes,
    any_of,
    made,
    rows,
    strings,
    widths,
)

CLASSES = Classes()
add = CLASSES.add
SPARSE_OR_NONE = Rule([ARRAY, OBJECT, NONE], classes=SPARSE)

# Covariances: the distance by precision_ reads as many numbers as rows have columns.
COVARIANCE = {
    **widths("location_"),
    "covariance_": Rule([ARRAY], dtypes=["f*"], shape=[WIDTH, WIDTH]),
    "precision_": Rule([ARRAY, NONE], dtypes=["f*"], shape=[WIDTH, WIDTH]),
}
add(
    [
        f"sklearn.covariance.{name}"
        for name in (
            "_elliptic_envelope.EllipticEnvelope",
            "_empirical_covariance.EmpiricalCovariance",
            "_graph_lasso.GraphicalLasso",
            "_graph_lasso.GraphicalLassoCV",
            "_robust_covariance.MinCovDet",
            "_shrunk_covariance.LedoitWolf",
            "_shrunk_covariance.OAS",
            "_shrunk_covariance.ShrunkCovariance",
        )
    ],
    why="matrices as wide as the features",
    cv=SPLITTING,
    **COVARIANCE,
)

# Clusterings.
add(
    "sklearn.cluster._affinity_propagation.AffinityPropagation",
    why=PLAIN,
    cluster_centers_=SPARSE_OR_ARRAY,
    affinity=strings("euclidean", "precomputed"),
)
add(
    "sklearn.cluster._agglomerative.AgglomerativeClustering",
    why=PLAIN,
    memory=MEMORY,
    metric=Rule([NONE, STR]),
    affinity=Rule([NONE, STR]),
    connectivity=SPARSE_OR_NONE,
)
add(
    "sklearn.cluster._agglomerative.FeatureAgglomeration",
    "FEATURE_LABELS",
    why="one cluster a feature; pools by a listed function",
    memory=MEMORY,
    metric=Rule([NONE, STR]),
    affinity=Rule([NONE, STR]),
    connectivity=SPARSE_OR_NONE,
    pooling_func=Rule([NAME]),
)
add(
    "sklearn.cluster._bicluster.{SpectralBiclustering,SpectralCoclustering}",
    why=PLAIN,
    init=Rule([STR, ARRAY]),
)
NODE, SUBCLUSTER = "sklearn.cluster._birch._CFNode", "sklearn.cluster._birch._CFSubcluster"
add(
    "sklearn.cluster._birch.Birch",
    "BIRCH",
    why="norms as many as the centers, a list of leaves that ends",
    root_=made(NODE),
    dummy_leaf_=made(NODE),
    n_clusters=Rule([INT, NONE, OBJECT]),
    subcluster_centers_=Rule([ARRAY], dtypes=["f*"], shape=["len(subcluster_labels_)", WIDTH]),
    _subcluster_norms=Rule([ARRAY], dtypes=["f*"], shape=["len(subcluster_labels_)"]),
)
LEAF = {
    "prev_leaf_": Rule([OBJECT, NONE], classes=[NODE], back=True, why="a list over all leaves"),
    "next_leaf_": Rule([OBJECT, NONE], classes=[NODE], back=True, why="a list over all leaves"),
}
add(
    NODE,
    why="acyclic but for the list of leaves",
    subclusters_=Rule([LIST, OBJECT], classes=[SUBCLUSTER]),
    **LEAF,
)
add(SUBCLUSTER, why=PLAIN, child_=any_of(NODE))
BISECTION = "sklearn.cluster._bisect_k_means._BisectingTree"
add(
    "sklearn.cluster._bisect_k_means.BisectingKMeans",
    "KMEANS",
    "BISECTING",
    why="every center as wide as the features",
    init=Rule([STR, ARRAY]),
    _bisecting_tree=made(BISECTION),
    _kmeans_single=Rule([NAME]),
    _X_mean=Rule([ARRAY], shape=[WIDTH]),
)
add(
    BISECTION,
    why="proven by its owner",
    left=any_of(BISECTION),
    right=any_of(BISECTION),
    center=Rule([ARRAY, OBJECT], classes=["numpy.matrix"]),
    score=Rule(NUMBER, why="no method: of the bisection itself"),
)
add("sklearn.cluster._dbscan.DBSCAN", why=PLAIN, metric=DISTANCE, components_=SPARSE_OR_ARRAY)
add(
    "sklearn.cluster._hdbscan.hdbscan.HDBSCAN",
    "HDBSCAN",
    why="nodes of the linkage in range",
    metric=DISTANCE,
    _raw_data=SPARSE_OR_ARRAY,
)
add("sklearn.cluster._mean_shift.MeanShift", why=PLAIN, **rows("cluster_centers_"))
add("sklearn.cluster._optics.OPTICS", why=PLAIN, metric=DISTANCE)
add(
    "sklearn.cluster._spectral.SpectralClustering",
    why="its affinity is read by fit only",
    affinity=strings(*KERNELS, "nearest_neighbors", "precomputed_nearest_neighbors"),
    affinity_matrix_=SPARSE_OR_ARRAY,
)

# Decompositions.
add("sklearn.cross_decomposition._pls.{CCA,PLSCanonical,PLSRegression,PLSSVD}", why=PLAIN)
add(
    "sklearn.decomposition._dict_learning.{DictionaryLearning,MiniBatchDictionaryLearning,SparseCoder}",
    why="coding by a listed algorithm",
    transform_algorithm=strings("omp", "lars", "lasso_lars", "lasso_cd", "threshold"),
    callback=Rule([NONE]),
    **rows("components_"),
)
add(
    "sklearn.decomposition._sparse_pca.{SparsePCA,MiniBatchSparsePCA}",
    why=PLAIN,
    callback=Rule([NONE]),
    **rows("components_"),
    **widths("mean_"),
)
add(
    "sklearn.decomposition._factor_analysis.FactorAnalysis",
    why=PLAIN,
    **rows("components_"),
    **widths("mean_"),
)
add(
    "sklearn.decomposition._fastica.FastICA",
    why="contrasts by name",
    fun=strings("logcosh", "exp", "cube"),
    fun_args=Rule([NONE, DICT]),
    **rows("components_"),
)
add(
    "sklearn.decomposition._lda.LatentDirichletAllocation",
    why="natively updated matrices as wide as the features",
    max_doc_update_iter=Rule([INT], min=0, max=10**4),
    components_=Rule([ARRAY], dtypes=["f*"], shape=["*", WIDTH]),
    exp_dirichlet_component_=Rule([ARRAY], dtypes=["f*"], shape=["*", WIDTH]),
    doc_topic_prior_=Rule([FLOAT]),
)
add(
    "sklearn.decomposition._nmf.{NMF,MiniBatchNMF}",
    why="a bounded number of native steps over a matrix as wide as the features",
    max_iter=Rule([INT], min=0, max=10**5),
    _max_iter=Rule([INT], min=0, max=10**5),
    components_=Rule([ARRAY], dtypes=["f*"], shape=["*", WIDTH]),
    beta_loss=Rule([STR, *NUMBER]),
)
CENTERER = "sklearn.preprocessing._data.KernelCenterer"
add(
    "sklearn.decomposition._kernel_pca.KernelPCA",
    why="kernels by name",
    kernel=KERNEL,
    X_fit_=SPARSE_OR_ARRAY,
    _centerer=made(CENTERER),
    kernel_params=Rule([NONE, DICT]),
)
add(CENTERER, why=PLAIN)
add(
    "sklearn.discriminant_analysis.LinearDiscriminantAnalysis",
    "LINEAR",
    why=PLAIN,
    covariance_estimator=any_of(),
)
add("sklearn.discriminant_analysis.QuadraticDiscriminantAnalysis", why=PLAIN, covariance_estimator=any_of())

# Embeddings.
NEAREST = "sklearn.neighbors._unsupervised.NearestNeighbors"
KERNEL_PCA = "sklearn.decomposition._kernel_pca.KernelPCA"
add(
    "sklearn.manifold._isomap.Isomap",
    why="neighbours proven by themselves",
    metric=DISTANCE,
    metric_params=Rule([NONE, DICT]),
    kernel_pca_=made(KERNEL_PCA),
    nbrs_=made(NEAREST),
)
add(
    "sklearn.manifold._locally_linear.LocallyLinearEmbedding",
    why="neighbours proven by themselves",
    nbrs_=made(NEAREST),
)
add("sklearn.manifold._mds.MDS", why=PLAIN, metric=Rule([BOOL, STR]))
add("sklearn.manifold._classical_mds.ClassicalMDS", why=PLAIN, metric=DISTANCE)
add(
    "sklearn.manifold._spectral_embedding.SpectralEmbedding",
    why=PLAIN,
    affinity_matrix_=SPARSE_OR_ARRAY,
    affinity=strings("nearest_neighbors", "rbf", "precomputed", "precomputed_nearest_neighbors"),
)
add("sklearn.manifold._t_sne.TSNE", why=PLAIN, metric=DISTANCE, init=Rule([STR, ARRAY]))

# Mixtures, Bayes, neighbours.
add("sklearn.mixture._bayesian_mixture.BayesianGaussianMixture", why=PLAIN, **rows("means_"))
add("sklearn.mixture._gaussian_mixture.GaussianMixture", why=PLAIN, **rows("means_"))
add("sklearn.naive_bayes.CategoricalNB", why=PLAIN)
add("sklearn.neural_network._rbm.BernoulliRBM", why=PLAIN, **rows("components_"))
add(
    "sklearn.neighbors._kde.KernelDensity",
    "DENSITY",
    why="a proven tree over the features",
    kernel=strings("gaussian", "tophat", "epanechnikov", "exponential", "linear", "cosine"),
    metric=DISTANCE,
    tree_=made(f"{KD}.newObj", f"{BALL}.newObj"),
    metric_params=Rule([NONE, DICT]),
)
add(
    "sklearn.neighbors._nca.NeighborhoodComponentsAnalysis",
    why=PLAIN,
    callback=Rule([NONE]),
    init=Rule([STR, ARRAY]),
    **rows("components_"),
)
add("sklearn.neighbors._nearest_centroid.NearestCentroid", why=PLAIN, metric=DISTANCE, **rows("centroids_"))
add(
    "sklearn.impute._knn.KNNImputer",
    why="distances and weights by name",
    metric=strings("nan_euclidean"),
    weights=strings("uniform", "distance", none=True),
    indicator_=any_of("sklearn.impute._base.MissingIndicator"),
    **rows("_fit_X", "_mask_fit_X"),
)
add(
    "sklearn.impute._iterative.IterativeImputer",
    why="one listed estimator a step",
    estimator=any_of(),
    _estimator=any_of(),
    initial_imputer_=any_of("sklearn.impute._base.SimpleImputer"),
    indicator_=any_of("sklearn.impute._base.MissingIndicator"),
    imputation_sequence_=Rule([LIST, OBJECT], classes=[TRIPLET]),
)
add(
    [f"sklearn.semi_supervised._label_propagation.{name}" for name in ("LabelPropagation", "LabelSpreading")],
    why="kernels by name, neighbours proven by themselves",
    kernel=strings("knn", "rbf"),
    X_=SPARSE_OR_ARRAY,
    nn_fit=any_of(NEAREST),
    n_neighbors=Rule([INT], min=1),
)
