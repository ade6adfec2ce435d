#!/usr/bin/env python3
"""Writes the seeds of fuzz_worker_output: what an honest worker says to small fitted models.

    record_worker_outputs.py build/release/bin/record_worker_output

Between them they hold most kinds of node and every invariant of the default policy.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from scipy import sparse
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

CORPUS = Path(__file__).resolve().parent / "corpus" / "worker_output"
# What a seed may take: with larger ones fewer are tried in the same time.
LIMIT = 24 * 1024


def models() -> Iterator[tuple[str, Any]]:
    """Everything is seeded, so that a second run with the same versions writes the same bytes."""
    rng = np.random.RandomState(3)
    X = rng.rand(12, 3)
    y = np.arange(12) % 3
    yield (
        "plain",
        {
            "numbers": [1, 2, 3, 2**70, 0.5, 1j, True, None, ...],
            "texts": ("a", "b", b"bytes", bytearray(b"more")),
            "sets": [{1, 2}, frozenset((3,)), slice(1, None, 2), range(3)],
            "mixed": {1: "a", (2, 3): "b"},
            "floats": [0.5, 1.5],
            "words": {"one": 1, "two": 2},
            "dates": np.array(["2020-01-01"], dtype="M8[D]"),
            "record": np.zeros(2, dtype=[("a", "<i4"), ("b", "<f8")]),
            "objects": np.array(["x", None, 3], dtype=object),
            "scalar": np.float64(2.5),
            "fortran": np.asfortranarray(X[:2]),
            "generators": [np.random.RandomState(1), np.random.default_rng(2)],
        },
    )
    yield "logistic", LogisticRegression().fit(X, y)
    steps = [("scale", StandardScaler()), ("reduce", PCA(2)), ("model", LogisticRegression())]
    yield "pipeline", Pipeline(steps).fit(X, y)
    columns = [("number", StandardScaler(), [0, 1]), ("gone", "drop", [2])]
    yield "columns", ColumnTransformer(columns).fit(X)
    yield "function", FunctionTransformer(np.log1p, np.expm1).fit(X)
    codes = np.array([["a", "x"], ["b", "y"], ["a", "x"], ["b", "z"]], dtype=object)
    yield "onehot", OneHotEncoder(min_frequency=2, handle_unknown="infrequent_if_exist").fit(codes)
    yield "ordinal", OrdinalEncoder().fit(codes)
    yield "tfidf", TfidfVectorizer().fit(["some words here", "other words there"])
    yield "tree", DecisionTreeClassifier(max_depth=2, random_state=0).fit(X, np.c_[y, y % 2])
    yield "forest", RandomForestClassifier(2, max_depth=2, random_state=0).fit(X, y)
    yield "isolation", IsolationForest(n_estimators=2, max_samples=4, random_state=0).fit(X)
    yield "boosting", GradientBoostingRegressor(n_estimators=2, max_depth=1, random_state=0).fit(X, y)
    classes = GradientBoostingClassifier(n_estimators=1, max_depth=1, random_state=0)
    yield "boosting-classes", classes.fit(X, y)
    for algorithm in ("kd_tree", "ball_tree", "brute"):
        yield f"knn-{algorithm}", KNeighborsClassifier(3, algorithm=algorithm, leaf_size=4).fit(X, y)
    yield "svc", SVC().fit(X, y)
    yield "svc-sparse", SVC().fit(sparse.csr_matrix(X), y)
    yield "matrices", [kind(sparse.csr_matrix(X > 0.5)) for kind in (sparse.csr_matrix, sparse.coo_matrix)]
    yield "sgd", SGDClassifier(max_iter=2, tol=None, random_state=0, average=True).fit(X, y)
    yield "mlp", MLPClassifier((2,), max_iter=2, random_state=0).fit(X, y)
    yield "kmeans", KMeans(2, n_init=1, random_state=np.random.RandomState(1)).fit(X)


def main(recorder: str) -> None:
    CORPUS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for name, model in models():
            artifact = Path(folder) / name
            # Compressed: their arrays lie in the decoded file.
            joblib.dump(model, artifact, compress=name in ("forest", "knn-kd_tree", "svc"))
            seed = CORPUS / f"{name}.bin"
            subprocess.run([recorder, str(artifact), str(seed)], check=True)
            size = seed.stat().st_size
            print(f"{size:6} {seed.name}")
            if size > LIMIT:
                seed.unlink()


if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # few rows: nothing converges
        main(sys.argv[1])
