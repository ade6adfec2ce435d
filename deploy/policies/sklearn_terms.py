"""What the rules of scikit-learn's classes are written with."""

from __future__ import annotations

from collections.abc import Sequence

from model import Entry, Rule

NONE, BOOL, INT, FLOAT, STR = "NONE", "BOOL", "INT", "FLOAT", "STR"
LIST, TUPLE, DICT, SET = "LIST", "TUPLE", "DICT", "SET"
ARRAY, OBJECT_ARRAY, OBJECT, NAME, DTYPE = "ARRAY", "OBJECT_ARRAY", "OBJECT", "NAME", "DTYPE"
NUMBER = (INT, FLOAT)

WIDTH = "n_features_in_"


def strings(*values: str, none: bool = False) -> Rule:
    """One of these strings; a callable never."""
    return Rule(one_of=[*(["None"] if none else []), *(repr(value) for value in values)])


def widths(*keys: str) -> dict[str, Rule]:
    """Vectors with one number a feature (or None)."""
    return {key: Rule([ARRAY, NONE], shape=[WIDTH]) for key in keys}


def rows(*keys: str) -> dict[str, Rule]:
    """Matrices as wide as the features."""
    return {key: Rule([ARRAY], shape=["*", WIDTH]) for key in keys}


def any_of(*classes: str, also: Sequence[str] = ()) -> Rule:
    """Instances of these classes (any listed one if none is given), or nothing."""
    return Rule([OBJECT, NONE, *also], classes=classes)


def dropped(why: str) -> Rule:
    """Left out at loading."""
    return Rule(drop=True, why=why)


def made(*classes: str, also: Sequence[str] = ()) -> Rule:
    """An instance of one of these classes (any listed one if none is given)."""
    return Rule([OBJECT, *also], classes=classes)


# A folder whose files joblib unpickles at fit, or what keeps one: never.
MEMORY = Rule(force="None", why="its cache would be unpickled by fit")
NESTED = Rule([LIST, OBJECT], why="steps are any listed estimator, acyclic")
ANY = Rule([OBJECT, NONE, STR], why="a listed estimator")

# Sparse matrices that estimators hold. Up to scipy 1.10 the arrays had a module of their own.
SPARSE_CLASSES = [
    *(f"scipy.sparse._{kind}.{kind}_{form}" for kind in ("csr", "csc") for form in ("matrix", "array")),
    *(f"scipy.sparse._arrays.{kind}_array" for kind in ("csr", "csc")),
]
SPARSE = (
    *SPARSE_CLASSES,
    *(f"scipy.sparse.{name}" for name in ("_dia.dia_matrix", "_dia.dia_array", "_arrays.dia_array")),
)
DISTANCES = (
    "euclidean", "l2", "l1", "manhattan", "cityblock", "minkowski", "p", "infinity", "chebyshev",
    "haversine", "cosine", "canberra", "braycurtis", "nan_euclidean", "hamming", "jaccard",
    "sqeuclidean", "seuclidean", "precomputed", "correlation", "dice", "kulsinski", "matching",
    "rogerstanimoto", "russellrao", "sokalmichener", "sokalsneath", "yule",
)  # fmt: skip
DISTANCE = strings(*DISTANCES)
KERNELS = (
    "linear", "poly", "polynomial", "rbf", "sigmoid", "cosine", "laplacian", "chi2", "additive_chi2",
    "precomputed",
)  # fmt: skip
KERNEL = strings(*KERNELS)

SPARSE_OR_ARRAY = Rule([ARRAY, OBJECT], classes=SPARSE)

# How fit splits: a number, or a splitter, or the splits themselves.
SPLITTING = Rule([INT, NONE, STR, LIST, TUPLE, OBJECT])
SCORERS = (
    *(
        f"sklearn.metrics._scorer.{name}"
        for name in ("_Scorer", "_PredictScorer", "_ProbaScorer", "_ThresholdScorer", "_CurveScorer")
    ),
    "sklearn.model_selection._classification_threshold._CurveScorer",
)
# A scorer by name or made of a listed metric.
SCORED = Rule([NONE, STR, OBJECT], classes=SCORERS)

PLAIN = "plain Python and numpy"


class Classes:
    """Entries of classes that are made by cls.__new__ and whose __dict__ is written."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def add(self, names: str | Sequence[str], *invariants: str, why: str = "", **state: Rule) -> None:
        """Classes of one module prefix with the same rules: "module.{A,B}" or a list of names."""
        if isinstance(names, str):
            prefix, _, rest = names.partition("{")
            names = [prefix + name for name in rest.rstrip("}").split(",")] if rest else [names]
        for name in names:
            self.entries.append(Entry(name, "NEW_DICT", invariants=invariants, state=state, why=why))

    def entry(self, name: str, trust: str, *invariants: str, why: str = "", **state: Rule) -> Entry:
        """One class of another trust than NEW_DICT."""
        return Entry(name, trust, invariants=invariants, state=state, why=why)
