"""How each estimator of scikit-learn is fitted: the data it wants and what it needs to be made."""

from __future__ import annotations

import inspect
from functools import cache
from typing import Any

from sklearn.experimental import enable_halving_search_cv, enable_iterative_imputer  # noqa: F401
from sklearn.utils import all_estimators

# Data of another kind than iris with its classes: (inputs, targets).
WANTED: dict[str, tuple[str, str]] = {
    "CategoricalNB": ("codes", ""),
    "CountVectorizer": ("documents", ""),
    "DictVectorizer": ("dicts", ""),
    "FeatureHasher": ("dicts", ""),
    "HashingVectorizer": ("documents", ""),
    "IsotonicRegression": ("one", "numbers"),
    "IterativeImputer": ("holes", ""),
    "KNNImputer": ("holes", ""),
    "KernelCenterer": ("kernel", ""),
    "LabelBinarizer": ("", "text"),
    "LabelEncoder": ("", "text"),
    "MissingIndicator": ("holes", ""),
    "MultiLabelBinarizer": ("sets", ""),
    "OneHotEncoder": ("table", ""),
    "OrdinalEncoder": ("table", ""),
    "PatchExtractor": ("images", ""),
    "SimpleImputer": ("holes", ""),
    "TargetEncoder": ("table", "text-binary"),
    "TfidfTransformer": ("bits", ""),
    "TfidfVectorizer": ("documents", ""),
    "FixedThresholdClassifier": ("", "binary"),
    "TunedThresholdClassifierCV": ("", "binary"),
    "SelfTrainingClassifier": ("", "partly"),
    "LabelPropagation": ("", "partly"),
    "LabelSpreading": ("", "partly"),
    "ClassifierChain": ("", "labels"),
    "MultiOutputClassifier": ("", "multiclass-outputs"),
    **dict.fromkeys(
        (
            "CCA",
            "MultiOutputRegressor",
            "MultiTaskElasticNet",
            "MultiTaskElasticNetCV",
            "MultiTaskLasso",
            "MultiTaskLassoCV",
            "PLSCanonical",
            "PLSRegression",
            "PLSSVD",
            "RegressorChain",
        ),
        ("", "outputs"),
    ),
    **dict.fromkeys(("GammaRegressor", "PoissonRegressor", "TweedieRegressor"), ("", "positive")),
}
# What makes a fit fast, for all estimators that have the parameter.
FAST: dict[str, Any] = {
    "n_estimators": 4,
    "max_iter": 40,
    "random_state": 0,
    "n_init": 1,
    "cv": 2,
    "max_trials": 20,
}
# Estimators whose max_iter has another meaning or must be larger.
SETTINGS: dict[str, dict[str, Any]] = {
    "HistGradientBoostingClassifier": {"max_iter": 3},
    "HistGradientBoostingRegressor": {"max_iter": 3},
    "TSNE": {"max_iter": 250, "n_iter": 250, "perplexity": 5.0},
    "LabelPropagation": {"max_iter": 200},
    "SelfTrainingClassifier": {"max_iter": 3},
    "RFECV": {"min_features_to_select": 2},
    "OrthogonalMatchingPursuitCV": {"max_iter": 3},
    "SelectKBest": {"k": 2},
    "QuantileRegressor": {"solver": "highs"},
    "SpectralBiclustering": {"n_clusters": (2, 2)},
    "NMF": {"n_components": 2},
    "MiniBatchNMF": {"n_components": 2},
    "DictionaryLearning": {"n_components": 2, "max_iter": 5},
    "MiniBatchDictionaryLearning": {"n_components": 2, "max_iter": 5},
    "SparsePCA": {"n_components": 2, "max_iter": 5},
    "MiniBatchSparsePCA": {"n_components": 2, "max_iter": 5},
    "SparseRandomProjection": {"n_components": 3},
    "GaussianRandomProjection": {"n_components": 3},
    "Nystroem": {"n_components": 5},
    "RBFSampler": {"n_components": 5},
    "SkewedChi2Sampler": {"n_components": 5},
    "PolynomialCountSketch": {"n_components": 8},
    "PatchExtractor": {"patch_size": (2, 2)},
    "RadiusNeighborsClassifier": {"radius": 5.0},
    "RadiusNeighborsRegressor": {"radius": 5.0},
    "QuantileTransformer": {"n_quantiles": 10},
    "FeatureHasher": {"n_features": 16},
    "HashingVectorizer": {"n_features": 32},
    "MLPClassifier": {"hidden_layer_sizes": (4,)},
    "MLPRegressor": {"hidden_layer_sizes": (4,)},
    "GraphicalLassoCV": {"alphas": 2},
    "FastICA": {"max_iter": 200},
    "ClassifierChain": {"cv": None},
    "RegressorChain": {"cv": None},
}


@cache
def classes() -> dict[str, type]:
    return dict(all_estimators())


def parameters(cls: type) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(cls).parameters)


def settings(name: str, given: dict[str, Any]) -> dict[str, Any]:
    """The parameters that a small fit needs, and the given ones."""
    known = parameters(classes()[name])
    chosen = {key: value for key, value in FAST.items() if key in known}
    chosen.update({key: value for key, value in SETTINGS.get(name, {}).items() if key in known})
    if {"max_iter", "n_iter"} <= chosen.keys():  # one is the old name of the other
        del chosen["n_iter"]
    return {**chosen, **given}


def make(name: str, **given: Any) -> Any:
    """An unfitted estimator by its name. TypeError if this version has no such parameter."""
    return classes()[name](**settings(name, given))
