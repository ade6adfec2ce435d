"""The rest of variants.py: what transforms, clusters and decomposes, and what holds functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from .variants import Variant, each, flags


def clusters() -> Iterator[Variant]:
    yield from each("KMeans MiniBatchKMeans", "init", ("random", "k-means++"))
    yield from each("KMeans", "algorithm", ("lloyd", "elkan"))
    yield from each("KMeans MiniBatchKMeans", "init", (np.ones((2, 4)) * [[1], [5]],))
    yield from each("KMeans MiniBatchKMeans BisectingKMeans", "n_clusters", (2, 5))
    yield from each("BisectingKMeans", "bisecting_strategy", ("largest_cluster",))
    yield from each("BisectingKMeans", "algorithm", ("elkan",))
    yield from each("Birch", "n_clusters", (None, 2))
    yield from each("Birch", "branching_factor", (3,))
    yield from each("Birch", "threshold", (0.1, 1.5))
    yield from each("Birch", "compute_labels", (False,))
    yield from each("DBSCAN", "algorithm", ("brute", "kd_tree", "ball_tree"))
    yield from each("DBSCAN OPTICS", "metric", ("manhattan",))
    yield from each("OPTICS", "cluster_method", ("xi", "dbscan"))
    yield from each("HDBSCAN", "cluster_selection_method", ("eom", "leaf"))
    yield from each("HDBSCAN", "store_centers", ("centroid", "both"))
    yield from each("HDBSCAN", "algorithm", ("brute", "kd_tree"))
    yield from each("MeanShift", "bin_seeding", (True,))
    yield from each("MeanShift", "cluster_all", (False,))
    yield from each("AffinityPropagation", "damping", (0.8,))
    yield from each("AffinityPropagation", "affinity", ("precomputed",), "kernel")
    yield from each("SpectralClustering", "affinity", ("nearest_neighbors", "rbf"))
    yield from each("SpectralClustering", "assign_labels", ("discretize", "cluster_qr"))
    linkage = ("ward", "complete", "average", "single")
    yield from each("AgglomerativeClustering FeatureAgglomeration", "linkage", linkage)
    yield from each("AgglomerativeClustering FeatureAgglomeration", "compute_distances", (True,))
    yield from flags("AgglomerativeClustering", {"n_clusters": None, "distance_threshold": 1.0})
    yield from each("FeatureAgglomeration", "pooling_func", (np.mean, np.max, np.median))
    yield from each("SpectralBiclustering", "method", ("scale", "log"))
    yield from each("SpectralCoclustering", "n_clusters", (2,))


def decompositions() -> Iterator[Variant]:
    yield from each("PCA", "n_components", (1, 0.9, "mle", None))
    yield from each("PCA", "svd_solver", ("full", "randomized", "covariance_eigh"))
    yield from each("PCA IncrementalPCA", "whiten", (True,))
    yield from each("IncrementalPCA", "batch_size", (20,))
    yield from each("TruncatedSVD", "algorithm", ("arpack", "randomized"))
    yield from each("FastICA", "fun", ("logcosh", "exp", "cube"))
    yield from each("FastICA", "algorithm", ("deflation",))
    yield from each("FastICA", "whiten", (False, "arbitrary-variance"))
    yield from each("FactorAnalysis", "rotation", ("varimax", "quartimax"))
    yield from each("FactorAnalysis", "svd_method", ("lapack",))
    yield from each("NMF MiniBatchNMF", "beta_loss", ("kullback-leibler",))
    yield from flags("NMF", {"solver": "mu", "beta_loss": 1.5}, {"init": "random"}, {"init": "nndsvda"})
    algorithms = ("omp", "lars", "lasso_lars", "lasso_cd", "threshold")
    names = "DictionaryLearning MiniBatchDictionaryLearning"
    yield from each(names, "transform_algorithm", algorithms)
    yield from each("DictionaryLearning MiniBatchDictionaryLearning", "fit_algorithm", ("cd",))
    yield from each("SparsePCA MiniBatchSparsePCA", "method", ("cd",))
    yield from each("LatentDirichletAllocation", "learning_method", ("batch", "online"))
    yield from each("LatentDirichletAllocation", "n_components", (2,))
    kernels = ("linear", "poly", "rbf", "sigmoid", "cosine")
    yield from each("KernelPCA", "kernel", kernels)
    yield from each("KernelPCA", "kernel", ("precomputed",), "kernel")
    yield from each("KernelPCA", "fit_inverse_transform", (True,))
    yield from each("KernelPCA", "eigen_solver", ("arpack", "randomized", "dense"))
    yield from each("Isomap", "eigen_solver", ("dense", "arpack"))
    yield from each("Isomap", "n_neighbors", (8,))
    yield from each("Isomap", "metric", ("precomputed",), "distances")
    yield from each("LocallyLinearEmbedding", "method", ("standard", "modified", "ltsa", "hessian"))
    yield from flags("LocallyLinearEmbedding", {"method": "hessian", "n_neighbors": 10})
    yield from each("MDS", "metric", (False, True))
    yield from each("SpectralEmbedding", "affinity", ("rbf", "nearest_neighbors"))
    yield from each("TSNE", "method", ("exact",))
    yield from each("TSNE", "init", ("random",))
    yield from each("BernoulliRBM", "n_components", (3,), "bits")


def encoders() -> Iterator[Variant]:
    yield from each("StandardScaler", "with_mean", (False,), "csr")
    yield from each("StandardScaler RobustScaler", "with_std", (False,))
    yield from flags(
        "RobustScaler", {"with_scaling": False}, {"unit_variance": True}, {"with_centering": False}
    )
    yield from each("MinMaxScaler", "clip", (True,))
    yield from each("Normalizer", "norm", ("l1", "max"))
    yield from each("PowerTransformer", "method", ("box-cox", "yeo-johnson"))
    yield from each("PowerTransformer", "standardize", (False,))
    yield from each("QuantileTransformer", "output_distribution", ("normal",))
    yield from each("QuantileTransformer", "subsample", (20,), "csr")
    for degree in (1, 3, (2, 3)):
        yield from each("PolynomialFeatures", "degree", (degree,))
        yield from each("PolynomialFeatures", "degree", (degree,), "csr")
    yield from each("PolynomialFeatures", "interaction_only", (True,))
    yield from each("PolynomialFeatures", "order", ("F",))
    edges = ("error", "constant", "linear", "continue", "periodic")
    yield from each("SplineTransformer", "extrapolation", edges)
    yield from each("SplineTransformer", "knots", ("quantile", "uniform"))
    yield from flags(
        "SplineTransformer",
        {"degree": 0},
        {"degree": 5, "n_knots": 3},
        {"include_bias": False},
        {"sparse_output": True},
    )
    yield from each("KBinsDiscretizer", "encode", ("onehot", "onehot-dense", "ordinal"))
    yield from each("KBinsDiscretizer", "strategy", ("uniform", "quantile", "kmeans"))
    yield from each("KBinsDiscretizer", "dtype", (np.float32, np.float64))
    yield from each("KBinsDiscretizer", "n_bins", (3, [2, 3, 4, 5]))
    yield from flags(
        "OneHotEncoder",
        {"drop": "first"},
        {"drop": "if_binary"},
        {"handle_unknown": "ignore"},
        {"min_frequency": 15},
        {"max_categories": 2},
        {"handle_unknown": "infrequent_if_exist", "max_categories": 3},
        {"sparse_output": False},
        {"dtype": np.int8},
        {"handle_unknown": "warn", "max_categories": 3},
        inputs="table",
    )
    yield from flags("OneHotEncoder", {}, {"drop": "first"}, {"min_frequency": 0.2}, inputs="codes")
    yield from flags(
        "OrdinalEncoder",
        {"handle_unknown": "use_encoded_value", "unknown_value": -1},
        {"dtype": np.int32},
        {"handle_unknown": "use_encoded_value", "unknown_value": np.nan},
        {"max_categories": 2},
        {"min_frequency": 15, "encoded_missing_value": -2},
        inputs="table",
    )
    yield from flags("OrdinalEncoder", {}, {"encoded_missing_value": -1}, inputs="holes")
    yield from each("TargetEncoder", "smooth", (1.0, "auto"), "table", "numbers")
    yield from each("TargetEncoder", "target_type", ("continuous", "auto"), "table", "numbers")
    yield from each("TargetEncoder", "target_type", ("multiclass",), "table", "text")
    yield from each("LabelBinarizer MultiLabelBinarizer", "sparse_output", (True,))
    yield from each("LabelBinarizer", "pos_label", (3,), "", "binary")
    yield from each("Binarizer", "threshold", (2.0,), "csr")


def imputers() -> Iterator[Variant]:
    yield from each("SimpleImputer", "strategy", ("mean", "median", "most_frequent", "constant"), "holes")
    yield from each("SimpleImputer", "add_indicator", (True,), "holes")
    yield from each("SimpleImputer", "keep_empty_features", (True,), "holes")
    yield from flags("SimpleImputer", {"strategy": "most_frequent", "missing_values": "x"}, inputs="table")
    yield from flags(
        "SimpleImputer", {"strategy": "constant", "fill_value": "?", "missing_values": "a"}, inputs="table"
    )
    yield from each("SimpleImputer", "missing_values", (1,), "ints")
    yield from flags("MissingIndicator", {"features": "all"}, {"sparse": True}, inputs="holes")
    orders = ("ascending", "descending", "roman", "arabic", "random")
    yield from each("IterativeImputer", "imputation_order", orders, "holes")
    yield from each("IterativeImputer", "initial_strategy", ("median", "most_frequent", "constant"), "holes")
    yield from flags(
        "IterativeImputer",
        {"sample_posterior": True},
        {"n_nearest_features": 2},
        {"add_indicator": True},
        {"min_value": 0, "max_value": [9, 9, 9, 9]},
        inputs="holes",
    )


def texts() -> Iterator[Variant]:
    both = "CountVectorizer TfidfVectorizer HashingVectorizer"
    yield from each(both, "analyzer", ("word", "char", "char_wb"), "documents")
    yield from each(both, "ngram_range", ((1, 2), (2, 3)), "documents")
    yield from each(both, "stop_words", ("english", ["ant", "bee"]), "documents")
    yield from each(both, "lowercase", (False,), "documents")
    yield from each(both, "strip_accents", ("ascii", "unicode"), "documents")
    yield from each(both, "binary", (True,), "documents")
    yield from each(both, "dtype", (np.float32, np.float64), "documents")
    yield from each("CountVectorizer TfidfVectorizer", "max_features", (3,), "documents")
    yield from each(
        "CountVectorizer TfidfVectorizer",
        "vocabulary",
        (["ant", "bee"], {"cat": 1, "dog": 0}, {"ant"}),
        "documents",
    )
    yield from each("TfidfVectorizer TfidfTransformer", "sublinear_tf", (True,), "documents")
    yield from each("TfidfVectorizer", "use_idf", (False,), "documents")
    yield from each("TfidfTransformer", "use_idf", (False,), "csr")
    yield from each("TfidfTransformer TfidfVectorizer", "norm", ("l1", None), "documents")
    yield from each("HashingVectorizer", "norm", ("l1", None), "documents")
    yield from each("HashingVectorizer FeatureHasher", "alternate_sign", (False,), "documents")
    yield from each("FeatureHasher", "dtype", (np.float32,), "dicts")
    yield from each("FeatureHasher", "input_type", ("string",), "sets")
    yield from flags(
        "DictVectorizer", {"sparse": False}, {"dtype": np.float32}, {"sort": False}, inputs="dicts"
    )


def selectors() -> Iterator[Variant]:
    from sklearn import feature_selection as fs

    names = "SelectKBest SelectPercentile SelectFpr SelectFdr SelectFwe GenericUnivariateSelect"
    functions = (fs.f_classif, fs.chi2, fs.mutual_info_classif)
    yield from each(names.replace("SelectKBest SelectPercentile ", ""), "score_func", functions[:2])
    yield from each("SelectKBest SelectPercentile", "score_func", functions)
    functions = (fs.f_regression, fs.mutual_info_regression, fs.r_regression)
    yield from each("SelectKBest SelectPercentile", "score_func", functions, "", "numbers")
    yield from each("SelectKBest", "k", (2, "all"))
    yield from each("GenericUnivariateSelect", "mode", ("k_best", "fpr", "fdr", "fwe"))
    yield from each("VarianceThreshold", "threshold", (0.2,), "csr")
    yield from each("Nystroem", "kernel", ("rbf", "poly", "linear", "cosine", "laplacian"))
    yield from each("RBFSampler", "gamma", ("scale", 0.5))
    yield from each("AdditiveChi2Sampler", "sample_steps", (1, 3))
    yield from each("PolynomialCountSketch", "degree", (3,))
    yield from each("SparseRandomProjection", "dense_output", (True,))
    yield from each("SparseRandomProjection GaussianRandomProjection", "compute_inverse_components", (True,))
    yield from each("SparseRandomProjection", "density", (0.5, 1.0))
    for clip in ("clip", "nan"):
        yield from each("IsotonicRegression", "out_of_bounds", (clip,), "one", "numbers")
    yield from each("IsotonicRegression", "increasing", (False, "auto"), "one", "numbers")


FAMILIES: tuple[Callable[[], Iterator[Variant]], ...] = (
    clusters,
    decompositions,
    encoders,
    imputers,
    texts,
    selectors,
)
