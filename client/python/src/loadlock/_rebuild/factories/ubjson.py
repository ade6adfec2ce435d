"""Universal Binary JSON as xgboost reads it: lengths are int64, numbers big-endian."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt


def length(count: int) -> bytes:
    """A length."""
    return b"L" + count.to_bytes(8, "big")


def key(name: str) -> bytes:
    """A key of an object."""
    raw = name.encode()
    return length(len(raw)) + raw


def text(value: str) -> bytes:
    """A string."""
    return b"S" + key(value)


def texts(values: Iterable[str]) -> bytes:
    """An array of strings."""
    parts = [text(value) for value in values]
    return b"[#" + length(len(parts)) + b"".join(parts)


def obj(members: Mapping[str, bytes]) -> bytes:
    """An object whose values are written already."""
    parts = [b"{"]
    for name, value in members.items():
        parts += (key(name), value)
    parts.append(b"}")
    return b"".join(parts)


def strings(values: Mapping[str, str]) -> bytes:
    """An object of strings."""
    return obj({name: text(value) for name, value in values.items()})


def numbers(values: npt.NDArray[np.int32] | npt.NDArray[np.float32]) -> bytes:
    """An array in which each number has a type of its own."""
    letter, kind = (b"d", ">f4") if values.dtype == np.float32 else (b"l", ">i4")
    each = np.empty(len(values), [("letter", "S1"), ("value", kind)])
    each["letter"], each["value"] = letter, values
    return b"[#" + length(len(values)) + each.tobytes()


def typed_head(letter: bytes) -> bytes:
    """What an array of one type begins with, before its length."""
    return b"[$" + letter + b"#"


def typed(letter: bytes, values: npt.NDArray[np.float32]) -> bytes:
    """An array of one type."""
    swapped = values.astype(values.dtype.newbyteorder(">"))
    return typed_head(letter) + length(len(values)) + swapped.tobytes()
