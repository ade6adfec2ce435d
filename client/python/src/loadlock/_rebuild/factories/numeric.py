"""Factories of numpy's values that are no arrays, and of arrays with named fields."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

import numpy as np

from loadlock._rebuild.factories.call import Call, Factory, is_int
from loadlock._rebuild.names import Name, import_name

_SERIES = {
    "polynomial": "Polynomial",
    "chebyshev": "Chebyshev",
    "legendre": "Legendre",
    "hermite": "Hermite",
    "hermite_e": "HermiteE",
    "laguerre": "Laguerre",
}
_RESULTS = ("EigResult", "EighResult", "QRResult", "SlogdetResult", "SVDResult")
_RECORD_MODULES = ("numpy", "numpy.rec", "numpy.core.records", "numpy._core.records")


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


def _numbers(call: Call, value: Any) -> np.ndarray[Any, Any]:
    if type(value) is not np.ndarray or value.ndim != 1 or value.dtype.kind not in "biufc":
        raise call.fail("not a vector of numbers")
    return value


def _symbol(call: Call, value: Any) -> str:
    if type(value) is not str or not value.isidentifier():
        raise call.fail("its variable")
    return value


def poly1d(call: Call) -> Any:
    """Of its coefficients and the name of its variable."""
    call.only(state=True)
    call.arity(0)
    state = call.dict_state()
    coefficients = _numbers(call, state.get("coeffs", state.get("_coeffs")))
    variable = _symbol(call, state.get("_variable", state.get("variable", "x")))
    return np.poly1d(coefficients, variable=variable)


def series(call: Call) -> Any:
    """Of its coefficients, domain and window."""
    call.only(state=True)
    call.arity(0)
    state = call.dict_state()
    coefficients, domain, window = (
        _numbers(call, state.get(key)) for key in ("coef", "domain", "window")
    )
    cls = import_name(Name("numpy.polynomial", call.name.name))
    symbol = _symbol(call, state.get("_symbol", state.get("symbol", "x")))
    # Since numpy 1.24.
    named = "symbol" in inspect.signature(cls).parameters
    made = cls(coefficients, domain, window, **({"symbol": symbol} if named else {}))
    # The constructor makes floats of what some versions keep as integers.
    made.domain, made.window = domain, window
    return made


def _array(call: Call) -> np.ndarray[Any, Any]:
    call.only()
    call.arity(1)
    (array,) = call.args
    if type(array) is not np.ndarray or array.dtype.hasobject:
        raise call.fail("not of an array")
    return array


def recarray(call: Call) -> Any:
    """A view of an array; fields are attributes."""
    return _array(call).view(np.recarray)


def record(call: Call) -> Any:
    """One item with fields."""
    array = _array(call)
    if array.ndim != 0 or array.dtype.names is None:
        raise call.fail("not one item with fields")
    if call.name.name == "record":
        array = array.view(np.dtype((np.record, array.dtype)))
    # A copy: a record of numpy is a view of its array.
    return array[()].copy()


def result(call: Call) -> Any:
    """A named tuple of numpy.linalg; a plain one where numpy has none yet."""
    call.only()
    if not all(isinstance(part, (np.ndarray, np.generic)) for part in call.args):
        raise call.fail("not of arrays")
    module = importlib.import_module(
        f"numpy.linalg.{'linalg' if np.__version__ < '2' else '_linalg'}"
    )
    cls = vars(module).get(call.name.name)
    return tuple(call.args) if cls is None else cls(*call.args)


def masked(call: Call) -> Any:
    """numpy.ma.masked, of which there is one."""
    call.only()
    call.arity(0)
    return np.ma.masked


CALLS: dict[Name, Factory] = {
    Name("numpy.random.bit_generator", "__pyx_unpickle_SeedSequence"): seed_sequence,
    Name("numpy.ma.core", "MaskedConstant"): masked,
    Name("numpy", "record"): record,
    Name("numpy", "void"): record,
    **{Name(module, "recarray").canonical: recarray for module in _RECORD_MODULES},
}
OBJECTS: dict[Name, Factory] = {
    Name("numpy", "poly1d"): poly1d,
    Name("numpy.lib.polynomial", "poly1d"): poly1d,
    **{Name(f"numpy.polynomial.{module}", name): series for module, name in _SERIES.items()},
    **{
        Name(f"numpy.linalg.{module}", name): result
        for module in ("linalg", "_linalg")
        for name in _RESULTS
    },
}
