"""What scipy makes and no estimator holds: matrices of lists and keys, interpolations, trees, partials."""

from __future__ import annotations

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

from corpora.tampered import WRITERS, dump

from .daemon import Daemon

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
