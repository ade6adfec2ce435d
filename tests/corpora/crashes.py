"""Attributes of fitted models that ended the process when they were changed and used (crashes.csv).

Found by changing one attribute at a time in 63,000 models and using them: what a column names as
`attribute` is a path (`.name`, `[]` any element, `[key]` any key, `<part>` of a native object's
reduction), and `mutations` are the changes of it that crashed or hung.
"""

from __future__ import annotations

import copy
import csv
import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from scipy import interpolate, sparse, spatial
from sklearn.neighbors import BallTree, KDTree

from .models import Model
from .native_fields import natives
from .tampered import dump
from .zoo.data import data
from .zoo.models import fit
from .zoo.recipes import WANTED, make

# What stands in parentheses behind an estimator: parameters, inputs, targets.
FORMS: dict[str, tuple[dict[str, Any], str, str]] = {
    "DecisionTreeClassifier(sparse)": ({}, "csr", ""),
    "DecisionTreeRegressor(multi)": ({}, "", "outputs"),
    "GradientBoostingRegressor(sparse)": ({}, "csr", "numbers"),
    "HistGradientBoostingRegressor(cat)": ({"categorical_features": [3]}, "codes", "numbers"),
    "SVC": ({"probability": True}, "", ""),
    "SVC(linear,binary)": ({"kernel": "linear"}, "", "binary"),
    "SVC(sparse)": ({"probability": True}, "csr", ""),
    "SVC(precomputed)": ({"kernel": "precomputed"}, "kernel", ""),
    "NuSVC(poly)": ({"kernel": "poly"}, "", ""),
    "NuSVR(sparse)": ({}, "csr", "numbers"),
    "KNeighborsClassifier(kd_tree)": ({"algorithm": "kd_tree"}, "", ""),
    "KNeighborsClassifier(ball_tree)": ({"algorithm": "ball_tree"}, "", ""),
    "KNeighborsClassifier(brute)": ({"algorithm": "brute"}, "", ""),
    "KNeighborsClassifier(brute,sparse)": ({"algorithm": "brute"}, "csr", ""),
    "KNeighborsRegressor(minkowski3)": ({"p": 3, "algorithm": "kd_tree"}, "", "numbers"),
    "RadiusNeighborsClassifier(brute)": ({"algorithm": "brute"}, "", ""),
    "LocalOutlierFactor": ({"novelty": True}, "", ""),
    "KMeans(sparse)": ({}, "csr", ""),
    "SGDClassifier": ({"average": True}, "", ""),
    "PolynomialFeatures(sparse)": ({"degree": 3}, "csr", ""),
    "SplineTransformer(periodic)": ({"extrapolation": "periodic"}, "", ""),
    "LabelPropagation": ({"kernel": "knn"}, "", "partly"),
    "OneHotEncoder": ({"max_categories": 3}, "table", ""),
    "GradientBoostingClassifier": ({}, "", ""),
}
X = data().X
VECTORS = {
    "KNeighborsClassifier(seuclidean)": {"metric": "seuclidean", "metric_params": {"V": X.var(0)}},
    "KNeighborsClassifier(mahalanobis)": {"metric": "mahalanobis", "metric_params": {"VI": np.eye(4)}},
}
MATRIX = sparse.random(12, 6, 0.3, random_state=0)
OBJECTS: dict[str, Callable[[], Any]] = {
    **{
        f"{form}_matrix": lambda form=form: MATRIX.asformat(form)
        for form in ("csr", "csc", "coo", "bsr", "dia")
    },
    "BSpline": lambda: interpolate.BSpline(np.arange(8.0), np.ones(4), 3),
    "KDTree": lambda: KDTree(X),
    "BallTree(haversine)": lambda: BallTree(X[:, :2].copy(), metric="haversine"),
    "cKDTree": lambda: spatial.cKDTree(X),
}
TOKEN = re.compile(r"\.(\w+)|(\[\])|(\[key\])|<(\w+)>")
STEP = Callable[[Any], Any]


def rows() -> list[dict[str, str]]:
    with (Path(__file__).parent / "crashes.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def _estimator(label: str) -> Model:
    name = label.partition("(")[0]
    inputs, targets = WANTED.get(name, ("", ""))
    parameters, inputs, targets = FORMS.get(label, (VECTORS.get(label, {}), inputs, targets))
    if label in VECTORS:
        parameters = {**parameters, "algorithm": "ball_tree"}
    given = data(inputs, targets)
    model = make(name, **parameters)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit(model, given)
    if label == "LogisticRegression(sparsify)":
        model.sparsify()
    return Model(label, model, given.rows, (), given.y)


def models() -> dict[str, Model]:
    """By the label in crashes.csv; those that this version cannot fit are left out."""
    found = {}
    for label in dict.fromkeys(row["estimator"] for row in rows()):
        if label in OBJECTS:
            found[f"crash-{label}"] = Model(label, OBJECTS[label](), X[::6], ())
            continue
        try:
            found[f"crash-{label}"] = _estimator(label)
        except (TypeError, KeyError):
            continue
    return found


def _number(text: str, array: np.ndarray) -> Any:
    limits = np.iinfo(array.dtype) if array.dtype.kind in "iu" else None
    if text in ("max", "min"):
        return getattr(limits, text) if limits else float(f"{'-' if text == 'min' else ''}1e300")
    if text == "last+1":
        return len(array)
    number = {"2^30": 2**30, "-2^30": -(2**30)}.get(text)
    return int(text) if number is None else number


def _fill(array: np.ndarray, where: str, text: str) -> np.ndarray:
    changed = array.copy()
    place = {"all": slice(None), "first": slice(0, 1), "last": slice(-1, None)}[where]
    with np.errstate(all="ignore"):
        changed.reshape(-1)[place] = np.asarray(_number(text, array)).astype(array.dtype)
    return changed


def change(value: Any, mutation: str) -> Any:
    """The value after one mutation; KeyError if it does not apply here."""
    if mutation == "None":
        return None
    if mutation == "flip":
        return not value
    if mutation.startswith("="):
        return int(mutation[1:])
    if mutation == "len*2":
        return value * 2
    array = np.asarray(value)
    field, _, rest = mutation.partition(":")
    if field in (array.dtype.names or ()):
        changed = array.copy()
        changed[field] = _fill(array[field], *rest.split("="))
        return changed
    if "=" in mutation:
        return _fill(array, *mutation.split("="))
    half = array.shape[0] // 2 if array.ndim else 0
    cuts = {"1": slice(0, 1), "half": slice(0, half), "-1": slice(0, -1), "empty": slice(0, 0)}
    if field == "cut":
        return array[cuts[rest]].copy()
    if field == "cut1":
        return array[:, cuts[rest]].copy()
    if mutation == "grow":
        return np.concatenate([array, array[-1:]])
    if mutation == "0d":
        return np.array(array.reshape(-1)[0])
    return array.astype(mutation)


def _set(thing: Any, path: list[tuple[str, ...]], mutation: str) -> Any:
    """`thing` with the mutation at the path; tuples are made anew."""
    if not path:
        return change(thing, mutation)
    name, element, key, _ = path[0]
    if name:
        inside = thing.__dict__
        name = name if name in inside else f"_{name}"  # scipy 1.15 renamed what a spline stores
        inside[name] = _set(inside[name], path[1:], mutation)
    elif key:
        first = next(iter(thing))
        thing[first] = _set(thing[first], path[1:], mutation)
    elif element:
        index = (0,) * thing.ndim if isinstance(thing, np.ndarray) else 0
        changed = _set(thing[index], path[1:], mutation)
        if isinstance(thing, tuple):
            return (changed, *thing[1:])
        thing[index] = changed
    return thing


def _native_edit(part: str, mutation: str) -> Callable[[Any], Any]:
    def edit(reduction: Any) -> Any:
        kind, arguments, state = reduction[:3]
        if part.startswith("arg"):
            place = int(part[3:])
            return (
                kind,
                tuple(change(v, mutation) if i == place else v for i, v in enumerate(arguments)),
                state,
            )
        if isinstance(state, dict):
            return kind, arguments, {**state, part: change(state[part], mutation)}
        place = int(part)
        return kind, arguments, tuple(change(v, mutation) if i == place else v for i, v in enumerate(state))

    return edit


def build(model: Model, attribute: str, mutation: str) -> bytes:
    """A file of the model with the mutation. KeyError: it does not apply to this version's model."""
    path = TOKEN.findall(attribute)
    thing = copy.deepcopy(model.fitted)
    native = next((place for place, step in enumerate(path) if step[3]), None)
    try:
        if native is None:
            return dump(_set(thing, path, mutation), {}, "joblib-4")
        kinds = natives(thing) or {type(thing): thing}
        if path[native + 1 :]:  # a part of a part: the vectors of a tree's distance
            (tree,) = kinds.values()
            kinds = {type(part): part for part in [tree.__reduce__()[2][int(path[native][3])]]}
        edit = _native_edit(path[-1][3], mutation)
        return dump(thing, dict.fromkeys(kinds, edit), "joblib-4")
    except (AttributeError, IndexError, TypeError, ValueError, OverflowError) as error:
        raise KeyError(attribute) from error


def cases(found: dict[str, Model]) -> Iterator[tuple[str, str, str]]:
    """Model, attribute, mutation."""
    for row in rows():
        name = f"crash-{row['estimator']}"
        if name in found:
            for mutation in row["mutations"].split(";"):
                yield name, row["attribute"], mutation
