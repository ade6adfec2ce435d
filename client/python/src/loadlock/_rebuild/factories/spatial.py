"""Factories of scipy's lil and dok matrices, interp1d and cKDTree: filled, or made anew."""

from __future__ import annotations

from typing import Any

import numpy as np

from loadlock._rebuild.factories.call import Call, Factory, is_int
from loadlock._rebuild.names import Name, import_name

_KINDS = ("linear", "nearest", "nearest-up", "previous", "next")
_ELEMENTS = (bool, int, float, complex, np.number, np.bool_)


def _empty(call: Call, state: dict[str, Any]) -> Any:
    """A matrix without elements of its shape and dtype."""
    shape, dtype = state.get("_shape"), state.get("dtype")
    if type(shape) is not tuple or len(shape) != 2 or not all(map(is_int, shape)) or min(shape) < 0:
        raise call.fail("its shape is not two sizes")
    if not isinstance(dtype, np.dtype) or dtype.kind not in "biufc":
        raise call.fail("its dtype")
    return import_name(Name("scipy.sparse", call.name.name))(shape, dtype=dtype)


def _within(index: Any, size: int) -> bool:
    return (
        isinstance(index, (int, np.integer)) and type(index) is not bool and bool(0 <= index < size)
    )


def lists(call: Call) -> Any:
    """lil: for each row a list of columns and one of numbers, as they came."""
    call.only(state=True)
    call.arity(0)
    state = call.dict_state()
    parts = [state.get("rows"), state.get("data")]
    count = state.get("_shape", (0,))[0]
    if any(type(part) is not np.ndarray or part.shape != (count,) for part in parts):
        raise call.fail("its rows and data are not one list a row")
    made = _empty(call, state)
    for row, (columns, numbers) in enumerate(zip(*parts, strict=True)):
        if type(columns) is not list or type(numbers) is not list or len(columns) != len(numbers):
            raise call.fail("its rows and data are not lists")
        if not all(_within(column, made.shape[1]) for column in columns):
            raise call.fail("a column")
        if not all(isinstance(number, _ELEMENTS) for number in numbers):
            raise call.fail("an element")
        made.rows[row], made.data[row] = columns, numbers
    return made


def keys(call: Call) -> Any:
    """dok: a dict from row and column to numbers; newer versions state it as well, the same."""
    call.only(state=True, pairs=True)
    call.arity(0)
    state = call.dict_state()
    made = _empty(call, state)
    elements = state.get("_dict", call.pairs or {})
    if type(elements) is not dict:
        raise call.fail("its elements are not a dict")
    for place, number in elements.items():
        if type(place) is not tuple or len(place) != 2 or not isinstance(number, _ELEMENTS):
            raise call.fail("an element")
        if not all(map(_within, place, made.shape)):
            raise call.fail("a place")
    own = vars(made).get("_dict")
    dict.update(made if own is None else own, elements)
    return made


def interpolation(call: Call) -> Any:
    """interp1d(x, y, kind, axis): what it computed from these, and what it calls, it does again."""
    call.only(state=True)
    call.arity(0)
    state = call.dict_state()
    x, y, kind, axis = (state.get(key) for key in ("x", "y", "_kind", "axis"))
    if type(x) is not np.ndarray or type(y) is not np.ndarray or not is_int(axis):
        raise call.fail("its places and values")
    if kind == "spline":
        kind = getattr(state.get("_spline"), "k", None)
        if not is_int(kind):
            raise call.fail("its spline")
    elif kind not in _KINDS:
        raise call.fail("its kind")
    if type(state.get("bounds_error")) is not bool or "_fill_value_orig" not in state:
        raise call.fail("its bounds")
    cls = import_name(Name("scipy.interpolate", "interp1d"))
    return cls(
        x,
        y,
        kind,
        axis,
        bounds_error=state["bounds_error"],
        fill_value=state["_fill_value_orig"],
        assume_sorted=True,
    )


def kd_tree(call: Call) -> Any:
    """A tree over the points; the nodes of the file are not looked at."""
    call.only(state=True)
    call.arity(0)
    state = call.state
    if type(state) is not tuple or len(state) != 10:
        raise call.fail("its state")
    data, leaf_size, box = state[1], state[4], state[9]
    if type(data) is not np.ndarray or data.ndim != 2 or data.dtype != np.float64:
        raise call.fail("its points")
    if not is_int(leaf_size) or leaf_size < 1:
        raise call.fail("its leaves")
    if box is not None and (type(box) is not np.ndarray or box.shape != (2 * data.shape[1],)):
        raise call.fail("its box")
    cls = import_name(Name("scipy.spatial", call.name.name))
    return cls(data, leafsize=leaf_size, boxsize=None if box is None else box[: data.shape[1]])


OBJECTS: dict[Name, Factory] = {
    Name("scipy.interpolate._interpolate", "interp1d"): interpolation,
    Name("scipy.spatial._ckdtree", "cKDTree"): kd_tree,
    Name("scipy.spatial._kdtree", "KDTree"): kd_tree,
    **{
        Name(module, f"{kind}_{form}"): factory
        for kind, factory in (("lil", lists), ("dok", keys))
        for form in ("matrix", "array")
        for module in (f"scipy.sparse._{kind}", "scipy.sparse._arrays")
    },
}
