"""Estimators with estimators, kernels, distributions, scorers and functions in them.

Each entry is (name, how it is made, inputs, targets); made only where this version can.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .holders import logistic, ridge, steps, tree
from .recipes import make

Composed = tuple[str, Callable[[], Any], str, str]


def kernels() -> Iterator[Composed]:
    from sklearn.gaussian_process import kernels as k

    made = {
        "rbf": lambda: k.RBF(1.5),
        "anisotropic": lambda: k.RBF([1.0, 2.0, 1.0, 0.5]),
        "sum": lambda: k.ConstantKernel(2.0) * k.RBF() + k.WhiteKernel(0.1),
        "matern": lambda: k.Matern(nu=0.5) + k.Matern(nu=2.5),
        "quadratic": lambda: k.RationalQuadratic() + k.WhiteKernel(),
        "periodic": lambda: k.ExpSineSquared() + k.WhiteKernel(1.0),
        "dot": lambda: k.DotProduct() ** 2 + k.WhiteKernel(),
        "pairwise": lambda: k.PairwiseKernel(metric="laplacian") + k.WhiteKernel(),
        "fixed": lambda: k.RBF(1.0, length_scale_bounds="fixed") + k.WhiteKernel(),
        "compound": lambda: k.CompoundKernel([k.RBF(), k.RBF(2.0)]),
    }
    for name, kernel in made.items():
        if name != "compound":
            yield (
                f"GaussianProcessRegressor-{name}",
                lambda kernel=kernel: make(
                    "GaussianProcessRegressor", kernel=kernel(), alpha=0.1, normalize_y=True
                ),
                "",
                "numbers",
            )
            yield (
                f"GaussianProcessClassifier-{name}",
                lambda kernel=kernel: make("GaussianProcessClassifier", kernel=kernel()),
                "",
                "binary",
            )
    yield (
        "GaussianProcessClassifier-many",
        lambda: make("GaussianProcessClassifier", kernel=made["rbf"](), multi_class="one_vs_one"),
        "",
        "",
    )
    yield (
        "GaussianProcessRegressor-restarts",
        lambda: make(
            "GaussianProcessRegressor", kernel=made["sum"](), n_restarts_optimizer=1, alpha=np.full(75, 0.1)
        ),
        "",
        "outputs",
    )
    yield "KernelRidge-kernel", lambda: make("KernelRidge", kernel=k.RBF()), "", "numbers"


def searches() -> Iterator[Composed]:
    from scipy import stats
    from sklearn.metrics import f1_score, fbeta_score, make_scorer
    from sklearn.model_selection import KFold, RepeatedKFold, ShuffleSplit, StratifiedKFold, TimeSeriesSplit

    def grid(estimator: Any, choices: Any, **more: Any) -> Callable[[], Any]:
        return lambda: make("GridSearchCV", estimator=estimator, param_grid=choices, **more)

    yield (
        "GridSearchCV-trees",
        grid(tree(), {"max_depth": [1, None], "criterion": ["gini", "entropy"]}),
        "",
        "text",
    )
    yield (
        "GridSearchCV-lists",
        grid(make("SVC"), [{"kernel": ["linear"]}, {"kernel": ["rbf"], "gamma": [0.1, 1.0]}]),
        "",
        "",
    )
    yield (
        "GridSearchCV-metrics",
        grid(
            logistic(),
            {"C": [0.1, 1.0]},
            scoring=["accuracy", "f1_macro"],
            refit="accuracy",
            return_train_score=True,
        ),
        "",
        "",
    )
    yield "GridSearchCV-auc", grid(logistic(), {"C": [0.1, 1.0]}, scoring="roc_auc"), "", "binary"
    yield (
        "GridSearchCV-loss",
        grid(ridge(), {"alpha": [0.1, 1.0]}, scoring="neg_mean_squared_error"),
        "",
        "numbers",
    )
    yield (
        "GridSearchCV-scorer",
        grid(logistic(), {"C": [0.1]}, scoring=make_scorer(f1_score, average="macro")),
        "",
        "",
    )
    yield (
        "GridSearchCV-beta",
        grid(logistic(), {"C": [0.1]}, scoring=make_scorer(fbeta_score, beta=2)),
        "",
        "binary",
    )
    yield (
        "GridSearchCV-named",
        grid(
            logistic(),
            {"C": [0.1]},
            scoring={"a": "accuracy", "b": make_scorer(f1_score, average="micro")},
            refit="a",
        ),
        "",
        "",
    )
    yield "GridSearchCV-pipeline", grid(make("Pipeline", steps=steps()), {"model__C": [0.5, 1.0]}), "", ""
    yield (
        "GridSearchCV-steps",
        grid(
            make("Pipeline", steps=steps()),
            {"scale": [make("StandardScaler"), make("MinMaxScaler"), "passthrough"]},
        ),
        "",
        "",
    )
    for splitter in (
        KFold(3),
        StratifiedKFold(2, shuffle=True, random_state=0),
        ShuffleSplit(2, random_state=1),
        RepeatedKFold(n_splits=2, n_repeats=2, random_state=0),
        TimeSeriesSplit(2),
    ):
        name = f"GridSearchCV-{type(splitter).__name__}"
        yield name, grid(ridge(), {"alpha": [0.1, 1.0]}, cv=splitter), "", "numbers"
    yield "GridSearchCV-no-refit", grid(logistic(), {"C": [0.1]}, refit=False), "", ""
    distributions = {
        "uniform": (ridge(), {"alpha": stats.uniform(0.1, 2.0)}),
        "loguniform": (ridge(), {"alpha": stats.loguniform(1e-3, 1.0)}),
        "reciprocal": (ridge(), {"alpha": stats.reciprocal(1e-3, 1.0)}),
        "randint": (make("DecisionTreeRegressor"), {"max_depth": stats.randint(1, 5)}),
        "norm": (ridge(), {"alpha": stats.norm(loc=5.0, scale=0.1)}),
        "expon": (ridge(), {"alpha": stats.expon(scale=2.0)}),
    }
    for name, (estimator, choices) in distributions.items():
        yield (
            f"RandomizedSearchCV-{name}",
            lambda estimator=estimator, choices=choices: make(
                "RandomizedSearchCV", estimator=estimator, param_distributions=choices, n_iter=3
            ),
            "",
            "numbers",
        )
    yield (
        "HalvingRandomSearchCV-randint",
        lambda: make(
            "HalvingRandomSearchCV", estimator=tree(), param_distributions={"max_depth": stats.randint(1, 5)}
        ),
        "",
        "",
    )
    for name in ("RFECV", "SequentialFeatureSelector"):
        yield (
            f"{name}-scoring",
            lambda name=name: make(name, estimator=logistic(), scoring="accuracy"),
            "",
            "",
        )


FAMILIES: tuple[Callable[[], Iterator[Composed]], ...] = (kernels, searches)
