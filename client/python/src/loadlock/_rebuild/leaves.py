"""Values that need no other node: filled kind by kind, so that a node costs no call."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from loadlock._errors import RebuildError
from loadlock._rebuild import dtypes
from loadlock._rebuild import kinds as k

if TYPE_CHECKING:
    from loadlock._rebuild.buffers import Located
    from loadlock._rebuild.columns import Columns

_SINGLETONS = {
    k.NONE: None,
    k.TRUE: True,
    k.FALSE: False,
    k.ELLIPSIS: ...,
    k.NOT_IMPLEMENTED: NotImplemented,
}
# What may be a key or a member: nothing whose __hash__ or __eq__ is Python code of an artifact.
# Optimizers keep their state by parameter, which torch hashes by identity.
HASHABLE = frozenset(
    {*_SINGLETONS, k.INT, k.BIG_INT, k.FLOAT, k.COMPLEX, k.STR, k.BYTES, k.BYTES_BUFFER,
     k.TUPLE_INT, k.TUPLE_FLOAT, k.TUPLE_STR, k.FROZENSET, k.SCALAR, k.RANGE, k.PARAMETER}
)  # fmt: skip


def fill(
    columns: Columns, located: Located, by_kind: dict[int, list[int]], values: list[Any]
) -> list[int]:
    """Sets the values of all leaves; returns which nodes these are."""
    filled: list[int] = []
    starts, operands = columns.starts, columns.operands
    for kind, nodes in by_kind.items():
        if kind in _SINGLETONS:
            value = _SINGLETONS[kind]
            for node in nodes:
                values[node] = value
        elif kind in (k.INT, k.FLOAT, k.STR):
            pool = _pool(columns, kind)
            for node in nodes:
                values[node] = pool[operands[starts[node]]]
        elif kind in _MAKERS:
            make = _MAKERS[kind]
            for node in nodes:
                start = starts[node]
                values[node] = make(columns, located, *operands[start : start + _COUNT[kind]])
        else:
            continue
        filled += nodes
    return filled


def _pool(columns: Columns, kind: int) -> list[Any]:
    if kind == k.INT:
        return columns.ints
    return columns.floats if kind == k.FLOAT else columns.strings


def run_of(pool: list[Any], first: int, count: int) -> list[Any]:
    """A run of a pool; a slice alone would be silently short."""
    run = pool[first : first + count]
    if len(run) != count:
        raise RebuildError("malformed graph: a run leaves its pool")
    return run


def str_dict(keys: list[str], items: list[Any]) -> dict[str, Any]:
    """A dict; two readers could choose between equal keys, so there may be none."""
    made = dict(zip(keys, items, strict=True))
    if len(made) != len(keys):
        raise RebuildError("malformed graph: a key twice")
    return made


def _big_int(columns: Columns, _: Located, blob: int) -> int:
    return int.from_bytes(columns.blobs[blob], "little", signed=True)


def _complex(columns: Columns, _: Located, real: int, imaginary: int) -> complex:
    return complex(columns.floats[real], columns.floats[imaginary])


def _bytes(columns: Columns, _: Located, blob: int) -> bytes:
    return columns.blobs[blob]


def _bytearray(columns: Columns, _: Located, blob: int) -> bytearray:
    return bytearray(columns.blobs[blob])


def _bytes_buffer(_: Columns, located: Located, buffer: int) -> bytes:
    return located.read(buffer)


def _bytearray_buffer(_: Columns, located: Located, buffer: int) -> bytearray:
    return bytearray(located.read(buffer))


def _dtype(columns: Columns, _: Located, string: int) -> Any:
    return dtypes.from_typestr(columns.strings[string])


def _int_list(columns: Columns, _: Located, first: int, count: int) -> list[int]:
    return run_of(columns.ints, first, count)


def _float_list(columns: Columns, _: Located, first: int, count: int) -> list[float]:
    return run_of(columns.floats, first, count)


def _str_list(columns: Columns, _: Located, first: int, count: int) -> list[str]:
    return run_of(columns.strings, first, count)


def _int_tuple(columns: Columns, _: Located, first: int, count: int) -> tuple[int, ...]:
    return tuple(run_of(columns.ints, first, count))


def _float_tuple(columns: Columns, _: Located, first: int, count: int) -> tuple[float, ...]:
    return tuple(run_of(columns.floats, first, count))


def _str_tuple(columns: Columns, _: Located, first: int, count: int) -> tuple[str, ...]:
    return tuple(run_of(columns.strings, first, count))


def _str_int_dict(
    columns: Columns, _: Located, keys: int, items: int, count: int
) -> dict[str, int]:
    return str_dict(run_of(columns.strings, keys, count), run_of(columns.ints, items, count))


def _str_float_dict(
    columns: Columns, _: Located, keys: int, items: int, count: int
) -> dict[str, float]:
    return str_dict(run_of(columns.strings, keys, count), run_of(columns.floats, items, count))


_MAKERS: dict[int, Callable[..., Any]] = {
    k.BIG_INT: _big_int,
    k.COMPLEX: _complex,
    k.BYTES: _bytes,
    k.BYTEARRAY: _bytearray,
    k.BYTES_BUFFER: _bytes_buffer,
    k.BYTEARRAY_BUFFER: _bytearray_buffer,
    k.DTYPE: _dtype,
    k.LIST_INT: _int_list,
    k.LIST_FLOAT: _float_list,
    k.LIST_STR: _str_list,
    k.TUPLE_INT: _int_tuple,
    k.TUPLE_FLOAT: _float_tuple,
    k.TUPLE_STR: _str_tuple,
    k.DICT_STR_INT: _str_int_dict,
    k.DICT_STR_FLOAT: _str_float_dict,
}
_COUNT = k.OPERANDS
