"""Factories of numpy and scipy: always the public constructor, from checked parts."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from loadlock._rebuild.factories.call import Call, Factory, is_int
from loadlock._rebuild.names import Name, import_name

_COMPRESSED = ("csr_matrix", "csc_matrix", "bsr_matrix", "csr_array", "csc_array", "bsr_array")
_COORDINATE = ("coo_matrix", "coo_array")
_DIAGONAL = ("dia_matrix", "dia_array")


def _array(call: Call, state: dict[str, Any], key: str) -> np.ndarray[Any, Any]:
    value = state.get(key)
    if type(value) is not np.ndarray or value.dtype.hasobject:
        raise call.fail(f"{key} is not an array")
    return value


def _sparse_shape(call: Call, state: dict[str, Any]) -> tuple[int, int]:
    shape = state.get("_shape")
    if type(shape) is not tuple or len(shape) != 2 or not all(map(_is_size, shape)):
        raise call.fail("its shape is not two sizes")
    return int(shape[0]), int(shape[1])


def _is_size(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and type(value) is not bool and bool(value >= 0)


def compressed(call: Call) -> Any:
    """csr, csc and bsr: indices are checked, cached flags are found out anew."""
    call.only(state=True)
    call.arity(0)
    state = call.dict_state()
    parts = tuple(_array(call, state, key) for key in ("data", "indices", "indptr"))
    made = _sparse_class(call)(parts, shape=_sparse_shape(call, state), copy=False)
    made.check_format(full_check=True)
    # scipy narrows indices that fit; the file's own, with the same values, are kept as they came.
    made.indices, made.indptr = parts[1:]
    return made


def coordinate(call: Call) -> Any:
    """coo: the constructor checks that coordinates lie inside the shape."""
    call.only(state=True)
    call.arity(0)
    state = call.dict_state()
    if "coords" in state:
        coords = state["coords"]
        if type(coords) is not tuple or len(coords) != 2:
            raise call.fail("its coordinates are not two arrays")
        row, column = coords
    else:
        row, column = state.get("row"), state.get("col")
    if type(row) is not np.ndarray or type(column) is not np.ndarray:
        raise call.fail("its coordinates are not two arrays")
    data = _array(call, state, "data")
    return _sparse_class(call)((data, (row, column)), shape=_sparse_shape(call, state))


def diagonal(call: Call) -> Any:
    """dia: the constructor checks that there is one offset a diagonal, and none twice."""
    call.only(state=True)
    call.arity(0)
    state = call.dict_state()
    data, offsets = _array(call, state, "data"), _array(call, state, "offsets")
    rows, columns = _sparse_shape(call, state)
    # Its native loops read data by the offsets.
    if data.ndim != 2 or offsets.ndim != 1 or offsets.dtype.kind != "i":
        raise call.fail("its diagonals")
    if data.shape[1] > columns or (np.abs(offsets.astype("i8")) > max(rows, columns)).any():
        raise call.fail("its offsets")
    return _sparse_class(call)((data, offsets), shape=(rows, columns))


def _sparse_class(call: Call) -> Any:
    return import_name(Name("scipy.sparse", call.name.name))


def b_spline(call: Call) -> Any:
    """BSpline(t, c, k, extrapolate): the constructor checks knots and degree."""
    call.only(state=True)
    call.arity(0)
    state = call.dict_state()
    knots, coefficients = _array(call, state, "t"), _array(call, state, "c")
    degree, extrapolate = state.get("k"), state.get("extrapolate")
    if not is_int(degree) or not 0 <= degree <= 64:
        raise call.fail("its degree")
    if type(extrapolate) is not bool and extrapolate != "periodic":
        raise call.fail("extrapolate")
    if state.get("axis", 0) != 0 or not np.isfinite(knots).all():
        raise call.fail("its axis or knots")
    cls = import_name(Name("scipy.interpolate", "BSpline"))
    return cls(knots, coefficients, degree, extrapolate=extrapolate)


def masked_array(call: Call) -> Any:
    """MaskedArray from the bytes of its data and mask."""
    call.only(state=True)
    state = call.state
    if type(state) is not tuple or len(state) != 7:
        raise call.fail("its state is not that of a masked array")
    _, shape, dtype, fortran, data, mask, fill = state
    if type(shape) is not tuple or not all(map(_is_size, shape)):
        raise call.fail("its shape")
    if not isinstance(dtype, np.dtype) or dtype.hasobject or dtype.names is not None:
        raise call.fail("its dtype")
    if type(data) is not bytes or type(mask) is not bytes or type(fortran) is not bool:
        raise call.fail("its data or mask")
    order: Literal["C", "F"] = "F" if fortran else "C"
    values = np.frombuffer(data, dtype).reshape(shape, order=order).copy(order)
    hidden = np.frombuffer(mask, bool).reshape(shape, order=order).copy(order)
    return np.ma.MaskedArray(values, hidden, fill_value=fill)


def seed_sequence(call: Call) -> Any:
    """SeedSequence(entropy, spawn_key, pool_size), the pool computed anew."""
    call.only(state=True)
    state = call.state
    if type(state) is not tuple or len(state) != 5:
        raise call.fail("its state")
    entropy, spawned, _, pool_size, spawn_key = state
    if not is_int(spawned) or not is_int(pool_size) or not 4 <= pool_size <= 64:
        raise call.fail("its pool or count of children")
    return np.random.SeedSequence(
        entropy, spawn_key=spawn_key, pool_size=pool_size, n_children_spawned=spawned
    )


_SPARSE_MODULES = {
    "csr": ("scipy.sparse._csr", "scipy.sparse._arrays", "scipy.sparse.csr"),
    "csc": ("scipy.sparse._csc", "scipy.sparse._arrays", "scipy.sparse.csc"),
    "bsr": ("scipy.sparse._bsr", "scipy.sparse._arrays", "scipy.sparse.bsr"),
    "coo": ("scipy.sparse._coo", "scipy.sparse._arrays", "scipy.sparse.coo"),
    "dia": ("scipy.sparse._dia", "scipy.sparse._arrays", "scipy.sparse.dia"),
}
_SPARSE_FACTORIES = {
    **dict.fromkeys(_COMPRESSED, compressed),
    **dict.fromkeys(_COORDINATE, coordinate),
    **dict.fromkeys(_DIAGONAL, diagonal),
}

OBJECTS: dict[Name, Factory] = {
    Name("scipy.interpolate._bsplines", "BSpline"): b_spline,
    **{
        Name(module, name): factory
        for name, factory in _SPARSE_FACTORIES.items()
        for module in _SPARSE_MODULES[name[:3]]
    },
}
CALLS: dict[Name, Factory] = {
    Name("numpy.ma.core", "_mareconstruct"): masked_array,
    Name("numpy.random.bit_generator", "__pyx_unpickle_SeedSequence"): seed_sequence,
}
