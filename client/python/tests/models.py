"""Fitted models of the kinds that people keep, small, each with rows to predict."""

import numpy as np
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LassoLars, LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC

X, Y = load_iris(return_X_y=True)
MIXED = np.array([[i % 7, "abc"[i % 3], i / 3] for i in range(60)], dtype=object)


def words(count):
    """That many different words."""
    letters = np.random.default_rng(0).integers(0, 26, (count, 6))
    return ["".join(chr(97 + c) for c in row) + f"x{i}" for i, row in enumerate(letters.tolist())]


def texts(vocabulary=10000):
    """Documents that use a vocabulary of that size."""
    every = words(vocabulary)
    return [" ".join(every[i : i + 10]) for i in range(0, vocabulary, 10)]


def columns():
    return ColumnTransformer(
        [
            ("numbers", StandardScaler(), [0, 2]),
            ("categories", OneHotEncoder(handle_unknown="ignore"), [1]),
        ]
    )


def tfidf():
    documents = texts()
    return make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(
        documents, np.arange(len(documents)) % 2
    )


# Name to (fitted model, rows).
MAKERS = {
    "logistic_regression": lambda: (LogisticRegression(max_iter=500).fit(X, Y), X),
    "linear_regression": lambda: (LinearRegression().fit(X, Y), X),
    "standard_scaler": lambda: (StandardScaler().fit(X), X),
    "pipeline": lambda: (
        make_pipeline(StandardScaler(), PCA(2), LogisticRegression()).fit(X, Y),
        X,
    ),
    "column_transformer": lambda: (columns().fit(MIXED), MIXED),
    "one_hot_encoder": lambda: (OneHotEncoder(min_frequency=5).fit(MIXED[:, 1:2]), MIXED[:, 1:2]),
    "tfidf": lambda: (tfidf(), texts(500)),
    "random_forest": lambda: (RandomForestClassifier(20, random_state=0).fit(X, Y), X),
    "gradient_boosting": lambda: (GradientBoostingRegressor(random_state=0).fit(X, Y), X),
    "k_neighbors": lambda: (KNeighborsClassifier().fit(X, Y), X),
    "k_neighbors_ball": lambda: (
        KNeighborsClassifier(algorithm="ball_tree", metric="manhattan").fit(X, Y),
        X,
    ),
    "k_neighbors_brute": lambda: (KNeighborsClassifier(algorithm="brute").fit(X, Y), X),
    "svc": lambda: (SVC().fit(X, Y), X),
    "svc_linear": lambda: (SVC(kernel="linear").fit(X, Y), X),
    "mlp": lambda: (MLPClassifier((16, 16), max_iter=50, random_state=0).fit(X, Y), X),
    "k_means": lambda: (KMeans(3, n_init=1, random_state=0).fit(X), X),
    "pca": lambda: (PCA(2).fit(X), X),
    "lasso_lars": lambda: (LassoLars(positive=True).fit(X, Y), X),
}


def answers(model, rows):
    """Bytes of everything that the model says about the rows."""
    said = {}
    for method in ("predict", "predict_proba", "decision_function", "transform"):
        if hasattr(model, method):
            value = getattr(model, method)(rows)
            value = value.toarray() if hasattr(value, "toarray") else np.asarray(value)
            said[method] = repr(value.tolist()) if value.dtype.hasobject else value.tobytes()
    assert said
    return said
