"""Arrays, scalars and random states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from loadlock._errors import RebuildError

if TYPE_CHECKING:
    import numpy.typing as npt

    from loadlock._rebuild.buffers import Located
    from loadlock._rebuild.dtypes import DType

_ORDERS: tuple[Literal["C"], Literal["F"]] = ("C", "F")


class ArrayMaker:
    """Wraps buffers as arrays: without a copy where the memory is ours alone and aligned."""

    def __init__(self, located: Located) -> None:
        self._memories = located.memories
        self._offsets = located.offsets
        self._lengths = located.lengths
        self._take = located.take

    def array(
        self, dtype: DType, buffer: int, order: int, shape: tuple[int, ...]
    ) -> npt.NDArray[Any]:
        """A writable array over the buffer, which must have exactly the size of the shape."""
        itemsize = dtype.itemsize
        if dtype.hasobject or dtype.subdtype is not None or (shape and min(shape) < 0):
            raise RebuildError("malformed graph: dtype or shape of an array")
        if prod(shape) * itemsize != self._lengths[buffer]:
            raise RebuildError("malformed graph: an array does not fill its buffer")
        offset = self._offsets[buffer]
        view: npt.NDArray[Any] = np.ndarray(
            shape, dtype, self._memories[buffer], offset, None, _ORDERS[order]
        )
        if not self._take(buffer, dtype.alignment):
            view = view.copy(order="K")
        return view


def object_array(
    elements: Sequence[Any], order: int, shape: tuple[int, ...]
) -> npt.NDArray[np.object_]:
    """An array of references, elements in row-major order whatever the memory order."""
    if prod(shape) != len(elements) or (shape and min(shape) < 0):
        raise RebuildError("malformed graph: an object array has the wrong number of elements")
    # fromiter stores each element as it is; an assignment would look into sequences.
    array = np.fromiter(elements, dtype=object, count=len(elements)).reshape(shape)
    return array if order == 0 else np.asfortranarray(array)


def scalar(dtype: DType, raw: bytes) -> Any:
    """A numpy scalar from the bytes of exactly one item."""
    if dtype.hasobject or len(raw) != dtype.itemsize:
        raise RebuildError("malformed graph: bytes of a scalar")
    value = np.ndarray((), dtype, raw)[()]
    # A record scalar is a view; the copy lets go of the graph's bytes.
    return value.copy() if dtype.names is not None else value


def _integer(state: Mapping[str, Any], key: str, bits: int) -> int:
    value = state.get(key)
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise RebuildError(f"state of a bit generator: {key} is not an integer")
    if not 0 <= value < 1 << bits:
        raise RebuildError(f"state of a bit generator: {key} is out of range")
    return int(value)


def _words(state: Mapping[str, Any], key: str, dtype: type[Any], count: int) -> Any:
    value = state.get(key)
    if type(value) is not np.ndarray or value.dtype != dtype or value.shape != (count,):
        raise RebuildError(f"state of a bit generator: {key} is not an array of {count} words")
    return value


def _inner(state: Mapping[str, Any]) -> Mapping[str, Any]:
    inner = state.get("state")
    if type(inner) is not dict:
        raise RebuildError("state of a bit generator is not a dict")
    return inner


def _pcg64_state(state: Mapping[str, Any]) -> dict[str, Any]:
    inner = _inner(state)
    return {
        "state": {"state": _integer(inner, "state", 128), "inc": _integer(inner, "inc", 128)},
        "has_uint32": _integer(state, "has_uint32", 1),
        "uinteger": _integer(state, "uinteger", 32),
    }


def _mt19937_state(state: Mapping[str, Any]) -> dict[str, Any]:
    inner = _inner(state)
    # The generator indexes its 624 words by pos without a look.
    pos = _integer(inner, "pos", 10)
    if pos > 624:
        raise RebuildError("state of a bit generator: pos is out of range")
    return {"state": {"key": _words(inner, "key", np.uint32, 624), "pos": pos}}


def _philox_state(state: Mapping[str, Any]) -> dict[str, Any]:
    inner = _inner(state)
    pos = _integer(state, "buffer_pos", 3)
    if pos > 4:
        raise RebuildError("state of a bit generator: buffer_pos is out of range")
    return {
        "state": {
            "counter": _words(inner, "counter", np.uint64, 4),
            "key": _words(inner, "key", np.uint64, 2),
        },
        "buffer": _words(state, "buffer", np.uint64, 4),
        "buffer_pos": pos,
        "has_uint32": _integer(state, "has_uint32", 1),
        "uinteger": _integer(state, "uinteger", 32),
    }


def _sfc64_state(state: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "state": {"state": _words(_inner(state), "state", np.uint64, 4)},
        "has_uint32": _integer(state, "has_uint32", 1),
        "uinteger": _integer(state, "uinteger", 32),
    }


_BIT_GENERATORS: dict[str, Any] = {
    "MT19937": (np.random.MT19937, _mt19937_state),
    "PCG64": (np.random.PCG64, _pcg64_state),
    "PCG64DXSM": (np.random.PCG64DXSM, _pcg64_state),
    "Philox": (np.random.Philox, _philox_state),
    "SFC64": (np.random.SFC64, _sfc64_state),
}


def bit_generator(name: str, state: Any) -> Any:
    """A bit generator of numpy's own in a checked state."""
    if name not in _BIT_GENERATORS or type(state) is not dict:
        raise RebuildError(f"unknown bit generator {name[:64]!a}")
    cls, checked = _BIT_GENERATORS[name]
    # A seed, because without one numpy asks the system for entropy that is then thrown away.
    generator = cls(0)
    generator.state = {"bit_generator": name, **checked(state)}
    return generator


def random_state(generator: Any, has_gauss: int, gauss: float) -> np.random.RandomState:
    """A RandomState over the bit generator, with the second normal of a pair if it keeps one."""
    if has_gauss not in (0, 1):
        raise RebuildError("malformed graph: a RandomState")
    made = np.random.RandomState(generator)
    if has_gauss or gauss:
        made.set_state({**generator.state, "has_gauss": has_gauss, "gauss": gauss})
    return made


def generator(bits: Any) -> np.random.Generator:
    """A Generator over the bit generator."""
    return np.random.Generator(bits)
