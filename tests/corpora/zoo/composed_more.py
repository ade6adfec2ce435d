"""The rest of composed.py: ensembles, columns, pipelines and functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from sklearn.base import clone

from .composed import Composed
from .data import data
from .holders import base, logistic, pair, regressors, ridge, steps, tree
from .recipes import make


def ensembles() -> Iterator[Composed]:
    def of(name: str, estimator: Any, **more: Any) -> Callable[[], Any]:
        return lambda: make(name, **base(name, estimator), **more)

    yield "BaggingClassifier-svc", of("BaggingClassifier", make("SVC")), "", ""
    yield (
        "BaggingClassifier-columns",
        of("BaggingClassifier", logistic(), max_features=0.5, bootstrap_features=True),
        "",
        "text",
    )
    yield "BaggingClassifier-oob", of("BaggingClassifier", tree(), oob_score=True, n_estimators=8), "", ""
    yield "BaggingRegressor-ridge", of("BaggingRegressor", ridge(), max_samples=0.5), "csr", "numbers"
    yield "BaggingRegressor-outputs", of("BaggingRegressor", make("KNeighborsRegressor")), "", "outputs"
    yield "AdaBoostClassifier-logistic", of("AdaBoostClassifier", logistic(), algorithm="SAMME"), "", ""
    yield "AdaBoostClassifier-tree", of("AdaBoostClassifier", tree()), "", "text"
    yield "AdaBoostRegressor-ridge", of("AdaBoostRegressor", ridge(), loss="square"), "", "numbers"
    for voting in ("hard", "soft"):
        yield (
            f"VotingClassifier-{voting}",
            lambda voting=voting: make("VotingClassifier", estimators=pair(), voting=voting, weights=[1, 2]),
            "",
            "text",
        )
    yield (
        "VotingClassifier-dropped",
        lambda: make("VotingClassifier", estimators=[*pair(), ("gone", "drop")]),
        "",
        "",
    )
    yield (
        "StackingClassifier-final",
        lambda: make(
            "StackingClassifier",
            estimators=[*pair(), ("svc", make("LinearSVC"))],
            passthrough=True,
            final_estimator=make("RandomForestClassifier"),
        ),
        "",
        "text",
    )
    yield (
        "StackingClassifier-predict",
        lambda: make("StackingClassifier", estimators=pair(), stack_method="predict"),
        "",
        "binary",
    )
    yield (
        "StackingClassifier-labels",
        lambda: make("StackingClassifier", estimators=[("tree", tree())], final_estimator=tree()),
        "",
        "labels",
    )
    yield (
        "StackingRegressor-forest",
        lambda: make(
            "StackingRegressor",
            estimators=[*regressors(), ("gone", "drop")],
            final_estimator=make("RandomForestRegressor"),
        ),
        "",
        "numbers",
    )
    inits = {
        "ridge": ridge(),
        "tree": make("DecisionTreeRegressor", max_depth=2),
        "forest": make("RandomForestRegressor"),
        "knn": make("KNeighborsRegressor"),
    }
    for name, init in inits.items():
        yield (
            f"GradientBoostingRegressor-init-{name}",
            lambda init=init: make("GradientBoostingRegressor", init=clone(init)),
            "",
            "numbers",
        )
    inits = {
        "logistic": logistic(),
        "tree": tree(),
        "bayes": make("GaussianNB"),
        "forest": make("RandomForestClassifier"),
    }
    # Fitted in place, so that each model needs its own.
    for name, init in inits.items():
        for targets in ("binary", "text"):
            yield (
                f"GradientBoostingClassifier-init-{name}-{targets}",
                lambda init=init: make("GradientBoostingClassifier", init=clone(init)),
                "",
                targets,
            )
    for method in ("sigmoid", "isotonic", "temperature"):
        for ensemble in (True, False):
            yield (
                f"CalibratedClassifierCV-{method}-{ensemble}",
                lambda method=method, ensemble=ensemble: make(
                    "CalibratedClassifierCV",
                    method=method,
                    ensemble=ensemble,
                    **base("CalibratedClassifierCV", make("LinearSVC")),
                ),
                "",
                "text",
            )
    for name in ("OneVsRestClassifier", "OneVsOneClassifier", "OutputCodeClassifier"):
        yield f"{name}-svc", of(name, make("LinearSVC")), "", "text"
        yield f"{name}-tree", of(name, tree()), "csr", ""
    yield "OneVsRestClassifier-labels", of("OneVsRestClassifier", logistic()), "", "labels"
    yield "ClassifierChain-random", of("ClassifierChain", tree(), order="random", cv=2), "", "labels"
    yield "RegressorChain-order", of("RegressorChain", ridge(), order=[1, 0]), "", "outputs"
    yield (
        "MultiOutputRegressor-boosting",
        of("MultiOutputRegressor", make("GradientBoostingRegressor")),
        "",
        "outputs",
    )
    yield "RANSACRegressor-ridge", of("RANSACRegressor", ridge(), min_samples=10), "", "numbers"


def columns() -> Iterator[Composed]:
    def transformer(*parts: Any, **more: Any) -> Callable[[], Any]:
        return lambda: make("ColumnTransformer", transformers=list(parts), **more)

    scale, onehot = make("StandardScaler"), make("OneHotEncoder", handle_unknown="ignore")
    yield (
        "ColumnTransformer-table",
        transformer(("word", onehot, [0, 2]), ("number", scale, [1])),
        "table",
        "",
    )
    yield (
        "ColumnTransformer-slice",
        transformer(("a", scale, slice(0, 2)), ("b", "passthrough", slice(2, 3))),
        "",
        "",
    )
    yield (
        "ColumnTransformer-mask",
        transformer(("a", scale, np.array([True, False, True, False])), ("b", "drop", [1])),
        "",
        "",
    )
    yield (
        "ColumnTransformer-weights",
        transformer(
            ("a", scale, [0]),
            ("b", make("MinMaxScaler"), [1, 2]),
            transformer_weights={"a": 2.0},
            sparse_threshold=0,
        ),
        "",
        "",
    )
    yield (
        "ColumnTransformer-remainder",
        transformer(("a", scale, [0, -1]), remainder=make("MinMaxScaler")),
        "",
        "",
    )
    yield "ColumnTransformer-names", transformer(("a", scale, [0]), verbose_feature_names_out=False), "", ""
    nested = make("Pipeline", steps=[("fill", make("SimpleImputer")), ("scale", scale)])
    yield (
        "ColumnTransformer-nested",
        transformer(("a", nested, [0, 1]), ("b", make("KBinsDiscretizer", n_bins=3), [2])),
        "holes",
        "",
    )
    yield (
        "Pipeline-text",
        lambda: make("Pipeline", steps=[("text", make("TfidfVectorizer")), ("model", make("MultinomialNB"))]),
        "documents",
        "",
    )
    yield (
        "Pipeline-nested",
        lambda: make(
            "Pipeline",
            steps=[("a", make("Pipeline", steps=[("b", "passthrough"), ("c", scale)])), ("d", make("SVC"))],
        ),
        "",
        "",
    )
    yield (
        "Pipeline-verbose",
        lambda: make("Pipeline", steps=[("scale", scale), ("pca", make("PCA", n_components=2))]),
        "",
        "",
    )
    yield "Pipeline-memory", lambda: make("Pipeline", steps=[("scale", scale), ("nothing", None)]), "", ""
    yield (
        "FeatureUnion-weights",
        lambda: make(
            "FeatureUnion",
            transformer_list=[("a", scale), ("b", "passthrough"), ("c", "drop")],
            transformer_weights={"a": 3.0},
        ),
        "",
        "",
    )
    yield "FrozenEstimator-pipeline", lambda: make("FrozenEstimator", estimator=_fitted_pipeline()), "", ""
    for name, function, inverse in (
        ("log1p", np.log1p, np.expm1),
        ("sqrt", np.sqrt, np.square),
        ("abs", np.absolute, None),
        ("log10", np.log10, None),
        ("cbrt", np.cbrt, None),
        ("arcsinh", np.arcsinh, np.sinh),
        ("sign", np.sign, None),
        ("nan", np.nan_to_num, None),
        ("ravel", np.atleast_2d, None),
        ("nothing", None, None),
    ):
        yield (
            f"FunctionTransformer-{name}",
            lambda function=function, inverse=inverse: make(
                "FunctionTransformer",
                func=function,
                inverse_func=inverse,
                check_inverse=False,
                feature_names_out="one-to-one",
            ),
            "",
            "",
        )
    yield (
        "FunctionTransformer-clip",
        lambda: make("FunctionTransformer", func=np.clip, kw_args={"a_min": 0.5, "a_max": 3}),
        "",
        "",
    )
    for name, function, arguments in (
        ("round", np.round, {"decimals": 1}),
        ("zeros", np.nan_to_num, {"nan": 0.0, "copy": True}),
    ):
        yield (
            f"FunctionTransformer-{name}",
            lambda function=function, arguments=arguments: make(
                "FunctionTransformer", func=function, kw_args=arguments
            ),
            "holes",
            "",
        )
    yield (
        "TransformedTargetRegressor-log",
        lambda: make("TransformedTargetRegressor", regressor=ridge(), func=np.log1p, inverse_func=np.expm1),
        "",
        "positive",
    )
    yield (
        "TransformedTargetRegressor-scaler",
        lambda: make(
            "TransformedTargetRegressor",
            regressor=make("KNeighborsRegressor"),
            transformer=make("StandardScaler"),
        ),
        "",
        "numbers",
    )
    for getter in ("auto", "coef_"):
        yield (
            f"SelectFromModel-{getter}",
            lambda getter=getter: make(
                "SelectFromModel",
                estimator=logistic(),
                threshold="median",
                max_features=2,
                importance_getter=getter,
            ),
            "",
            "",
        )
    yield "RFE-tree", lambda: make("RFE", estimator=tree(), importance_getter="feature_importances_"), "", ""
    yield (
        "SelfTrainingClassifier-best",
        lambda: make(
            "SelfTrainingClassifier",
            **base("SelfTrainingClassifier", make("GaussianNB")),
            criterion="k_best",
            k_best=3,
        ),
        "",
        "partly",
    )
    for estimator in (make("KNeighborsRegressor"), make("ExtraTreesRegressor"), make("BayesianRidge")):
        yield (
            f"IterativeImputer-{type(estimator).__name__}",
            lambda estimator=estimator: make("IterativeImputer", estimator=estimator, max_iter=2),
            "holes",
            "",
        )


def _fitted_pipeline() -> Any:
    given = data()
    return make("Pipeline", steps=steps()).fit(given.X, given.y)


def scored() -> Iterator[Composed]:
    """Splitters and scorers where a number or a name would do."""
    from sklearn.metrics import f1_score, make_scorer, mean_squared_error
    from sklearn.model_selection import KFold, ShuffleSplit

    regressors_ = "LassoCV ElasticNetCV LassoLarsCV LarsCV RidgeCV OrthogonalMatchingPursuitCV"
    for name in regressors_.split():
        yield f"{name}-splitter", lambda name=name: make(name, cv=KFold(3)), "", "numbers"
    yield "GraphicalLassoCV-splitter", lambda: make("GraphicalLassoCV", cv=ShuffleSplit(2)), "", ""
    error = make_scorer(mean_squared_error, greater_is_better=False)
    yield "RidgeCV-scorer", lambda: make("RidgeCV", scoring=error), "", "numbers"
    f1 = make_scorer(f1_score, average="macro")
    yield "RidgeClassifierCV-scorer", lambda: make("RidgeClassifierCV", scoring=f1), "", ""
    yield "LogisticRegressionCV-scorer", lambda: make("LogisticRegressionCV", Cs=2, scoring=f1), "", ""
    for kind, targets in (("Classifier", ""), ("Regressor", "numbers")):
        yield (
            f"HistGradientBoosting{kind}-own-score",
            lambda kind=kind: make(
                f"HistGradientBoosting{kind}", early_stopping=True, scoring=None, max_iter=3
            ),
            "",
            targets,
        )
    yield "MLPRegressor-poisson", lambda: make("MLPRegressor", loss="poisson", max_iter=5), "", "positive"
    getter = "named_steps.my-model.coef_"
    for name in ("RFE", "SelectFromModel"):
        yield (
            f"{name}-getter",
            lambda name=name: make(
                name,
                estimator=make("Pipeline", steps=[("scale", make("StandardScaler")), ("my-model", ridge())]),
                importance_getter=getter,
            ),
            "",
            "numbers",
        )
    text = make("Pipeline", steps=[("text", make("TfidfVectorizer")), ("model", make("MultinomialNB"))])
    yield (
        "GridSearchCV-ngrams",
        lambda: make(
            "GridSearchCV", estimator=text, param_grid={"text__ngram_range": [(1, 1), (1, 2)]}, cv=2
        ),
        "documents",
        "",
    )


FAMILIES: tuple[Callable[[], Iterator[Composed]], ...] = (ensembles, columns, scored)
