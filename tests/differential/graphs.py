"""Two object graphs side by side: types, attributes, arrays bit for bit, and what is shared."""

from __future__ import annotations

import functools
import types
from typing import Any

import numpy as np
from scipy import sparse

# What loadlock forces or leaves out on purpose (deploy/policies), whatever the file said; and an id().
FORCED = {"n_jobs", "memory", "_n_threads", "_cached_dict", "_stop_words_id"}
LEFT_OUT = {
    "IsotonicRegression": {"f_"},
    "HistGradientBoostingClassifier": {"_raw_predict"},
    "HistGradientBoostingRegressor": {"_raw_predict"},
}
EVERYWHERE_LEFT_OUT = {"sparse_coef_"}
# scipy finds these out anew.
SPARSE_PARTS = ("data", "indices", "indptr", "row", "col", "offsets")
ATOMS = (
    type(None),
    bool,
    int,
    float,
    complex,
    str,
    bytes,
    type(Ellipsis),
    type(NotImplemented),
    np.dtype,
    np.generic,
    np.ufunc,
    type,
    types.FunctionType,
    types.BuiltinFunctionType,
)


class Comparison:
    """Finds the first difference of two graphs."""

    def __init__(self) -> None:
        self.partners: dict[int, int] = {}
        self.taken: set[int] = set()
        # So that no id is used twice.
        self.kept: list[Any] = []
        self.stack: list[tuple[str, Any, Any]] = []

    def run(self, ours: Any, theirs: Any) -> str:
        """Where and how they differ; empty if they do not."""
        self.stack.append(("$", ours, theirs))
        while self.stack:
            path, left, right = self.stack.pop()
            why = self.compare(path, left, right)
            if why:
                return f"{path}: {why}"
        return ""

    def compare(self, path: str, ours: Any, theirs: Any) -> str:
        if type(ours) is np.matrix and type(theirs) is np.ndarray:
            # joblib.load forgets the class with numpy 2, which has no __array_prepare__.
            same = ours.shape == theirs.shape and ours.dtype == theirs.dtype
            return "" if same and ours.tobytes() == theirs.tobytes() else "another matrix"
        if type(ours) is not type(theirs):
            return f"{type(ours)} is not {type(theirs)}"
        if isinstance(ours, ATOMS) or (callable(ours) and hasattr(ours, "__qualname__")):
            return "" if same_atom(ours, theirs) else f"{ours!r:.100} is not {theirs!r:.100}"
        if id(theirs) in self.partners:
            return "" if self.partners[id(theirs)] == id(ours) else "not shared as there"
        # Equal tuples may be one: nobody can change them.
        if type(ours) is not tuple and id(ours) in self.taken:
            return "shared, and there it is not"
        self.partners[id(theirs)] = id(ours)
        self.taken.add(id(ours))
        self.kept += [ours, theirs]
        return self.compare_parts(path, ours, theirs)

    def compare_parts(self, path: str, ours: Any, theirs: Any) -> str:
        if isinstance(ours, np.ma.MaskedArray):
            self.push(
                path,
                (ours.data.view(np.ndarray), ours.mask, ours.fill_value),
                (theirs.data.view(np.ndarray), theirs.mask, theirs.fill_value),
            )
            return ""
        if isinstance(ours, np.ndarray):
            return self.compare_arrays(path, ours, theirs)
        if isinstance(ours, dict):
            return self.compare_dicts(path, ours, theirs)
        if isinstance(ours, list | tuple):
            if len(ours) != len(theirs):
                return f"length {len(ours)} is not {len(theirs)}"
            self.push(path, ours, theirs)
            return ""
        if isinstance(ours, set | frozenset):
            return "" if ours == theirs else "sets differ"
        if sparse.issparse(ours):
            return self.compare_sparse(path, ours, theirs)
        if isinstance(ours, functools.partial):
            self.push(
                path, (ours.func, ours.args, ours.keywords), (theirs.func, theirs.args, theirs.keywords)
            )
            return ""
        return self.compare_instances(path, ours, theirs)

    def push(self, path: str, ours: Any, theirs: Any) -> None:
        for index, (left, right) in enumerate(zip(ours, theirs, strict=True)):
            self.stack.append((f"{path}[{index}]", left, right))

    def compare_arrays(self, path: str, ours: Any, theirs: Any) -> str:
        if ours.dtype != theirs.dtype or ours.shape != theirs.shape:
            return f"{ours.dtype}{ours.shape} is not {theirs.dtype}{theirs.shape}"
        if ours.dtype.hasobject:
            self.push(path, ours.ravel().tolist(), theirs.ravel().tolist())
            return ""
        if ours.dtype.names:  # what lies between the fields is nobody's
            for name in ours.dtype.names:
                self.stack.append((f"{path}[{name!r}]", ours[name].copy(), theirs[name].copy()))
            return ""
        if ours.ndim > 1 and ours.flags.f_contiguous != theirs.flags.f_contiguous:
            return "another order"
        return "" if ours.tobytes() == theirs.tobytes() else "other values"

    def compare_dicts(self, path: str, ours: dict[Any, Any], theirs: dict[Any, Any]) -> str:
        if [repr(key) for key in ours] != [repr(key) for key in theirs]:
            return f"keys {list(ours)!r:.200} are not {list(theirs)!r:.200}"
        for (key, left), right in zip(ours.items(), theirs.values(), strict=True):
            self.stack.append((f"{path}[{key!r}]", left, right))
        return ""

    def compare_sparse(self, path: str, ours: Any, theirs: Any) -> str:
        if ours.shape != theirs.shape or ours.format != theirs.format:
            return "another shape or format"
        for part in SPARSE_PARTS:
            if hasattr(theirs, part):
                self.stack.append((f"{path}.{part}", getattr(ours, part), getattr(theirs, part)))
        return ""

    def compare_instances(self, path: str, ours: Any, theirs: Any) -> str:
        kind = type(ours)
        if kind.__module__.startswith("scipy.stats"):
            return self.compare_distributions(path, ours, theirs)
        if hasattr(ours, "__dict__") and "BSpline" not in kind.__name__:
            return self.compare_states(path, vars(ours), vars(theirs), kind.__name__)
        if isinstance(ours, np.random.RandomState):
            left, right = ours.get_state(legacy=False), theirs.get_state(legacy=False)
        elif isinstance(ours, np.random.Generator):
            left, right = ours.bit_generator.state, theirs.bit_generator.state
        elif "BSpline" in kind.__name__:
            left, right = (
                (ours.t, ours.c, ours.k, ours.extrapolate),
                (theirs.t, theirs.c, theirs.k, theirs.extrapolate),
            )
        else:
            left, right = ours.__reduce__()[1:], theirs.__reduce__()[1:]
        self.stack.append((f"{path}()", left, right))
        return ""

    def compare_distributions(self, path: str, ours: Any, theirs: Any) -> str:
        if hasattr(ours, "kwds"):
            self.stack.append((path, (ours.args, ours.kwds), (theirs.args, theirs.kwds)))
            return "" if ours.dist.name == theirs.dist.name else "another distribution"
        return "" if ours.name == theirs.name else "another distribution"

    def compare_states(self, path: str, ours: dict[str, Any], theirs: dict[str, Any], kind: str) -> str:
        out = EVERYWHERE_LEFT_OUT | LEFT_OUT.get(kind, set())
        wanted = {key: value for key, value in theirs.items() if key not in out}
        found = {key: value for key, value in ours.items() if key not in out}
        if found.keys() != wanted.keys():
            return f"attributes differ: {sorted(found.keys() ^ wanted.keys())}"
        for key, right in wanted.items():
            if key not in FORCED:
                self.stack.append((f"{path}.{key}", found[key], right))
        return ""


def same_atom(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, float | np.floating | complex | np.complexfloating):
        return np.asarray(ours).tobytes() == np.asarray(theirs).tobytes()
    if isinstance(ours, np.generic):
        return bool(ours.dtype == theirs.dtype and ours.tobytes() == theirs.tobytes())
    return bool(ours == theirs)


def difference(ours: Any, theirs: Any) -> str:
    """The first difference of two graphs, or nothing."""
    return Comparison().run(ours, theirs)
