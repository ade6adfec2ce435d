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
    # scipy 1.15 renamed what it stores.
    knots = _array(call, state, "_t" if "_t" in state else "t")
    coefficients = _array(call, state, "_c" if "_c" in state else "c")
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
    """MaskedArray from the bytes of its data, or its objects, and of its mask."""
    call.only(state=True)
    state = call.state
    if type(state) is not tuple or len(state) != 7:
        raise call.fail("its state is not that of a masked array")
    _, shape, dtype, fortran, data, mask, fill = state
    if type(shape) is not tuple or not all(map(_is_size, shape)):
        raise call.fail("its shape")
    if not isinstance(dtype, np.dtype) or dtype.names is not None:
        raise call.fail("its dtype")
    if type(mask) is not bytes or type(fortran) is not bool:
        raise call.fail("its mask")
    order: Literal["C", "F"] = "F" if fortran else "C"
    hidden = np.frombuffer(mask, bool).reshape(shape, order=order).copy(order)
    if dtype.hasobject:
        values = _objects(call, shape, dtype, data)
    elif type(data) is bytes:
        values = np.frombuffer(data, dtype).reshape(shape, order=order).copy(order)
    else:
        raise call.fail("its data")
    made = np.ma.MaskedArray(values, hidden)
    # As its own pickling writes it: None, or an array without dimensions.
    if fill is not None:
        made.fill_value = fill
    return made


def _objects(call: Call, shape: Any, dtype: np.dtype[Any], items: Any) -> np.ndarray[Any, Any]:
    """Listed in row-major order whatever the layout."""
    values = np.empty(shape, dtype)
    if dtype != np.dtype(object) or type(items) is not list or len(items) != values.size:
        raise call.fail("its objects")
    flat = values.reshape(-1)
    for place, item in enumerate(items):
        flat[place] = item
    return values


def matrix(call: Call) -> Any:
    """A matrix over an array of two dimensions."""
    call.only()
    call.arity(1)
    (array,) = call.args
    if type(array) is not np.ndarray or array.ndim != 2 or array.dtype.hasobject:
        raise call.fail("not of an array of two dimensions")
    return array.view(np.matrix)


def distribution(call: Call) -> Any:
    """The own object of scipy: what the file says of it beside its name is not read."""
    call.only(state=True)
    call.arity(0)
    name = call.dict_state().get("name")
    if type(name) is not str or name not in _distribution_names(call.name.name):
        raise call.fail("its name is that of another distribution")
    return import_name(Name("scipy.stats", name))


def _distribution_names(cls: str) -> tuple[str, ...]:
    """As scipy calls its objects of the class; most have the name of the class."""
    return _OTHER_NAMES.get(cls, (cls.removesuffix("_gen"),))


def frozen_distribution(call: Call) -> Any:
    """A distribution with its parameters."""
    call.only(state=True)
    call.arity(0)
    state = call.dict_state()
    made, args, keywords = state.get("dist"), state.get("args"), state.get("kwds")
    if not isinstance(made, import_name(Name("scipy.stats", "rv_continuous"))) and not isinstance(
        made, import_name(Name("scipy.stats", "rv_discrete"))
    ):
        raise call.fail("not of a distribution")
    if type(args) is not tuple or type(keywords) is not dict:
        raise call.fail("its parameters")
    if not all(map(_is_finite, (*args, *keywords.values()))):
        raise call.fail("a parameter that is no finite number")
    return made(*args, **keywords)


def _is_finite(value: Any) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating)) and bool(np.isfinite(value))


_SPARSE_MODULES = {
    "csr": ("scipy.sparse._csr", "scipy.sparse._arrays", "scipy.sparse.csr"),
    "csc": ("scipy.sparse._csc", "scipy.sparse._arrays", "scipy.sparse.csc"),
    "bsr": ("scipy.sparse._bsr", "scipy.sparse._arrays", "scipy.sparse.bsr"),
    "coo": ("scipy.sparse._coo", "scipy.sparse._arrays", "scipy.sparse.coo"),
    "dia": ("scipy.sparse._dia", "scipy.sparse._arrays", "scipy.sparse.dia"),
}
_OTHER_NAMES = {
    "reciprocal_gen": ("reciprocal", "loguniform"),
    "skew_norm_gen": ("skewnorm",),
    "vonmises_gen": ("vonmises", "vonmises_line"),
}
_FROZEN = ("rv_continuous_frozen", "rv_discrete_frozen")
_DISTRIBUTION_MODULES = ("scipy.stats._continuous_distns", "scipy.stats._discrete_distns")
_SPARSE_FACTORIES = {
    **dict.fromkeys(_COMPRESSED, compressed),
    **dict.fromkeys(_COORDINATE, coordinate),
    **dict.fromkeys(_DIAGONAL, diagonal),
}

OBJECTS: dict[Name, Factory] = {
    Name("scipy.interpolate._bsplines", "BSpline"): b_spline,
    **{Name("scipy.stats._distn_infrastructure", name): frozen_distribution for name in _FROZEN},
    **{
        Name(module, name): factory
        for name, factory in _SPARSE_FACTORIES.items()
        for module in _SPARSE_MODULES[name[:3]]
    },
}


def for_distribution(name: Name) -> Factory | None:
    """Every class of scipy's distributions; which of them a file may name, the policy says."""
    if name.module in _DISTRIBUTION_MODULES and name.name.endswith("_gen"):
        return distribution
    return None


CALLS: dict[Name, Factory] = {
    Name("numpy.ma.core", "_mareconstruct"): masked_array,
    Name("numpy", "matrix"): matrix,
}
