"""Small data of every kind that estimators take: X, y and rows to ask about."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.datasets import load_iris
from sklearn.metrics import pairwise_distances

NAMES = np.array(["setosa", "versicolor", "virginica"])
WORDS = ("ant", "bee", "cat", "dog", "eel", "fox", "gnu", "hen")


@dataclass(frozen=True)
class Data:
    """What an estimator is fitted with, and asked about."""

    X: Any
    y: Any
    rows: Any


@cache
def iris() -> tuple[np.ndarray, np.ndarray]:
    X, y = load_iris(return_X_y=True)
    return X[::2].copy(), y[::2].copy()


def documents() -> list[str]:
    rng = np.random.RandomState(3)
    return [" ".join(rng.choice(WORDS, size=6)) for _ in range(30)]


def table() -> np.ndarray:
    """Three columns of categories: words, small numbers, mixed."""
    rng = np.random.RandomState(4)
    columns = [rng.choice(list("abcd"), 60), rng.randint(0, 5, 60), rng.choice(["x", "y"], 60)]
    return np.array(list(zip(*(column.tolist() for column in columns), strict=True)), dtype=object)


def with_holes() -> np.ndarray:
    X, _ = iris()
    holes = X.copy()
    holes[np.random.RandomState(5).rand(*X.shape) < 0.1] = np.nan
    return holes


def dicts() -> list[dict[str, Any]]:
    return [{"word": WORDS[i % 5], "size": float(i % 3), WORDS[i % 8]: 1} for i in range(20)]


def images() -> np.ndarray:
    return np.random.RandomState(6).rand(3, 8, 8)


def sets() -> list[tuple[str, ...]]:
    return [WORDS[: i % 4 + 1] for i in range(12)]


def _classes() -> Data:
    X, y = iris()
    return Data(X, y, X[::6])


def _targets(kind: str) -> Any:
    X, y = iris()
    noise = np.random.RandomState(1).rand(len(y))
    return {
        "text": NAMES[y],
        "objects": NAMES[y].astype(object),
        "binary": (y == 1).astype(int),
        "bool": y == 1,
        "text-binary": NAMES[np.minimum(y, 1)],
        "numbers": X @ [0.5, -1.0, 2.0, 0.25] + noise,
        "positive": X @ [0.5, 0.1, 0.7, 0.25] + noise,
        "outputs": np.c_[X[:, 0] + noise, X[:, 1] - y],
        "multiclass-outputs": np.c_[y, (y + 1) % 2],
        "labels": np.c_[y == 0, y > 0, y == 2].astype(int),
        "partly": np.where(noise < 0.3, -1, y),
        "floats": y.astype(float) + 0.5,
    }[kind]


def _inputs(kind: str) -> tuple[Any, Any]:
    """X and rows."""
    X, _ = iris()
    table_ = table()
    kernel = X @ X.T
    counts = np.floor(X).astype(int)
    made = {
        "f4": X.astype("f4"),
        "csr": sparse.csr_matrix(X),
        "csc": sparse.csc_matrix(X),
        "csr-array": sparse.csr_array(X),
        "csr-f4": sparse.csr_matrix(X.astype("f4")),
        "fortran": np.asfortranarray(X),
        "ints": counts,
        "holes": with_holes(),
        "table": table_,
        "codes": np.c_[counts, np.arange(len(X)) % 4],
        "two": X[:, :2].copy(),
        "one": X[:, 0].copy(),
        "column": X[:, :1].copy(),
        "coordinates": np.radians(X[:, :2] * 10),
        "documents": documents(),
        "dicts": dicts(),
        "images": images(),
        "sets": sets(),
        "bits": (X.mean(0) < X).astype(int),
        "unit": X / X.max(0),
    }
    if kind == "kernel":
        return kernel, kernel[::6]
    if kind == "distances":
        distances = pairwise_distances(X)
        return distances, distances[::6]
    X = made[kind]
    return X, X[::6]


def data(inputs: str = "", targets: str = "") -> Data:
    """X of one kind and y of one kind; empty: iris."""
    base = _classes()
    X, rows = _inputs(inputs) if inputs else (base.X, base.rows)
    y = _targets(targets) if targets else base.y
    length = X.shape[0] if hasattr(X, "shape") else len(X)
    if length != len(y):
        y = np.arange(length) % 2
    return Data(X, y, rows)
