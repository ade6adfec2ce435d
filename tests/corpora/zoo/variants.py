"""Parameters of estimators that leave another kind of fitted state behind than the defaults."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

# What stands here is (estimator, parameters, inputs, targets); parameters of one kind at once.
Variant = tuple[str, dict[str, Any], str, str]


def each(names: str, key: str, values: Any, inputs: str = "", targets: str = "") -> Iterator[Variant]:
    """One variant for each estimator and value of one parameter."""
    for name in names.split():
        for value in values:
            yield name, {key: value}, inputs, targets


def flags(name: str, *settings: dict[str, Any], inputs: str = "", targets: str = "") -> Iterator[Variant]:
    for chosen in settings:
        yield name, chosen, inputs, targets


BOTH = (False, True)


def linear() -> Iterator[Variant]:
    yield from each(
        "LogisticRegression", "solver", ("lbfgs", "liblinear", "newton-cg", "saga", "sag"), "", "binary"
    )
    yield from each("LogisticRegression", "penalty", (None, "l2"))
    yield from flags(
        "LogisticRegression",
        {"solver": "saga", "penalty": "elasticnet", "l1_ratio": 0.5},
        {"class_weight": "balanced"},
        {"class_weight": {0: 1.0, 1: 2.0, 2: 0.5}},
        {"warm_start": True},
        {"fit_intercept": False},
    )
    yield from flags("LogisticRegressionCV", {"Cs": 2}, {"Cs": 2, "scoring": "accuracy"}, {"Cs": [0.1, 1.0]})
    yield from each("LinearRegression Ridge Lasso ElasticNet", "positive", (True,), "", "numbers")
    yield from each(
        "Ridge RidgeClassifier", "solver", ("svd", "cholesky", "lsqr", "sparse_cg", "sag", "saga")
    )
    yield from flags("Ridge", {"solver": "lbfgs", "positive": True}, {"alpha": np.array([1.0])})
    yield from flags("RidgeCV", {"alphas": [0.1, 1.0]}, {"cv": 3}, {"scoring": "r2"})
    yield from flags("RidgeClassifierCV", {"alphas": [0.1, 1.0]}, {"class_weight": "balanced"}, {"cv": 3})
    losses = (
        "hinge",
        "log_loss",
        "modified_huber",
        "squared_hinge",
        "perceptron",
        "squared_error",
        "huber",
        "epsilon_insensitive",
        "squared_epsilon_insensitive",
    )
    yield from each("SGDClassifier", "loss", losses)
    yield from each("SGDClassifier", "loss", losses, "", "binary")
    yield from each("SGDRegressor", "loss", losses[5:], "", "numbers")
    yield from each("SGDClassifier SGDRegressor", "penalty", ("l1", "elasticnet", None))
    yield from each("SGDClassifier SGDRegressor SGDOneClassSVM", "average", (True, 5))
    yield from each("SGDClassifier SGDRegressor", "learning_rate", ("constant", "adaptive", "invscaling"))
    yield from each("SGDClassifier Perceptron PassiveAggressiveClassifier", "early_stopping", (True,))
    yield from each("SGDClassifier SGDRegressor SGDOneClassSVM Perceptron", "warm_start", (True,))
    yield from each("PassiveAggressiveClassifier", "loss", ("hinge", "squared_hinge"))
    losses = ("epsilon_insensitive", "squared_epsilon_insensitive")
    yield from each("PassiveAggressiveRegressor", "loss", losses, "", "numbers")
    yield from each("Perceptron", "penalty", ("l1", "l2"))
    yield from each("TweedieRegressor", "power", (0, 1, 1.5, 2, 3), "", "positive")
    yield from each("TweedieRegressor", "link", ("identity", "log"), "", "positive")
    yield from each("PoissonRegressor GammaRegressor", "solver", ("newton-cholesky",), "", "positive")
    yield from each("LassoLarsIC", "criterion", ("aic", "bic"))
    yield from each("Lars LassoLars", "fit_path", BOTH)
    yield from each("ElasticNet Lasso", "selection", ("random",))
    yield from each("ElasticNetCV", "l1_ratio", ([0.2, 0.8],))
    yield from each("BayesianRidge ARDRegression", "compute_score", (True,))
    yield from each("QuantileRegressor", "quantile", (0.25,), "", "numbers")
    yield from each("RANSACRegressor", "loss", ("absolute_error", "squared_error"), "", "numbers")
    yield from each("LinearSVC", "loss", ("hinge", "squared_hinge"))
    yield from each("LinearSVC", "multi_class", ("crammer_singer",))
    yield from each("LinearSVR", "loss", ("epsilon_insensitive", "squared_epsilon_insensitive"))
    yield from each("OrthogonalMatchingPursuit", "n_nonzero_coefs", (1, 2))
    yield from each("LinearDiscriminantAnalysis", "solver", ("svd", "lsqr", "eigen"))
    yield from each("LinearDiscriminantAnalysis", "store_covariance", (True,))
    yield from flags(
        "LinearDiscriminantAnalysis", {"solver": "lsqr", "shrinkage": "auto"}, {"n_components": 1}
    )
    yield from each("QuadraticDiscriminantAnalysis", "store_covariance", (True,))
    yield from each("PLSRegression CCA PLSCanonical PLSSVD", "n_components", (1,), "", "outputs")
    yield from each("PLSCanonical", "algorithm", ("svd",), "", "outputs")


def machines() -> Iterator[Variant]:
    kernels = ("linear", "poly", "rbf", "sigmoid")
    for inputs in ("", "csr"):
        yield from each("SVC NuSVC SVR NuSVR OneClassSVM", "kernel", kernels, inputs)
    yield from each("SVC NuSVC SVR NuSVR OneClassSVM KernelRidge", "kernel", ("precomputed",), "kernel")
    yield from each("SVC NuSVC", "probability", (True,))
    yield from each("SVC NuSVC", "probability", (True,), "csr", "text-binary")
    yield from flags(
        "SVC",
        {"decision_function_shape": "ovo"},
        {"break_ties": True},
        {"class_weight": "balanced"},
        {"gamma": "auto"},
        {"gamma": 0.25},
        {"shrinking": False},
        {"coef0": 1.5, "kernel": "poly", "degree": 2},
    )
    yield from each("KernelRidge", "kernel", ("rbf", "polynomial", "laplacian", "cosine"))
    activations = ("identity", "logistic", "tanh", "relu")
    yield from each("MLPClassifier MLPRegressor", "activation", activations)
    yield from each("MLPClassifier MLPRegressor", "solver", ("adam", "sgd", "lbfgs"))
    yield from each("MLPClassifier MLPRegressor", "early_stopping", (True,))
    yield from each("MLPClassifier MLPRegressor", "hidden_layer_sizes", ((3, 2), 5))
    yield from each("MLPClassifier MLPRegressor", "warm_start", (True,))
    yield from flags(
        "MLPClassifier",
        {"solver": "sgd", "learning_rate": "invscaling"},
        {"solver": "sgd", "nesterovs_momentum": False},
    )
    yield from each("MLPRegressor", "loss", ("poisson",), "", "positive")
    yield from each("MLPClassifier", "batch_size", (10,), "", "labels")


def trees() -> Iterator[Variant]:
    classifiers = "DecisionTreeClassifier ExtraTreeClassifier RandomForestClassifier ExtraTreesClassifier"
    regressors = "DecisionTreeRegressor ExtraTreeRegressor RandomForestRegressor ExtraTreesRegressor"
    both = f"{classifiers} {regressors}"
    yield from each(classifiers, "criterion", ("gini", "entropy", "log_loss"))
    criteria = ("squared_error", "absolute_error", "friedman_mse", "poisson")
    yield from each(regressors, "criterion", criteria, "", "positive")
    yield from each(both, "max_leaf_nodes", (4,))
    yield from each(both, "max_depth", (1, 3))
    yield from each(both, "ccp_alpha", (0.05,))
    yield from each(both, "max_features", ("sqrt", "log2", 2, 0.5, None))
    yield from each(both, "min_samples_leaf", (5, 0.1))
    yield from each("DecisionTreeClassifier DecisionTreeRegressor", "splitter", ("random",))
    yield from each(classifiers, "class_weight", ("balanced", {0: 1, 1: 2, 2: 3}))
    yield from each(both, "monotonic_cst", ([1, 0, -1, 0],), "", "binary")
    forests = "RandomForestClassifier RandomForestRegressor ExtraTreesClassifier ExtraTreesRegressor"
    for name in forests.split():
        yield name, {"bootstrap": True, "oob_score": True}, "", ""
        yield name, {"bootstrap": True, "max_samples": 0.5}, "", ""
        yield name, {"warm_start": True}, "", ""
        yield name, {"n_jobs": 2}, "", ""
    yield from each("RandomForestClassifier", "class_weight", ("balanced_subsample",))
    yield from each("IsolationForest", "max_features", (0.5, 1.0, 2))
    yield from each("IsolationForest", "contamination", (0.1, "auto"))
    yield from flags("IsolationForest", {"bootstrap": True}, {"max_samples": 10}, {"warm_start": True})
    yield from each("RandomTreesEmbedding", "sparse_output", BOTH)
    yield from each("RandomTreesEmbedding", "max_depth", (2,))


def boosting() -> Iterator[Variant]:
    losses = ("squared_error", "absolute_error", "huber", "quantile")
    yield from each("GradientBoostingRegressor", "loss", losses, "", "numbers")
    yield from each("GradientBoostingClassifier", "loss", ("log_loss", "exponential"), "", "binary")
    both = "GradientBoostingClassifier GradientBoostingRegressor"
    yield from each(both, "init", ("zero",))
    yield from each(both, "subsample", (0.5,))
    yield from each(both, "n_iter_no_change", (2,))
    yield from each(both, "criterion", ("squared_error", "friedman_mse"))
    yield from each(both, "warm_start", (True,))
    yield from each(both, "max_leaf_nodes", (4,))
    hist = "HistGradientBoostingClassifier HistGradientBoostingRegressor"
    losses = ("squared_error", "absolute_error", "poisson", "gamma")
    yield from each("HistGradientBoostingRegressor", "loss", losses, "", "positive")
    yield "HistGradientBoostingRegressor", {"loss": "quantile", "quantile": 0.3}, "", "numbers"
    yield from each("HistGradientBoostingClassifier", "loss", ("log_loss",), "", "text-binary")
    yield from each(hist, "categorical_features", ([3], [True, False, False, True]), "codes")
    yield from each(hist, "monotonic_cst", ([1, 0, -1, 0],), "", "binary")
    yield from each(hist, "interaction_cst", ("pairwise", [{0, 1}, {2, 3}]))
    yield from each(hist, "early_stopping", (True,))
    yield from each(hist, "max_bins", (10,))
    yield from each(hist, "max_leaf_nodes", (3, None))
    yield from each(hist, "max_depth", (1,))
    yield from each(hist, "max_features", (0.5,))
    yield from each(hist, "warm_start", (True,))
    yield from each(hist, "class_weight", ("balanced",))
    yield from each(hist, "scoring", ("loss", None, "neg_log_loss"), "", "binary")
    yield from each(hist, "min_samples_leaf", (2,), "holes", "binary")
    for name in hist.split():
        yield name, {"early_stopping": True, "scoring": "accuracy" if "Classifier" in name else "r2"}, "", ""


def neighbours() -> Iterator[Variant]:
    near = (
        "KNeighborsClassifier KNeighborsRegressor NearestNeighbors LocalOutlierFactor KNeighborsTransformer"
    )
    far = "RadiusNeighborsClassifier RadiusNeighborsRegressor RadiusNeighborsTransformer"
    both = f"{near} {far}"
    yield from each(both, "algorithm", ("kd_tree", "ball_tree", "brute"))
    yield from each(both, "p", (1, 3))
    yield from each(both, "metric", ("manhattan", "chebyshev", "euclidean", "cosine"))
    yield from each(both, "metric", ("precomputed",), "distances")
    yield from each(both, "metric", ("haversine",), "coordinates")
    yield from each(both, "leaf_size", (3,))
    yield from each("KNeighborsClassifier KNeighborsRegressor", "weights", ("distance",))
    yield from each("RadiusNeighborsClassifier", "outlier_label", (0, "most_frequent"))
    yield from each("KNeighborsTransformer RadiusNeighborsTransformer", "mode", ("connectivity",))
    yield from each("LocalOutlierFactor", "novelty", (True,))
    yield from each("LocalOutlierFactor", "contamination", (0.1,))
    kernels = ("gaussian", "tophat", "epanechnikov", "exponential", "linear", "cosine")
    yield from each("KernelDensity", "kernel", kernels)
    yield from each("KernelDensity", "bandwidth", ("scott", "silverman", 0.3))
    yield from each("KernelDensity", "algorithm", ("kd_tree", "ball_tree"))
    yield from each("KernelDensity", "metric", ("manhattan", "chebyshev"))
    yield from each("NearestCentroid", "metric", ("manhattan", "euclidean"))
    yield from each("NearestCentroid", "shrink_threshold", (0.2,))
    yield from each("NeighborhoodComponentsAnalysis", "init", ("pca", "identity", "random", "lda"))
    yield from each("KNNImputer", "weights", ("distance",), "holes")
    yield from each("KNNImputer", "add_indicator", (True,), "holes")
    yield from each("LabelPropagation LabelSpreading", "kernel", ("knn", "rbf"), "", "partly")


def bayes() -> Iterator[Variant]:
    yield from each("BernoulliNB MultinomialNB ComplementNB CategoricalNB", "alpha", (0.1,), "codes")
    yield from each("BernoulliNB MultinomialNB ComplementNB", "fit_prior", (False,), "csr")
    yield from each("ComplementNB", "norm", (True,))
    yield from each("GaussianNB", "priors", ([0.2, 0.3, 0.5],))
    yield from each("DummyClassifier", "strategy", ("prior", "stratified", "most_frequent", "uniform"))
    yield from flags("DummyClassifier", {"strategy": "constant", "constant": "setosa"}, targets="text")
    yield from each("DummyClassifier", "strategy", ("prior", "stratified"), "", "multiclass-outputs")
    yield from flags(
        "DummyRegressor",
        {"strategy": "median"},
        {"strategy": "quantile", "quantile": 0.3},
        {"strategy": "constant", "constant": 2.0},
    )
    kinds = ("full", "tied", "diag", "spherical")
    yield from each("GaussianMixture BayesianGaussianMixture", "covariance_type", kinds)
    yield from each("GaussianMixture BayesianGaussianMixture", "n_components", (2,))
    yield from each("GaussianMixture", "init_params", ("random", "k-means++"))
    yield from flags("GaussianMixture", {"means_init": np.ones((1, 4)), "warm_start": True})
    priors = ("dirichlet_process", "dirichlet_distribution")
    yield from each("BayesianGaussianMixture", "weight_concentration_prior_type", priors)
    names = "EmpiricalCovariance LedoitWolf OAS ShrunkCovariance MinCovDet EllipticEnvelope GraphicalLasso"
    yield from each(names, "store_precision", BOTH)
    yield from each(names, "assume_centered", (True,))


FAMILIES: tuple[Callable[[], Iterator[Variant]], ...] = (linear, machines, trees, boosting, neighbours, bayes)
