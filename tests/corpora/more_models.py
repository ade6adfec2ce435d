"""Good models whose parts are objects of their own: searches, votes, stacks, trees of clusters, splines."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import sklearn.cluster
import sklearn.model_selection
from scipy import sparse, stats
from sklearn.cluster import Birch, BisectingKMeans, FeatureAgglomeration
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.experimental import (  # noqa: F401
    enable_halving_search_cv,
    enable_iterative_imputer,
)
from sklearn.feature_extraction.image import PatchExtractor
from sklearn.feature_selection import SelectKBest, chi2, f_classif
from sklearn.impute import IterativeImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, KFold, RandomizedSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KernelDensity
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, SplineTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier

Made = tuple[str, Any, Any, tuple[str, ...]]


def _parts() -> list[tuple[str, Any]]:
    return [("lr", LogisticRegression(max_iter=500)), ("tree", DecisionTreeClassifier(max_depth=2))]


def _ensembles(X: np.ndarray, y: np.ndarray, rows: np.ndarray) -> Iterator[Made]:
    chances = ("predict", "predict_proba")
    yield "voting", VotingClassifier(_parts()).fit(X, y), rows, ("predict", "transform")
    yield "voting-soft", VotingClassifier(_parts(), voting="soft", weights=[1, 2]).fit(X, y), rows, chances
    numbers = VotingRegressor([("line", LinearRegression()), ("ridge", Ridge()), ("none", "drop")])
    yield "voting-numbers", numbers.fit(X, y), rows, ("predict",)
    stacked = StackingClassifier([*_parts(), ("bayes", GaussianNB())], RandomForestClassifier(3))
    yield "stacking", stacked.fit(X, y), rows, chances
    first = GradientBoostingClassifier(init=GaussianNB(), n_estimators=3)
    yield "boosting-bayes", first.fit(X, y), rows, chances


def _searches(X: np.ndarray, y: np.ndarray, rows: np.ndarray) -> Iterator[Made]:
    chances = ("predict", "predict_proba")
    grid = GridSearchCV(LogisticRegression(max_iter=500), {"C": [0.1, 1.0], "class_weight": [None]}, cv=2)
    yield "grid", grid.fit(X, y), rows, chances
    pipe = Pipeline([("scale", StandardScaler()), ("pick", SelectKBest()), ("model", GaussianNB())])
    tried = [
        {"pick__score_func": [f_classif, chi2], "scale": ["passthrough"], "pick__k": [1, 2]},
        {"model": [GaussianNB(), DecisionTreeClassifier()], "scale": [StandardScaler()]},
    ]
    scored = {"own": make_scorer(accuracy_score), "named": "f1_macro"}
    many = GridSearchCV(pipe, tried, cv=KFold(2, shuffle=True, random_state=0), scoring=scored, refit="own")
    yield "grid-pipeline", many.fit(X, y), rows, ("predict",)
    drawn = {"C": stats.loguniform(1e-2, 10.0), "max_iter": stats.randint(300, 500), "tol": [1e-4]}
    random = RandomizedSearchCV(LogisticRegression(), drawn, n_iter=2, cv=2, random_state=0)
    yield "random", random.fit(X, y), rows, chances
    halving = HalvingGridSearchCV(GaussianNB(), {"var_smoothing": [1e-9, 1e-5]}, cv=2, random_state=0)
    yield "halving", halving.fit(X, y), rows, chances
    fixed = getattr(sklearn.model_selection, "FixedThresholdClassifier", None)
    if fixed is not None:
        yield "fixed", fixed(LogisticRegression(), threshold=0.3).fit(X, y == 1), rows, ("predict",)
        tuned = sklearn.model_selection.TunedThresholdClassifierCV(LogisticRegression(), cv=2)
        yield "tuned", tuned.fit(X, y == 1), rows, ("predict",)


def _clusters(X: np.ndarray, rows: np.ndarray) -> Iterator[Made]:
    birch = Birch(threshold=0.2, branching_factor=4, n_clusters=3)
    yield "birch", birch.fit(X), rows, ("predict", "transform")
    halves = BisectingKMeans(4, random_state=0)
    yield "bisecting", halves.fit(X), rows, ("predict", "transform")
    scattered = BisectingKMeans(3, random_state=0).fit(sparse.csr_matrix(X))
    yield "bisecting-sparse", scattered, sparse.csr_matrix(rows), ("predict",)
    for name, pool in {"": np.mean, "-max": np.max}.items():
        columns = FeatureAgglomeration(2, pooling_func=pool)
        yield f"agglomeration{name}", columns.fit(X), rows, ("transform",)
    density = getattr(sklearn.cluster, "HDBSCAN", None)
    if density is not None:
        settings = {"copy": True} if "copy" in density().get_params() else {}
        yield "hdbscan", density(min_cluster_size=5, **settings).fit(X), rows, ()
    for algorithm in ("kd_tree", "ball_tree"):
        kernel = KernelDensity(bandwidth=0.5, algorithm=algorithm, leaf_size=5)
        yield f"density-{algorithm}", kernel.fit(X), rows, ("score_samples",)


def _transformers(X: np.ndarray, y: np.ndarray, rows: np.ndarray) -> Iterator[Made]:
    holes = X.copy()
    holes[::7, 1] = holes[::5, 2] = np.nan
    yield "imputer", IterativeImputer(max_iter=2, random_state=0).fit(holes), holes[:9], ("transform",)
    yield "splines", SplineTransformer(4, degree=2).fit(X), rows, ("transform",)
    around = SplineTransformer(5, extrapolation="periodic", include_bias=False)
    yield "splines-periodic", around.fit(X), rows, ("transform",)
    images = X[:8].reshape(2, 4, 4)
    yield "patches", PatchExtractor(patch_size=(2, 3)).fit(images), images, ("transform",)
    clip = FunctionTransformer(np.clip, kw_args={"a_min": 0.5, "a_max": 3})
    yield "clip", clip.fit(X), rows, ("transform",)
    codes = np.c_[X, np.arange(len(X)) % 5]
    mixed = HistGradientBoostingRegressor(max_iter=2, categorical_features=[4])
    mixed.fit(codes, y)
    # Before 1.4 without a partial function of check_array in it.
    name = "hist-mixed" if hasattr(mixed, "_preprocessor") else "hist-codes"
    yield name, mixed, codes[::9], ("predict",)


def more(X: np.ndarray, y: np.ndarray, rows: np.ndarray) -> list[Made]:
    """Name, fitted, inputs, methods."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [
            *_ensembles(X, y, rows), *_searches(X, y, rows), *_clusters(X, rows), *_transformers(X, y, rows),
        ]  # fmt: skip
