"""What scipy makes and no estimator holds: matrices of lists and keys, interpolations, trees, partials."""

from __future__ import annotations

import copy
import functools
import io
import pickle
from collections.abc import Callable
from functools import partial
from typing import Any

import loadlock
import numpy as np
import pytest
from scipy import interpolate, sparse, spatial, special, stats
from sklearn.datasets import load_iris
from sklearn.feature_selection import SelectKBest, SelectPercentile, mutual_info_classif
from sklearn.metrics import fbeta_score, make_scorer
from sklearn.metrics.pairwise import cosine_similarity, rbf_kernel
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder
from sklearn.svm import SVC, SVR

from corpora import opcodes as op
from corpora.tampered import WRITERS, dump

from .daemon import ACCEPTED, REFUSED, Daemon, error_rules, errors

pytestmark = pytest.mark.models
X, Y = load_iris(return_X_y=True)
PLACES, VALUES = np.arange(9.0), np.arange(9.0) ** 2
ROWS = np.vstack([VALUES, -VALUES])


def matrices() -> dict[str, Any]:
    made = {}
    for dtype in ("f8", "f4", "i8", "?", "c16"):
        csr = sparse.random(6, 4, 0.4, random_state=0, format="csr").astype(dtype)
        for kind in ("bsr", "lil", "dok"):
            for form in ("matrix", "array"):
                made[f"{kind}-{form}-{dtype}"] = getattr(sparse, f"{kind}_{form}")(csr)
    made["bsr-blocks"] = sparse.bsr_matrix(np.kron(np.eye(3), np.ones((2, 4))), blocksize=(2, 4))
    for kind in ("bsr", "lil", "dok"):
        made[f"{kind}-empty"] = getattr(sparse, f"{kind}_matrix")((3, 5))
    filled = sparse.lil_matrix((3, 3))
    filled[1, 2], filled[0, 0] = 2.5, -1
    return {**made, "lil-filled": filled, "dok-filled": sparse.dok_matrix(filled)}


def interpolations() -> dict[str, Any]:
    kinds = ("linear", "nearest", "nearest-up", "previous", "next", "zero", "slinear", "quadratic", "cubic")
    made = {kind: interpolate.interp1d(PLACES, VALUES, kind=kind) for kind in kinds}
    for kind in ("linear", "previous", "next", "cubic", "nearest"):
        made[f"{kind}-beyond"] = interpolate.interp1d(PLACES, VALUES, kind=kind, fill_value="extrapolate")
    return {
        **made,
        "pair": interpolate.interp1d(PLACES, VALUES, fill_value=(0, 1.5), bounds_error=False),
        "number": interpolate.interp1d(PLACES, VALUES, fill_value=-1.0, bounds_error=False),
        "rows": interpolate.interp1d(PLACES, ROWS, fill_value=(ROWS[:, 0], ROWS[:, -1]), bounds_error=False),
        "columns": interpolate.interp1d(PLACES, ROWS.T, kind="cubic", axis=0),
        "ints": interpolate.interp1d(np.arange(5), np.arange(5)[::-1]),
        "unsorted": interpolate.interp1d([3.0, 1.0, 2.0], [1.0, 2.0, 3.0]),
        "twice": interpolate.interp1d([1.0, 1.0, 2.0], [1.0, 2.0, 3.0]),
        "f4": interpolate.interp1d(PLACES.astype("f4"), VALUES.astype("f4")),
        "one": interpolate.interp1d([1.0], [2.0]),
    }


def trees() -> dict[str, Any]:
    return {
        "ckdtree": spatial.cKDTree(X),
        "kdtree": spatial.KDTree(X),
        "leaves": spatial.cKDTree(X, leafsize=2),
        "box": spatial.cKDTree(X, boxsize=10.0),
        "sides": spatial.cKDTree(X, boxsize=[10.0, 0.0, 9.0, 8.5]),
        "unbalanced": spatial.KDTree(X, balanced_tree=False, compact_nodes=False),
        "equal": spatial.KDTree(np.ones((50, 2))),
        "one": spatial.KDTree([[1.0, 2.0]]),
    }


def holders() -> dict[str, tuple[Any, Callable[[Any], Any]]]:
    """A model and what to ask it."""
    dates = np.array(["2020-01-01", "2020-02-01", "2021-01-01"], "M8[D]").reshape(-1, 1)
    score = partial(mutual_info_classif, random_state=0)
    clip = FunctionTransformer(partial(np.clip, a_min=1.0, a_max=2.0))

    def transformed(model: Any) -> Any:
        return model.transform(X)

    made = {
        "best": (SelectKBest(score, k=2).fit(X, Y), lambda model: model.fit_transform(X, Y)),
        "percentile": (
            SelectPercentile(partial(mutual_info_classif, n_neighbors=4, random_state=1)).fit(X, Y),
            transformed,
        ),
        "scorer": (
            make_scorer(partial(fbeta_score, beta=2)),
            lambda scorer: scorer._score_func(Y > 0, Y > 1),
        ),
        "clip": (clip.fit(X), transformed),
        "softmax": (FunctionTransformer(special.softmax, kw_args={"axis": 1}).fit(X), transformed),
        "dates": (OneHotEncoder().fit(dates), lambda model: model.transform(dates).toarray()),
        "nanoseconds": (
            OneHotEncoder().fit(dates.astype("M8[ns]")),
            lambda model: model.transform(dates.astype("M8[ns]")).toarray(),
        ),
    }
    for kernel in (rbf_kernel, cosine_similarity):
        name = kernel.__name__
        made[f"svc-{name}"] = (
            SVC(kernel=kernel).fit(X, Y),
            lambda model: (model.predict(X), model.decision_function(X)),
        )
        made[f"svr-{name}"] = (SVR(kernel=kernel).fit(X, Y), lambda model: model.predict(X))
    return made


def same(ours: Any, theirs: Any) -> bool:
    if type(ours) is not type(theirs):
        return False
    if isinstance(ours, tuple | list):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    if np.asarray(ours).dtype.kind in "fc":
        # Sums go by how memory is aligned.
        return bool(np.allclose(ours, theirs, rtol=1e-12, atol=1e-12, equal_nan=True))
    return bool(np.array_equal(ours, theirs))


def loaded(thing: Any, daemon: Daemon, writer: str) -> Any:
    path = daemon.write("thing.bin", dump(thing, {}, writer))
    with loadlock.Client(f"unix:{daemon.socket}") as client:
        return client.load(path)


@pytest.mark.parametrize("writer", [*WRITERS, "pickle-0"])
def test_matrices_of_objects_come_back(writer: str, daemon: Daemon) -> None:
    for name, matrix in matrices().items():
        ours = loaded(matrix, daemon, writer)
        assert (type(ours), ours.shape, ours.dtype) == (type(matrix), matrix.shape, matrix.dtype), name
        assert np.array_equal(ours.toarray(), matrix.toarray()), name
        if name.startswith("lil"):
            assert ours.rows.tolist() == matrix.rows.tolist(), name
            assert repr(ours.data) == repr(matrix.data), name
        if name.startswith("dok"):
            assert dict(ours.items()) == dict(matrix.items()), name
        assert np.array_equal((ours @ ours.T).toarray(), (matrix @ matrix.T).toarray()), name


@pytest.mark.parametrize("writer", WRITERS)
def test_interpolations_come_back(writer: str, daemon: Daemon) -> None:
    for name, function in interpolations().items():
        ours = loaded(function, daemon, writer)
        wide = function._extrapolate or not function.bounds_error
        points = np.linspace(function.x[0] - wide, function.x[-1] + wide, 23)
        with np.errstate(all="ignore"):
            assert same(ours(points), function(points)), name
        mine, other = vars(ours), vars(function)
        assert mine.keys() == other.keys(), name
        assert mine["_call"] is other["_call"], name
        assert all(
            same(mine[key], other[key]) for key in ("x", "y", "_y", "axis", "_kind", "bounds_error")
        ), name


@pytest.mark.parametrize("writer", WRITERS)
def test_trees_of_points_are_made_anew(writer: str, daemon: Daemon) -> None:
    for name, tree in trees().items():
        ours = loaded(tree, daemon, writer)
        assert (type(ours), ours.n, ours.m, ours.leafsize) == (type(tree), tree.n, tree.m, tree.leafsize), (
            name
        )
        assert same(ours.boxsize, tree.boxsize), name
        assert np.array_equal(ours.data, tree.data), name
        near = min(3, tree.n)
        assert same(ours.query(tree.data[:20], near)[0], tree.query(tree.data[:20], near)[0]), name
        assert [sorted(found) for found in ours.query_ball_point(tree.data[:20], 0.5)] == [
            sorted(found) for found in tree.query_ball_point(tree.data[:20], 0.5)
        ], name


def distributions() -> dict[str, Any]:
    """Every distribution that scipy knows, with parameters that it takes."""
    made = {}
    for name, parameters in [*stats._distr_params.distcont, *stats._distr_params.distdiscrete]:
        if isinstance(name, str) and name not in ("levy_stable", "poisson_binom"):
            made[name] = getattr(stats, name)(*parameters)
    return {
        **made,
        "vonmises_line": stats.vonmises_line(1.0),
        "reciprocal": stats.reciprocal(1.0, 2.0),
        "keywords": stats.norm(loc=1.0, scale=np.float64(2.0)),
    }


@pytest.mark.parametrize("writer", WRITERS)
def test_every_distribution_comes_back(writer: str, daemon: Daemon) -> None:
    frozen = distributions()
    assert len(frozen) > 110
    wrong = []
    for name, theirs in frozen.items():
        try:
            ours = loaded(theirs, daemon, writer)
        except loadlock.Refused as refused:
            wrong.append(f"{name}: {str(refused)[:200]}")
            continue
        if (ours.args, ours.kwds, ours.dist.name) != (theirs.args, theirs.kwds, theirs.dist.name):
            wrong.append(f"{name}: other parameters")
    assert not wrong, "\n".join(wrong)
    ours = loaded(frozen["gamma"], daemon, writer)
    assert same(ours.rvs(5, random_state=0), frozen["gamma"].rvs(5, random_state=0))


@pytest.mark.parametrize("writer", WRITERS)
def test_partials_kernels_and_dates_answer_as_before(writer: str, daemon: Daemon) -> None:
    for name, (model, ask) in holders().items():
        assert same(ask(loaded(model, daemon, writer)), ask(model)), name


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


def _made_of_keys() -> dict[str, bytes]:
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
            rebuilt + op.MARK + name + op.global_("builtins", "dict") + _bare(found) + op.TUPLE + op.REDUCE
            + _bare(state) + op.BUILD
        )
        for key, found in items.items()
    }  # fmt: skip


def test_the_untouched_twin_of_forged_keys_is_accepted(daemon: Daemon) -> None:
    assert daemon.audit_bytes(_made_of_keys()["item-good"]).verdict == ACCEPTED


def _bare(thing: Any) -> bytes:
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
    "keys": lambda: {name: data for name, data in _made_of_keys().items() if name != "item-good"},
    "functions": _forged_functions,
    "partials": _forged_partials,
}


@pytest.mark.parametrize("family", FORGED)
def test_forged_ones_are_refused(family: str, daemon: Daemon) -> None:
    wrong = []
    for name, data in FORGED[family]().items():
        report = daemon.audit_bytes(data)
        malformed = "MALFORMED" in error_rules(report) and name != "interp-slot-twice"
        if report.verdict != REFUSED or malformed:
            wrong.append((name, error_rules(report)))
    assert not wrong


def test_names_of_an_interpolation_stand_nowhere_else(daemon: Daemon) -> None:
    """Its functions, and getattr, at its own place only."""
    call = op.global_("scipy.interpolate._interpolate", "interp1d._call_linear")
    for stream in (
        op.stack_global("scipy.interpolate._interpolate", "interp1d._call_linear"),
        op.EMPTY_LIST
        + op.stack_global("scipy.interpolate._interpolate", "interp1d._call_linear")
        + op.APPEND,
        call,
    ):
        report = daemon.audit_bytes(op.stream(stream))
        assert report.verdict == REFUSED
        assert error_rules(report) <= {"NAME_NOT_HERE", "NAME_NOT_LISTED"}, errors(report)


@pytest.mark.parametrize("name", ["__init__", "__class__", "_call_linear.__globals__"])
def test_getattr_takes_a_plain_function_of_its_own_class(name: str, daemon: Daemon) -> None:
    """What is left out is looked at none the less: in protocol 2 a function of a class is a call."""
    state = interpolate.interp1d(PLACES, VALUES).__reduce_ex__(2)[2]
    state[0].pop("_call")
    own = op.global_("scipy.interpolate._interpolate", "interp1d")
    for cls, wanted in ((own, "_call_linear_np"), (own, name), (op.global_("os", "environ"), "_call_linear")):
        found = op.global_("builtins", "getattr") + cls + _bare(wanted) + op.TUPLE2 + op.REDUCE
        dicts = _bare(state[0]) + _bare("_call") + found + op.SETITEM + _bare(state[1]) + op.TUPLE2
        data = op.stream(own + op.EMPTY_TUPLE + op.NEWOBJ + dicts + op.BUILD)
        assert (daemon.audit_bytes(data).verdict == REFUSED) == (wanted != "_call_linear_np"), wanted


def test_a_partial_is_of_the_function_that_stands_there(daemon: Daemon) -> None:
    """What two readers of a state could take for two functions is refused."""
    function = functools.partial(mutual_info_classif, random_state=0)

    def other(reduction: Any) -> Any:
        made, args, (_, positional, keywords, attributes) = reduction
        return made, args, (fbeta_score, positional, keywords, attributes)

    data = dump(SelectKBest(function), {functools.partial: other}, "pickle-5")
    assert daemon.audit_bytes(data).verdict == REFUSED
