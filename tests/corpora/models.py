"""Good models: the estimators that the policy covers, fitted small, and how to ask them.

`python -m corpora.models FOLDER` writes one joblib file of each, for use by hand.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import sys
import warnings
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from scipy import sparse
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import pairwise_distances
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures, StandardScaler
from sklearn.svm import SVC

from .more_models import more

PROTOCOLS = (2, 3, 4, 5)
COMPRESSORS = ("none", "zlib", "gzip", "bz2", "lzma", "xz", "lz4")


@dataclass(frozen=True)
class Model:
    """A fitted model with inputs, and the methods whose answers must stay the same."""

    name: str
    fitted: Any
    inputs: Any
    methods: tuple[str, ...]
    # What to train on further, if it can be.
    target: Any = None

    def answers(self, model: Any) -> dict[str, Any]:
        return {method: getattr(model, method)(self.inputs) for method in self.methods}


def texts(words: int) -> list[str]:
    """Documents that hold each of `words` different words at least once."""
    rng = np.random.RandomState(5)
    vocabulary = np.array([f"w{number:05d}x{number % 97}" for number in range(words)])
    extra = rng.choice(vocabulary, size=words)
    return [" ".join(np.r_[vocabulary[i::40], extra[i::40]]) for i in range(40)]


def _linear(X: np.ndarray, y: np.ndarray, rows: np.ndarray) -> Iterator[Model]:
    probabilities = ("predict", "predict_proba", "decision_function")
    yield Model("logistic", LogisticRegression(max_iter=500).fit(X, y), rows, probabilities)
    binary = LogisticRegression(C=0.5, class_weight={0: 2.0, 1: 1.0}).fit(X, y == 1)
    yield Model("logistic-binary", binary, rows, probabilities)
    names = np.array(["setosa", "versicolor", "virginica"])
    yield Model("logistic-text", LogisticRegression(max_iter=500).fit(X, names[y]), rows, ("predict",))
    yield Model("linear", LinearRegression().fit(X, y), rows, ("predict",))
    yield Model("linear-many", LinearRegression().fit(X, np.c_[y, X[:, 0]]), rows, ("predict",))
    yield Model("linear-positive", LinearRegression(positive=True).fit(X, y), rows, ("predict",))
    unfitted = LogisticRegression(C=3.0)
    yield Model("logistic-unfitted", unfitted, None, ())


def _transformers(X: np.ndarray, y: np.ndarray, rows: np.ndarray) -> Iterator[Model]:
    yield Model("scaler", StandardScaler().fit(X), rows, ("transform",))
    yield Model("scaler-no-mean", StandardScaler(with_mean=False).fit(X), rows, ("transform",))
    yield Model("scaler-f4", StandardScaler().fit(X.astype("f4")), rows.astype("f4"), ("transform",))
    yield Model("pca", PCA(n_components=2, random_state=0).fit(X), rows, ("transform",))
    yield Model("pca-whiten", PCA(whiten=True).fit(X), rows, ("transform", "score_samples"))
    steps = [("scale", StandardScaler()), ("reduce", PCA(2)), ("model", LogisticRegression())]
    yield Model("pipeline", Pipeline(steps).fit(X, y), rows, ("predict", "predict_proba"))
    nested = Pipeline([("inner", Pipeline(steps[:1])), ("skip", "passthrough"), ("model", SVC())])
    yield Model("pipeline-nested", nested.fit(X, y), rows, ("predict",))
    table = np.array([["a", 1], ["b", 2], ["c", 1], ["a", 3]], dtype=object)
    yield Model("onehot-text", OneHotEncoder().fit([["a"], ["b"], ["c"]]), [["b"], ["a"]], ("transform",))
    ignore = OneHotEncoder(handle_unknown="ignore").fit([[1, 5], [2, 6], [3, 5]])
    yield Model("onehot-int", ignore, [[2, 5], [9, 9]], ("transform",))
    rare = OneHotEncoder(min_frequency=2, handle_unknown="infrequent_if_exist")
    codes = np.array([[1], [1], [2], [2], [3]])
    yield Model("onehot-rare", rare.fit(codes), [[3], [1]], ("transform",))
    yield Model("onehot-objects", OneHotEncoder().fit(table), table[:2], ("transform",))
    named = OneHotEncoder(dtype="float32").fit([[1], [2]])
    yield Model("onehot-dtype-name", named, [[2]], ("transform",))
    yield Model("polynomial", PolynomialFeatures(3).fit(X), rows, ("transform",))
    columns = ColumnTransformer(
        [("number", StandardScaler(), [0, 1]), ("word", OneHotEncoder(), [2]), ("gone", "drop", [3])],
        remainder="passthrough",
    )
    data = np.c_[X, np.arange(len(X)) % 4]
    yield Model("columns", columns.fit(data[::7]), data[:21:7], ("transform",))


def _text(words: int) -> Iterator[Model]:
    documents = texts(words)
    labels = np.arange(len(documents)) % 2
    yield Model("tfidf", TfidfVectorizer().fit(documents), documents[:3], ("transform",))
    pairs = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, max_features=500, stop_words=["w00001x1"])
    yield Model("tfidf-pairs", pairs.fit(documents), documents[:3], ("transform",))
    both = Pipeline([("text", TfidfVectorizer()), ("model", LogisticRegression())])
    yield Model("tfidf-logistic", both.fit(documents, labels), documents[:3], ("predict", "predict_proba"))


def _trees(X: np.ndarray, y: np.ndarray, rows: np.ndarray) -> Iterator[Model]:
    chances = ("predict", "predict_proba", "apply")
    forest = RandomForestClassifier(n_estimators=8, random_state=0)
    yield Model("forest", forest.fit(X, y), rows, chances)
    many = RandomForestClassifier(n_estimators=3, random_state=1, max_depth=2, oob_score=False)
    yield Model("forest-outputs", many.fit(X, np.c_[y, y == 0]), rows, ("predict", "apply"))
    stump = RandomForestClassifier(n_estimators=2, random_state=1).fit(X[:5], y[:5])
    yield Model("forest-one-class", stump, rows, chances)
    boosting = GradientBoostingRegressor(n_estimators=10, random_state=0)
    yield Model("boosting", boosting.fit(X, y), rows, ("predict", "apply"))
    huber = GradientBoostingRegressor(loss="huber", n_estimators=4, subsample=0.7, random_state=3)
    yield Model("boosting-huber", huber.fit(X, y), rows, ("predict",))
    hist = HistGradientBoostingClassifier(max_iter=3, early_stopping=True, random_state=0)
    yield Model("hist", hist.fit(X, y), rows, ("predict", "predict_proba"))
    isotonic = IsotonicRegression(out_of_bounds="clip").fit(X[:, 0], y)
    yield Model("isotonic", isotonic, rows[:, 0], ("predict",))


def _distances(X: np.ndarray, y: np.ndarray, rows: np.ndarray) -> Iterator[Model]:
    """Neighbours by each kind of distance: bare, with an order, with a vector, of given ones."""
    weights = {"w": np.arange(1.0, 5.0)}
    variances = {"V": X.var(0)}
    for name, algorithm, settings in (
        ("cubic", "kd_tree", {"p": 3}),
        ("cubic-brute", "brute", {"p": 3}),
        ("between", "ball_tree", {"p": 1.5}),
        ("weighted", "ball_tree", {"p": 3, "metric_params": weights}),
        ("weighted-brute", "brute", {"p": 2, "metric_params": weights}),
        ("variances", "ball_tree", {"metric": "seuclidean", "metric_params": variances}),
        ("variances-brute", "brute", {"metric": "seuclidean", "metric_params": variances}),
        ("chebyshev", "kd_tree", {"metric": "chebyshev"}),
        *((metric, "ball_tree", {"metric": metric}) for metric in ("canberra", "braycurtis", "hamming")),
        ("russellrao", "ball_tree", {"metric": "russellrao"}),
        ("correlation", "brute", {"metric": "correlation"}),
    ):
        near = KNeighborsClassifier(algorithm=algorithm, **settings)
        yield Model(f"knn-{name}", near.fit(X, y), rows, ("predict", "predict_proba"))
    given = KNeighborsRegressor(metric="precomputed").fit(pairwise_distances(X), y)
    yield Model("knn-precomputed", given, pairwise_distances(rows, X), ("predict",))


def _others(X: np.ndarray, y: np.ndarray, rows: np.ndarray) -> Iterator[Model]:
    chances = ("predict", "predict_proba")
    for algorithm in ("kd_tree", "ball_tree", "brute"):
        near = KNeighborsClassifier(algorithm=algorithm, leaf_size=5).fit(X, y)
        yield Model(f"knn-{algorithm}", near, rows, chances)
    manhattan = KNeighborsClassifier(p=1, weights="distance", algorithm="kd_tree").fit(X, y)
    yield Model("knn-manhattan", manhattan, rows, chances)
    scattered = KNeighborsClassifier(algorithm="brute").fit(sparse.csr_matrix(X), y)
    yield Model("knn-sparse", scattered, rows, chances)
    array = KNeighborsClassifier().fit(sparse.csr_array(X), y)
    yield Model("knn-sparse-array", array, rows, chances)
    yield from _distances(X, y, rows)
    yield Model("svc", SVC().fit(X, y), rows, ("predict", "decision_function"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # 1.9 says that probability will go
        sure = SVC(kernel="linear", probability=True, random_state=0).fit(X, y)
    yield Model("svc-probability", sure, rows, chances)
    yield Model("svc-sparse", SVC().fit(sparse.csr_matrix(X), y), sparse.csr_matrix(rows), ("predict",))
    brain = MLPClassifier((8, 4), max_iter=60, random_state=0)
    early = MLPClassifier((5,), max_iter=30, random_state=0, solver="sgd", early_stopping=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # stops before it converged
        yield Model("mlp", brain.fit(X, y), rows, chances)
        yield Model("mlp-early", early.fit(X, y), rows, chances)
    yield Model("kmeans", KMeans(3, n_init=2, random_state=0).fit(X), rows, ("predict", "transform"))
    state = np.random.RandomState(7)
    yield Model("kmeans-state", KMeans(2, n_init=1, random_state=state).fit(X), rows, ("predict",))


def models(words: int = 300) -> Iterator[Model]:
    """Every model; `words` is the size of the vocabularies."""
    X, y = load_iris(return_X_y=True)
    rows = X[::10]
    yield from _linear(X, y, rows)
    yield from _transformers(X, y, rows)
    yield from _text(words)
    yield from _trees(X, y, rows)
    yield from _others(X, y, rows)
    for made in more(X, y, rows):
        yield Model(*made)


def write_joblib(thing: Any, protocol: int, compressor: str = "none") -> bytes:
    buffer = io.BytesIO()
    compress = 0 if compressor == "none" else (compressor, 3)
    joblib.dump(thing, buffer, compress=compress, protocol=protocol)
    return buffer.getvalue()


def write_pickle(thing: Any, protocol: int) -> bytes:
    return pickle.dumps(thing, protocol)


def _lz4(data: bytes) -> bytes:
    import lz4.frame

    return lz4.frame.compress(data)


# What joblib would write around a stream, for streams that joblib did not write.
COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "none": bytes,
    "zlib": zlib.compress,
    "gzip": gzip.compress,
    "bz2": bz2.compress,
    "lzma": lambda data: lzma.compress(data, format=lzma.FORMAT_ALONE),
    "xz": lzma.compress,
    "lz4": _lz4,
}


def same(left: Any, right: Any) -> bool:
    """Equal bit for bit: type, dtype, shape and bytes."""
    if type(left) is not type(right):
        return False
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    if sparse.issparse(left):
        left, right = left.tocsr(), right.tocsr()
        return left.shape == right.shape and all(
            same(getattr(left, part), getattr(right, part)) for part in ("data", "indices", "indptr")
        )
    if left.dtype != right.dtype or left.shape != right.shape:
        return False
    if left.dtype.hasobject:
        return left.tolist() == right.tolist()
    return left.tobytes() == right.tobytes()


def main(folder: str) -> None:
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    for model in models():
        (out / f"{model.name}.joblib").write_bytes(write_joblib(model.fitted, 4))


if __name__ == "__main__":
    main(sys.argv[1])
