"""Real models with one attribute changed: what no list of attacks would have thought of.

Each mutant is a fitted model in which one attribute, however deep, has another value of a kind
that reaches native code: a flipped bool, an impossible number, an array of another rank, length,
order or type. Which of them must be refused is not said; that none may end the process is.
"""

from __future__ import annotations

import copy
import random
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.cluster import MiniBatchKMeans
from sklearn.datasets import load_iris
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor, IsolationForest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsRegressor
from sklearn.preprocessing import (
    LabelBinarizer,
    LabelEncoder,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
)
from sklearn.svm import SVR, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from .models import Model, models
from .native_fields import record_fields
from .tampered import dump

Path = tuple[Any, ...]


@dataclass(frozen=True)
class Mutant:
    """Where a model is changed, how, and to what."""

    model: str
    path: Path
    change: str
    value: Any

    @property
    def name(self) -> str:
        return f"{self.model}:{'.'.join(map(str, self.path))}:{self.change}"


def _encoders() -> Iterator[Model]:
    codes = np.array([[1.0, 5], [1, 6], [2, 5], [2, 7], [3, 5]])
    for name, encoder in {
        "onehot-first": OneHotEncoder(drop="first"),
        "onehot-binary": OneHotEncoder(drop="if_binary", handle_unknown="ignore"),
        "onehot-chosen": OneHotEncoder(drop=[2, 5]),
        "onehot-grouped": OneHotEncoder(max_categories=2, drop="first"),
        "ordinal": OrdinalEncoder(),
    }.items():
        yield Model(name, encoder.fit(codes), codes, ())
    pairs = PolynomialFeatures((2, 3), interaction_only=True, include_bias=False)
    yield Model("polynomial-pairs", pairs.fit(codes), codes, ())
    labels = np.array([3, 1, 2, 1])
    yield Model("labels", LabelEncoder().fit(labels), labels, ())
    yield Model("labels-binary", LabelBinarizer(sparse_output=True).fit(labels), labels, ())
    words = ["a bb cc", "bb dd"]
    counts = CountVectorizer(analyzer="char", ngram_range=(1, 3)).fit(words)
    yield Model("characters", counts, words, ())


def _estimators() -> Iterator[Model]:
    X, y = load_iris(return_X_y=True)
    two = y == 1
    for name, estimator, target in (
        ("boosting-classes", GradientBoostingClassifier(n_estimators=3), y),
        ("boosting-logistic", GradientBoostingClassifier(init=LogisticRegression(), n_estimators=3), two),
        ("boosting-linear", GradientBoostingRegressor(init=LinearRegression(), n_estimators=3), y),
        ("isolation", IsolationForest(n_estimators=3, random_state=0), None),
        ("tree", DecisionTreeClassifier(), y),
        ("bayes", GaussianNB(), y),
        ("dummy", DummyClassifier(), y),
        ("ridge-classes", RidgeClassifier(), y),
        ("linear-svc", LinearSVC(), y),
        ("svr", SVR(), y),
        ("knn-numbers", KNeighborsRegressor(), np.c_[y, y]),
        ("minibatch", MiniBatchKMeans(3, n_init=1), None),
    ):
        yield Model(name, estimator.fit(X, target), X[::10], ())


def all_models() -> dict[str, Model]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = [*models(words=60), *_encoders(), *_estimators()]
    return {model.name: model for model in found if model.inputs is not None}


def _arrays(array: np.ndarray) -> Iterator[tuple[str, Any]]:
    yield "empty", array[:0]
    yield "shorter", array[:-1]
    yield "column", array.reshape(-1, 1)
    yield "no-columns", np.zeros((len(array), 0), array.dtype)
    if array.ndim > 1:
        yield "flat", array.ravel()
        yield "turned", array.T.copy()
        yield "fortran", np.asfortranarray(array)
        yield "narrow", array[:, :-1].copy()
    if len(array):
        yield "longer", np.concatenate([array, array[-1:]])
        yield "reversed", array[::-1].copy()
        yield "same", np.repeat(array[:1], len(array), axis=0)
    if array.dtype.names:
        yield from record_fields(array)
        return
    yield "objects", array.astype(object)
    if array.dtype.kind in "biuf":
        with np.errstate(all="ignore"):
            yield "half", array.astype("f2")
            yield "bytes", array.astype("i1")
        yield "other", array.astype("f8" if array.dtype.kind != "f" else "i8")
        yield "big-endian", array.astype(array.dtype.newbyteorder(">"))
        for value in (-1, 2**30) if array.dtype.kind != "b" else ():
            changed = array.copy()
            with np.errstate(all="ignore"):
                changed.flat[:1] = np.asarray(value).astype(array.dtype)
            yield f"first-{value}", changed
    if array.dtype.kind == "f":
        yield "nan", np.full_like(array, np.nan)


def _values(value: Any) -> Iterator[tuple[str, Any]]:
    """What one value is replaced by."""
    if value is not None:
        yield "none", None
    if isinstance(value, (bool, np.bool_)):
        yield "flipped", not value
        yield "int", int(not value)
    elif isinstance(value, (int, float, np.number)):
        for number in (0, -1, 1, value + 1, value - 1, 2**31, -(2**62), 2**100, 0.5, float("nan"), True):
            yield f"{number}", number
    elif isinstance(value, np.ndarray) and value.ndim:
        yield from _arrays(value)
    elif hasattr(value, "_fields"):  # of a named tuple only its parts
        return
    elif isinstance(value, (list, tuple)):
        kind = type(value)
        yield "empty", kind()
        yield "shorter", value[:-1]
        yield "longer", kind((*value, *value[-1:]))
        yield "reversed", value[::-1]
        yield "other", (list if kind is tuple else tuple)(value)
    elif isinstance(value, dict):
        yield "empty", {}
        yield "less", dict(list(value.items())[:-1])
        yield "swapped", dict(zip(value, list(value.values())[::-1], strict=True))
    elif value is None:
        yield from (("zero", 0), ("array", np.zeros(3)), ("text", "first"), ("true", True))
    elif isinstance(value, str):
        yield "other-text", "brute"


def _holds_state(value: Any) -> bool:
    """Estimators, and what else of scikit-learn or scipy is made of a dict: nodes, splines, scorers."""
    if isinstance(value, type):
        return False
    library = type(value).__module__.partition(".")[0]
    return library in ("sklearn", "scipy") and type(getattr(value, "__dict__", None)) is dict


def _children(value: Any) -> list[tuple[Any, Any]]:
    if _holds_state(value):
        return list(value.__dict__.items())
    if isinstance(value, dict):
        return list(value.items())[:2]
    if isinstance(value, (list, tuple)) or (
        isinstance(value, np.ndarray) and value.dtype == object and value.ndim
    ):
        indices = list(np.ndindex(value.shape)) if isinstance(value, np.ndarray) else list(range(len(value)))
        return [(index, value[index]) for index in dict.fromkeys((*indices[:1], *indices[-1:]))]
    return []


def _walk(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    for key, child in _children(value):
        yield (*path, key), child
        if len(path) < 6:
            yield from _walk(child, (*path, key))


def _siblings(fitted: Any) -> Iterator[tuple[Path, str, Any]]:
    """Arrays of one estimator in each other's place, and attributes that are gone."""
    arrays = {key: value for key, value in fitted.__dict__.items() if isinstance(value, np.ndarray)}
    for key in arrays:
        for other in arrays:
            if key != other:
                yield (key,), f"is-{other}", arrays[other]


GONE = object()


def mutants(found: dict[str, Model]) -> Iterator[Mutant]:
    for name, model in found.items():
        for path, value in _walk(model.fitted):
            for change, new in _values(value):
                yield Mutant(name, path, change, new)
            if isinstance(path[-1], str):
                yield Mutant(name, path, "gone", GONE)
        for path, change, new in _siblings(model.fitted):
            yield Mutant(name, path, change, new)


def _replace(value: Any, path: Path, new: Any) -> Any:
    """`value` with what is at `path` replaced; tuples are made anew, the rest is changed."""
    key, rest = path[0], path[1:]
    if isinstance(value, tuple):
        items = _replace(list(value), path, new)
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    inside = value.__dict__ if _holds_state(value) else value
    if not rest and new is GONE:
        del inside[key]
    else:
        inside[key] = _replace(inside[key], rest, new) if rest else new
    return value


def build(model: Model, mutant: Mutant) -> bytes:
    changed = _replace(
        copy.deepcopy(model.fitted),
        mutant.path,
        copy.deepcopy(mutant.value) if mutant.value is not GONE else GONE,
    )
    return dump(changed, {}, "joblib-4")


def sample(found: dict[str, Model], count: int, seed: int) -> list[Mutant]:
    """`count` of them by a seed; all if there are not as many."""
    everything = list(mutants(found))
    if count >= len(everything):
        return everything
    return random.Random(seed).sample(everything, count)
