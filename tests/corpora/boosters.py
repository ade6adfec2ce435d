"""Good models of xgboost and LightGBM, small, and how to ask them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import lightgbm as lgb
import numpy as np
import xgboost as xgb
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

ROUNDS = 4


@dataclass(frozen=True)
class Model:
    """A Booster or an estimator, rows, and what to call with them."""

    name: str
    fitted: Any
    rows: np.ndarray
    # A Booster can be saved as a file of its library's own format.
    booster: Any


def _data() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.RandomState(0)
    X = rng.normal(size=(300, 6))
    X[rng.uniform(size=X.shape) < 0.05] = np.nan  # missing values take a side of their own
    y = np.nan_to_num(X[:, 0] * 3 + X[:, 1] ** 2) + rng.normal(size=300) * 0.1
    return X, y, X[::13]


def _categories(X: np.ndarray) -> np.ndarray:
    return np.c_[np.random.RandomState(1).randint(0, 12, len(X)).astype(float), X[:, 1:]]


def _xgboost_trained(X: np.ndarray, y: np.ndarray, rows: np.ndarray) -> Iterator[Model]:
    positive = np.abs(y) + 1
    targets = {
        **dict.fromkeys(("reg:squarederror", "reg:absoluteerror", "reg:pseudohubererror"), y),
        **dict.fromkeys(("reg:gamma", "reg:tweedie", "count:poisson", "reg:squaredlogerror"), positive),
        **dict.fromkeys(("binary:logistic", "binary:hinge", "binary:logitraw", "reg:logistic"), y > 0),
        "survival:cox": positive,
    }
    for objective, target in targets.items():
        data = xgb.DMatrix(X, target)
        booster = xgb.train({"objective": objective, "max_depth": 3}, data, ROUNDS)
        yield Model(objective.replace(":", "-"), booster, rows, booster)
    settings: dict[str, dict[str, Any]] = {
        "classes": {"objective": "multi:softprob", "num_class": 3},
        "classes-max": {"objective": "multi:softmax", "num_class": 3},
        "quantiles": {"objective": "reg:quantileerror", "quantile_alpha": [0.1, 0.5, 0.9]},
        "dart": {"booster": "dart", "rate_drop": 0.5, "one_drop": 1},
        "linear": {"booster": "gblinear"},
        "linear-classes": {"booster": "gblinear", "objective": "multi:softprob", "num_class": 3},
        "parallel": {"num_parallel_tree": 3, "subsample": 0.7},
        "pruned": {"tree_method": "exact", "gamma": 40.0},
        "monotone": {"monotone_constraints": "(1,0,0,-1,0,0)"},
        "lossguide": {"grow_policy": "lossguide", "max_leaves": 9},
        "deep": {"max_depth": 14, "min_child_weight": 0},
        "scored": {"base_score": 0.25},
    }
    for name, more in settings.items():
        target = np.arange(len(y)) % 3 if "num_class" in more else y
        booster = xgb.train({"max_depth": 3, **more}, xgb.DMatrix(X, target), ROUNDS)
        yield Model(name, booster, rows, booster)
    groups = xgb.DMatrix(X, (y > 0).astype(int), group=[100, 200])
    for objective in ("rank:ndcg", "rank:map", "rank:pairwise"):
        more = {"lambdarank_unbiased": objective == "rank:ndcg", "lambdarank_pair_method": "topk"}
        booster = xgb.train({"objective": objective, **more}, groups, ROUNDS)
        yield Model(objective.replace(":", "-"), booster, rows, booster)
    bounds = xgb.DMatrix(X)
    bounds.set_float_info("label_lower_bound", positive)
    bounds.set_float_info("label_upper_bound", positive + 1)
    booster = xgb.train({"objective": "survival:aft"}, bounds, ROUNDS)
    yield Model("survival-aft", booster, rows, booster)
    many = xgb.train({"max_depth": 2}, xgb.DMatrix(X, np.c_[y, -y]), ROUNDS)
    yield Model("targets", many, rows, many)
    kinds = ["c", *["q"] * 5]
    names = [f"f {number}" for number in range(6)]
    coded = _categories(X)
    sets = xgb.DMatrix(coded, y, feature_types=kinds, feature_names=names, enable_categorical=True)
    for limit in (1, 100):
        booster = xgb.train({"max_cat_to_onehot": limit, "max_depth": 4}, sets, ROUNDS)
        booster.set_attr(note="any text: \u00e9 \n", best_iteration="2")
        yield Model(f"categories-{limit}", booster, coded[::13], booster)


def xgboost_models() -> Iterator[Model]:
    """Boosters and estimators of xgboost."""
    X, y, rows = _data()
    yield from _xgboost_trained(X, y, rows)
    labels = np.arange(len(y)) % 3
    estimators = {
        "classifier": xgb.XGBClassifier(n_estimators=ROUNDS, max_depth=3).fit(X, labels),
        "classifier-binary": xgb.XGBClassifier(n_estimators=ROUNDS, n_jobs=1).fit(X, y > 0),
        "regressor": xgb.XGBRegressor(n_estimators=ROUNDS, eval_metric=["rmse", "mae"]).fit(X, y),
        "forest-classifier": xgb.XGBRFClassifier(n_estimators=ROUNDS).fit(X, labels),
        "forest-regressor": xgb.XGBRFRegressor(n_estimators=ROUNDS).fit(X, y),
        "ranker": xgb.XGBRanker(n_estimators=ROUNDS).fit(X, y > 0, group=[100, 200]),
    }
    early = xgb.XGBRegressor(n_estimators=30, early_stopping_rounds=2, learning_rate=1.0)
    estimators["early"] = early.fit(X[:200], y[:200], eval_set=[(X[200:], y[200:])], verbose=False)
    for name, fitted in estimators.items():
        yield Model(name, fitted, rows, fitted.get_booster())
    steps = Pipeline([("scale", StandardScaler()), ("model", xgb.XGBRegressor(n_estimators=ROUNDS))])
    yield Model("pipeline", steps.fit(X, y), rows, steps[-1].get_booster())
    yield Model("unfitted", xgb.XGBRegressor(), rows, None)


def _lightgbm_trained(X: np.ndarray, y: np.ndarray, rows: np.ndarray) -> Iterator[Model]:
    quiet = {"verbose": -1, "num_leaves": 7, "num_threads": 1, "deterministic": True}
    positive = np.abs(y) + 1
    share = positive / positive.max()
    for objective in (
        *("regression", "regression_l1", "huber", "fair", "poisson", "quantile", "mape", "gamma"),
        *("tweedie", "binary", "cross_entropy", "cross_entropy_lambda"),
    ):
        target = share if "entropy" in objective else (y > 0) * 1 if objective == "binary" else positive
        data = lgb.Dataset(X, target, params={"verbose": -1})
        booster = lgb.train({**quiet, "objective": objective}, data, ROUNDS)
        yield Model(objective, booster, rows, booster)
    settings: dict[str, dict[str, Any]] = {
        "classes": {"objective": "multiclass", "num_class": 3},
        "classes-all": {"objective": "multiclassova", "num_class": 3},
        "dart": {"boosting": "dart", "drop_rate": 0.5},
        "goss": {"data_sample_strategy": "goss"},
        "forest": {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.5},
        "linear": {"linear_tree": True},
        "sqrt": {"objective": "regression", "reg_sqrt": True},
        "monotone": {"monotone_constraints": [1, 0, 0, -1, 0, 0]},
        "stumps": {"min_data_in_leaf": 290},
        "deep": {"num_leaves": 60, "min_data_in_leaf": 1},
    }
    for name, more in settings.items():
        target = np.arange(len(y)) % 3 if "num_class" in more else y
        data = lgb.Dataset(np.nan_to_num(X) if name == "linear" else X, target, params={"verbose": -1})
        booster = lgb.train({**quiet, "objective": "regression", **more}, data, ROUNDS)
        yield Model(name, booster, rows, booster)
    for objective in ("lambdarank", "rank_xendcg"):
        data = lgb.Dataset(X, (y > 0) * 1, group=[100, 200], params={"verbose": -1})
        booster = lgb.train({**quiet, "objective": objective}, data, ROUNDS)
        yield Model(objective, booster, rows, booster)
    coded = _categories(X)
    codes = coded[:, 0].astype(int)
    data = lgb.Dataset(
        coded,
        y + 9 * (codes % 3 == 1),
        categorical_feature=[0],
        feature_name=[f"n{i}=\u00e9" for i in range(6)],
    )
    sets = {
        "max_cat_to_onehot": 1,
        "min_data_per_group": 1,
        "cat_smooth": 1,
        "cat_l2": 0,
        "min_data_in_leaf": 5,
    }
    booster = lgb.train({**quiet, "objective": "regression", **sets}, data, ROUNDS)
    yield Model("categories", booster, coded[::13], booster)

    def own(predicted: np.ndarray, given: lgb.Dataset) -> tuple[np.ndarray, np.ndarray]:
        return predicted - given.get_label(), np.ones_like(predicted)

    booster = lgb.train({**quiet, "objective": own}, lgb.Dataset(X, y), ROUNDS)
    yield Model("own-objective", booster, rows, booster)


def lightgbm_models() -> Iterator[Model]:
    """Boosters and estimators of LightGBM."""
    X, y, rows = _data()
    yield from _lightgbm_trained(X, y, rows)
    quiet: dict[str, Any] = {"n_estimators": ROUNDS, "verbose": -1, "num_leaves": 7}
    labels = np.array(["low", "middle", "very high"])[np.arange(len(y)) % 3]
    early = lgb.LGBMRegressor(**{**quiet, "n_estimators": 30, "learning_rate": 1.0})
    stop = [lgb.early_stopping(2, verbose=False)]
    estimators = {
        "classifier": lgb.LGBMClassifier(**quiet).fit(X, labels),
        "classifier-binary": lgb.LGBMClassifier(class_weight={0: 1.0, 1: 2.0}, **quiet).fit(X, (y > 0) * 1),
        "regressor": lgb.LGBMRegressor(**quiet, metric=["l1", "l2"], max_bin=63, n_jobs=2).fit(X, y),
        "ranker": lgb.LGBMRanker(**quiet).fit(X, (y > 0) * 1, group=[100, 200]),
        "early": early.fit(X[:200], y[:200], eval_set=[(X[200:], y[200:])], callbacks=stop),
    }
    for name, fitted in estimators.items():
        yield Model(name, fitted, rows, fitted.booster_)
    steps = Pipeline([("scale", StandardScaler()), ("model", lgb.LGBMClassifier(**quiet))])
    yield Model("pipeline", steps.fit(np.nan_to_num(X), labels), rows[:5] * 0, steps[-1].booster_)
    yield Model("unfitted", lgb.LGBMRegressor(), rows, None)


@cache
def all_models() -> dict[str, Model]:
    """Every model by "library/name"."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {
            f"{library}/{model.name}": model
            for library, models in (("xgboost", xgboost_models()), ("lightgbm", lightgbm_models()))
            for model in models
        }


def answers(model: Any, rows: np.ndarray) -> list[np.ndarray]:
    """All that a model says to rows, but for what it cannot say."""
    if isinstance(model, xgb.Booster):
        data = xgb.DMatrix(rows, feature_names=model.feature_names, feature_types=model.feature_types,
                           enable_categorical=True)  # fmt: skip
        given = [model.predict(data), model.predict(data, output_margin=True)]
        if "bias" not in model.get_dump()[0]:
            given += [model.predict(data, pred_leaf=True), model.predict(data, pred_contribs=True)]
        return given
    if isinstance(model, lgb.Booster):
        given = [
            model.predict(rows),
            model.predict(rows, raw_score=True),
            model.predict(rows, pred_leaf=True),
        ]
        return [*given, *_explained(model, rows)]
    given = []
    for method in ("predict", "predict_proba"):
        if hasattr(model, method):
            given.append(getattr(model, method)(rows))
    return given


def _explained(model: lgb.Booster, rows: np.ndarray) -> list[np.ndarray]:
    try:
        return [np.asarray(model.predict(rows, pred_contrib=True))]
    except lgb.basic.LightGBMError:  # linear trees have none
        return []
