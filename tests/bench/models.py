"""Writes what the benches read: models.py FOLDER. Fixed seeds, so that runs can be compared."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from sklearn.datasets import load_iris, make_classification
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

WORDS = 10_000
SMALL_BYTES = 1024


def logistic() -> Any:
    X, y = load_iris(return_X_y=True)
    return LogisticRegression(max_iter=500).fit(X, y)


def tfidf() -> Any:
    rng = np.random.RandomState(0)
    words = np.array([f"w{number:05d}x{number % 97}" for number in range(WORDS)])
    documents = [" ".join(np.r_[words[i::50], rng.choice(words, 100)]) for i in range(50)]
    model = TfidfVectorizer().fit(documents)
    assert len(model.vocabulary_) == WORDS
    return model


def forest() -> Any:
    # Noisy labels make deep trees: about 21 MB.
    X, y = make_classification(8000, 20, n_informative=10, flip_y=0.6, random_state=0)
    return RandomForestClassifier(100, random_state=0, n_jobs=1).fit(X, y)


def boosting() -> Any:
    rng = np.random.RandomState(0)
    X = rng.normal(size=(2000, 10))
    return GradientBoostingRegressor(n_estimators=100, random_state=0).fit(X, X[:, 0] + X[:, 1] ** 2)


def neighbours() -> Any:
    rng = np.random.RandomState(0)
    X = rng.normal(size=(62_500, 100))  # 50 MB
    return KNeighborsClassifier(algorithm="brute").fit(X, np.arange(len(X)) % 3)


def plain() -> Any:
    """Python's own types only: what the pickle machine does without numpy."""
    return [
        {"id": i, "name": f"row {i}", "tags": [f"t{i % 7}", "x"], "value": i / 3, "on": i % 2 == 0}
        for i in range(5000)
    ]


def small() -> bytes:
    """A pickle of exactly SMALL_BYTES bytes."""
    model = logistic()
    for padding in range(SMALL_BYTES):
        data = pickle.dumps({"model": model, "note": "x" * padding}, protocol=4)
        if len(data) >= SMALL_BYTES:
            return data
    raise AssertionError("the model is larger than expected")


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    made = {
        "logistic": logistic(),
        "tfidf": tfidf(),
        "forest": forest(),
        "boosting": boosting(),
        "knn": neighbours(),
    }
    for name, model in made.items():
        joblib.dump(model, folder / f"{name}.joblib")
        if name != "knn":
            (folder / f"{name}.pkl").write_bytes(pickle.dumps(model, protocol=4))
    (folder / "plain.pkl").write_bytes(pickle.dumps(plain(), protocol=4))
    (folder / "small.pkl").write_bytes(small())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
