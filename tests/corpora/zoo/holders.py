"""Estimators that hold others, which cannot be made without them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .data import data
from .recipes import make


def logistic() -> Any:
    return make("LogisticRegression", max_iter=200)


def tree() -> Any:
    return make("DecisionTreeClassifier", max_depth=3)


def ridge() -> Any:
    return make("Ridge")


def pair() -> list[tuple[str, Any]]:
    return [("tree", tree()), ("line", logistic())]


def regressors() -> list[tuple[str, Any]]:
    return [("tree", make("DecisionTreeRegressor", max_depth=3)), ("line", ridge())]


def steps() -> list[tuple[str, Any]]:
    return [("scale", make("StandardScaler")), ("model", logistic())]


# Parameters without which the class is not made.
NEEDED: dict[str, Callable[[], dict[str, Any]]] = {
    "ClassifierChain": lambda: {_base("ClassifierChain"): logistic()},
    "ColumnTransformer": lambda: {
        "transformers": [("a", make("StandardScaler"), [0, 1]), ("b", make("MinMaxScaler"), [2])],
        "remainder": "passthrough",
    },
    "FeatureUnion": lambda: {
        "transformer_list": [("pca", make("PCA", n_components=2)), ("scale", make("StandardScaler"))]
    },
    "FixedThresholdClassifier": lambda: {"estimator": logistic()},
    "FrozenEstimator": lambda: {"estimator": _fitted(logistic())},
    "GridSearchCV": lambda: {"estimator": logistic(), "param_grid": {"C": [0.5, 1.0]}},
    "HalvingGridSearchCV": lambda: {"estimator": tree(), "param_grid": {"max_depth": [1, 2]}},
    "HalvingRandomSearchCV": lambda: {"estimator": tree(), "param_distributions": {"max_depth": [1, 2, 3]}},
    "MultiOutputClassifier": lambda: {"estimator": logistic()},
    "MultiOutputRegressor": lambda: {"estimator": ridge()},
    "OneVsOneClassifier": lambda: {"estimator": logistic()},
    "OneVsRestClassifier": lambda: {"estimator": logistic()},
    "OutputCodeClassifier": lambda: {"estimator": logistic()},
    "Pipeline": lambda: {"steps": steps()},
    "RFE": lambda: {"estimator": logistic(), "n_features_to_select": 2},
    "RFECV": lambda: {"estimator": logistic()},
    "RandomizedSearchCV": lambda: {
        "estimator": tree(),
        "param_distributions": {"max_depth": [1, 2, 3]},
        "n_iter": 2,
    },
    "RegressorChain": lambda: {_base("RegressorChain"): ridge()},
    "SelectFromModel": lambda: {"estimator": tree()},
    "SelfTrainingClassifier": lambda: {_base("SelfTrainingClassifier"): logistic()},
    "SequentialFeatureSelector": lambda: {"estimator": tree(), "n_features_to_select": 2},
    "SparseCoder": lambda: {"dictionary": np.random.RandomState(0).rand(3, 4)},
    "StackingClassifier": lambda: {"estimators": pair()},
    "StackingRegressor": lambda: {"estimators": regressors()},
    "TunedThresholdClassifierCV": lambda: {"estimator": logistic()},
    "VotingClassifier": lambda: {"estimators": pair()},
    "VotingRegressor": lambda: {"estimators": regressors()},
}


def _base(name: str) -> str:
    """The parameter that holds the estimator: one name until scikit-learn 1.5, another since."""
    from .recipes import classes, parameters

    known = parameters(classes()[name])
    return "estimator" if "estimator" in known else "base_estimator"


def base(name: str, estimator: Any) -> dict[str, Any]:
    """The estimator under the name that this version has for it."""
    return {_base(name): estimator}


def _fitted(estimator: Any) -> Any:
    given = data()
    return estimator.fit(given.X, given.y)


def needed(name: str) -> dict[str, Any]:
    return NEEDED[name]() if name in NEEDED else {}
