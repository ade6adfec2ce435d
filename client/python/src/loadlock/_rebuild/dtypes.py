"""numpy dtypes from their canonical text, and from checked record fields."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from loadlock._errors import RebuildError

if TYPE_CHECKING:
    DType: TypeAlias = np.dtype[Any]

# Anything else that np.dtype() takes (lists, commas, names of classes) has no place here.
_TYPESTR = re.compile(
    r"[<>|=]?(b1|i[1248]|u[1248]|f(2|4|8|16)|c(8|16|32)|[SUV][0-9]{1,9}|O|"
    r"[mM]8(\[[0-9]{0,9}(Y|M|W|D|h|m|s|ms|us|ns|ps|fs|as|generic)(/[0-9]{1,9})?\])?)"
)


# Of a field that is an array itself: its shape, then the dtype of its items.
_SUBARRAY = re.compile(r"\(([1-9][0-9]*,(?:[1-9][0-9]*(?:,[1-9][0-9]*){0,6})?)\)([<>|].+)")


@lru_cache(maxsize=256)
def from_typestr(typestr: str) -> DType:
    """The dtype of a canonical typestr such as "<f8"."""
    subarray = _SUBARRAY.fullmatch(typestr)
    if subarray is not None:
        extents = tuple(int(extent) for extent in subarray[1].split(",") if extent)
        return np.dtype((from_typestr(subarray[2]), extents))
    if _TYPESTR.fullmatch(typestr) is None:
        raise RebuildError(f"not a dtype: {typestr[:64]!a}")
    return np.dtype(typestr)


def record(itemsize: int, fields: Sequence[tuple[str, DType, int]]) -> DType:
    """A structured dtype. Every field lies inside the item and none holds object pointers."""
    if not 0 <= itemsize < 1 << 31:
        raise RebuildError("malformed graph: size of a record")
    for _, dtype, offset in fields:
        if dtype.hasobject:
            raise RebuildError("a record with object fields")
        if not 0 <= offset <= itemsize - dtype.itemsize:
            raise RebuildError("malformed graph: a field lies outside of its record")
    return _record(itemsize, tuple(fields))


@lru_cache(maxsize=256)
def _record(itemsize: int, fields: tuple[tuple[str, DType, int], ...]) -> DType:
    layout: Any = {
        "names": [name for name, _, _ in fields],
        "formats": [dtype for _, dtype, _ in fields],
        "offsets": [offset for _, _, offset in fields],
        "itemsize": itemsize,
    }
    made: DType = np.dtype(layout)
    return made
