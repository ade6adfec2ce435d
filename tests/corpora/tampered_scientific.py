"""What scipy, partials and kernels hold, with a state that no library writes."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from scipy import interpolate, sparse, spatial
from sklearn.datasets import load_iris
from sklearn.feature_selection import SelectKBest, mutual_info_classif
from sklearn.metrics import fbeta_score
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder
from sklearn.svm import SVC

from . import opcodes as op
from .tampered import dump

X, Y = load_iris(return_X_y=True)
PLACES, VALUES = np.arange(9.0), np.arange(9.0) ** 2


def edited(thing: Any, change: Callable[[Any], Any], writer: str = "pickle-5") -> bytes:
    """With another state: what `change` answers, or what it has done to the state."""

    def edit(reduction: Any) -> Any:
        function, args, state, *rest = reduction
        state = copy.deepcopy(state)
        changed = change(state)
        return function, args, state if changed is None else changed, *rest

    return dump(thing, {type(thing): edit}, writer)


def put(key: str, value: Any) -> Callable[[Any], None]:
    return lambda state: state.__setitem__(key, value)


def first(key: str, value: Any) -> Callable[[Any], None]:
    return lambda state: state[key].__setitem__(0, value)


def row(columns: list[int], numbers: list[float]) -> Callable[[Any], None]:
    """The first row of a matrix of lists."""

    def change(state: Any) -> None:
        state["rows"][0], state["data"][0] = columns, numbers

    return change


def part(index: int, value: Any) -> Callable[[Any], Any]:
    return lambda state: (*state[:index], value, *state[index + 1 :])


def in_dict(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Of the two dicts of an interpolation the first."""
    return lambda state: change(state[0])


def _forged_matrices() -> dict[str, bytes]:
    block = sparse.bsr_matrix(np.kron(np.eye(3), np.ones((2, 4))), blocksize=(2, 4))
    listed = sparse.lil_matrix(np.eye(3))
    keyed = sparse.dok_matrix(np.eye(3))
    changes: dict[str, tuple[Any, Callable[[Any], Any]]] = {
        "block-column": (block, first("indices", 3)),
        "block-negative": (block, first("indices", -1)),
        "block-huge": (block, first("indices", 2**31 - 1)),
        "block-rows": (block, first("indptr", 1)),
        "block-end": (block, put("indptr", np.array([0, 1, 2, 9], "i4"))),
        "block-width": (block, put("data", np.ones((3, 2, 5)))),
        "block-none": (block, put("data", np.ones((3, 0, 4)))),
        "block-order": (block, put("data", np.asfortranarray(np.arange(24.0).reshape(3, 2, 4)))),
        "block-flat": (block, put("data", np.ones(3))),
        "block-objects": (block, put("data", np.full((3, 2, 4), None))),
        "block-shape": (block, put("_shape", (6, 13))),
        "list-column": (listed, first("rows", [3])),
        "list-negative": (listed, first("rows", [-1])),
        "list-huge": (listed, first("rows", [2**62])),
        "list-float": (listed, first("rows", [0.0])),
        "list-longer": (listed, first("rows", [0, 1])),
        "list-twice": (listed, row([1, 1], [1.0, 1.0])),
        "list-falls": (listed, row([1, 0], [1.0, 1.0])),
        "list-text": (listed, first("data", ["x"])),
        "list-object": (listed, first("data", [SVC()])),
        "list-none": (listed, first("rows", None)),
        "list-tuple": (listed, first("rows", (0,))),
        "list-rows": (listed, put("_shape", (4, 3))),
        "list-dtype": (listed, put("dtype", np.dtype(object))),
        "list-text-dtype": (listed, put("dtype", "f8")),
        "list-unknown": (listed, put("tocsr", 1)),
        "key-dtype": (keyed, put("dtype", np.dtype("S3"))),
        "key-shape": (keyed, put("_shape", (2, 3))),
        "key-unknown": (keyed, put("tocsr", 1)),
        "key-other": (keyed, put("_dict", {(0, 0): 2.0, (1, 1): 1.0, (2, 2): 1.0})),
        "key-more": (keyed, put("_dict", {(0, 0): 1.0, (1, 1): 1.0, (2, 2): 1.0, (2, 1): 1.0})),
        "key-list": (keyed, put("_dict", [1.0])),
    }
    return {name: edited(thing, change) for name, (thing, change) in changes.items()}


def made_of_keys() -> dict[str, bytes]:
    """dok matrices whose items are no places and numbers."""
    state = {"_shape": (3, 3), "maxprint": 50, "dtype": np.dtype("f8")}
    items = {
        "good": {(2, 1): 1.0},
        "outside": {(3, 0): 1.0},
        "negative": {(0, -1): 1.0},
        "huge": {(2**62, 0): 1.0},
        "triple": {(0, 0, 0): 1.0},
        "int": {5: 1.0},
        "text": {("0", "0"): 1.0},
        "value": {(0, 0): "x"},
        "object": {(0, 0): SVC()},
        "array": {(0, 0): np.ones(1)},
    }
    name = op.global_("scipy.sparse._dok", "dok_matrix")
    rebuilt = op.global_("copyreg", "_reconstructor")
    return {
        f"item-{key}": op.stream(
            rebuilt + op.MARK + name + op.global_("builtins", "dict") + bare(found) + op.TUPLE + op.REDUCE
            + bare(state) + op.BUILD
        )
        for key, found in items.items()
    }  # fmt: skip


def bare(thing: Any) -> bytes:
    """The opcodes that push it, without a memo, so that several stand in one stream."""
    buffer = io.BytesIO()
    pickler = pickle.Pickler(buffer, 2)
    pickler.fast = True
    pickler.dump(thing)
    return buffer.getvalue()[2:-1]


def _forged_functions() -> dict[str, bytes]:
    line = interpolate.interp1d(PLACES, VALUES)
    cubic = interpolate.interp1d(PLACES, VALUES, kind="cubic")
    tree = spatial.cKDTree(X)
    boxed = spatial.cKDTree(X, boxsize=10.0)
    outside = X.copy()
    outside[3, 1] = 11.0
    infinite = X.copy()
    infinite[0, 0] = np.inf
    dicts: dict[str, tuple[Any, Callable[[Any], Any]]] = {
        "call": (line, put("_call", print)),
        "call-method": (line, put("_call", interpolate.interp1d.__init__)),
        "falls": (line, put("x", PLACES[::-1])),
        "nan": (line, put("x", PLACES * np.nan)),
        "short": (line, put("y", VALUES[:-1])),
        "empty": (line, lambda state: state.update(x=PLACES[:0], y=VALUES[:0])),
        "objects": (line, put("y", VALUES.astype(object))),
        "ints": (line, put("y", VALUES.astype(int))),
        "axis": (line, put("axis", 1)),
        "negative-axis": (line, put("axis", -1)),
        "kind": (line, put("_kind", "spline")),
        "unknown-kind": (line, put("_kind", "pchip")),
        "kind-of-spline": (cubic, put("_kind", "linear")),
        "no-spline": (cubic, put("_spline", None)),
        "other-spline": (cubic, put("_spline", SVC())),
        "twice": (cubic, put("x", np.array([0.0, *PLACES[:-1]]))),
        "few": (cubic, lambda state: state.update(x=PLACES[:3], y=VALUES[:3])),
        "fill": (line, put("_fill_value_orig", np.ones(4))),
        "fill-text": (line, put("_fill_value_orig", "x")),
        "fill-object": (line, put("_fill_value_orig", (SVC(), 1.0))),
        "fill-strict": (line, put("_fill_value_orig", "extrapolate")),
        "bounds": (line, put("bounds_error", "no")),
        "computed": (line, put("_y", SVC())),
        "unknown": (line, put("evaluate", 1)),
        "dunder": (line, put("__array_interface__", 1)),
    }
    tuples: dict[str, tuple[Any, Callable[[Any], Any]]] = {
        "tree-short": (tree, lambda state: state[:9]),
        "tree-dict": (tree, lambda state: {"data": state[1]}),
        "tree-f4": (tree, part(1, X.astype("f4"))),
        "tree-order": (tree, part(1, np.asfortranarray(X))),
        "tree-infinite": (tree, part(1, infinite)),
        "tree-flat": (tree, part(1, X[:, 0].copy())),
        "tree-rows": (tree, part(2, 149)),
        "tree-columns": (tree, part(3, 2**40)),
        "tree-leaf": (tree, part(4, 0)),
        "tree-leaf-text": (tree, part(4, "16")),
        "tree-object": (tree, part(0, SVC())),
        "tree-function": (tree, part(0, print)),
        "tree-box": (tree, part(9, np.ones(3))),
        "tree-half": (boxed, part(9, np.full(8, 10.0))),
        "tree-negative": (boxed, part(9, np.array([*[-10.0] * 4, *[-5.0] * 4]))),
        "tree-outside": (boxed, part(1, outside)),
    }
    made = {f"interp-{name}": edited(thing, in_dict(change)) for name, (thing, change) in dicts.items()}
    made["interp-one-dict"] = edited(line, lambda state: state[0])
    made["interp-none"] = edited(line, lambda state: (None, state[1]))
    made["interp-slot-twice"] = edited(line, lambda state: (state[0], {**state[1], "x": PLACES}))
    return {**made, **{name: edited(thing, change) for name, (thing, change) in tuples.items()}}


def _forged_partials() -> dict[str, bytes]:
    score = SelectKBest()
    values: dict[str, Any] = {
        "jobs": partial(mutual_info_classif, n_jobs=64),
        "object": partial(mutual_info_classif, random_state=SVC()),
        "positional": partial(mutual_info_classif, X),
        "unlisted": partial(print, sep=""),
        "nested": partial(mutual_info_classif, random_state=partial(mutual_info_classif)),
        "metric": partial(fbeta_score, beta=2),
        "clip": partial(np.clip, a_min=0, a_max=1),
        "check": partial(SelectKBest),
        "getattr": partial(getattr),
    }
    made = {
        name: dump(copy.copy(score).set_params(score_func=value), {}, "pickle-5")
        for name, value in values.items()
    }
    fitted = FunctionTransformer()
    for name, value in {
        "out": partial(np.clip, a_min=0, a_max=1, out=np.ones(3)),
        "score": partial(mutual_info_classif, random_state=0),
        "where": partial(np.round, where=True),
    }.items():
        made[f"function-{name}"] = dump(copy.copy(fitted).set_params(func=value), {}, "pickle-5")
    attributed = partial(mutual_info_classif)
    attributed.__dict__["evil"] = print
    made["attributes"] = dump(copy.copy(score).set_params(score_func=attributed), {}, "pickle-5")
    made["root"] = dump(partial(mutual_info_classif, random_state=0), {}, "pickle-5")
    made["list"] = dump([partial(mutual_info_classif, random_state=0)], {}, "pickle-5")
    machine = SVC(kernel=rbf_kernel).fit(X, Y)
    for name, attribute, value in (
        ("fitted-narrow", "_BaseLibSVM__Xfit", X[:, :3].copy()),
        ("fitted-short", "_BaseLibSVM__Xfit", X[:9].copy()),
        ("fitted-missing", "_BaseLibSVM__Xfit", None),
        ("fitted-shape", "shape_fit_", (2**31, 4)),
        ("support", "support_", np.full(len(machine.support_), 150, "i4")),
        ("negative", "support_", np.full(len(machine.support_), -1, "i4")),
        ("kernel", "kernel", mutual_info_classif),
        ("kernel-text", "kernel", "rbf"),
        ("kernel-unknown", "kernel", "none"),
        ("kernel-partial", "kernel", partial(rbf_kernel, gamma=1.0)),
    ):
        model = copy.deepcopy(machine)
        setattr(model, attribute, value)
        made[f"svc-{name}"] = dump(model, {}, "pickle-5")
    dates = OneHotEncoder().fit(np.array(["2020", "2021"], "M8[Y]").reshape(-1, 1))
    dates.categories_ = [dates.categories_[0][::-1].copy()]
    return {**made, "dates-fall": dump(dates, {}, "pickle-5")}


FORGED = {
    "matrices": _forged_matrices,
    "keys": lambda: {name: data for name, data in made_of_keys().items() if name != "item-good"},
    "functions": _forged_functions,
    "partials": _forged_partials,
}
