"""Writes a vetted model in a format that holds no code: skops, or safetensors for arrays alone.

The model is rebuilt from its vetted graph as `load` does it, and written by the real skops; so
nothing of the file runs, which skops' own `convert` cannot say: it unpickles.
"""

from __future__ import annotations

import importlib
import json
import os
import struct
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from loadlock._errors import Error

if TYPE_CHECKING:
    from loadlock._client import Client

# https://huggingface.co/docs/safetensors/index#format
_SAFETENSORS = {
    "|b1": "BOOL", "|i1": "I8", "|u1": "U8", "<i2": "I16", "<u2": "U16", "<i4": "I32", "<u4": "U32",
    "<i8": "I64", "<u8": "U64", "<f2": "F16", "<f4": "F32", "<f8": "F64",
}  # fmt: skip


class NotExpressible(Error):  # noqa: N818  (as Refused)
    """The model holds something that the other format has no place for; the message names it."""

    def __init__(self, message: str) -> None:
        super().__init__(message, reason="NOT_EXPRESSIBLE")


def convert(client: Client, source: Path, target: Path, policy: str) -> None:
    """Loads `source` by `client` and writes `target`, whose suffix says the format.

    The target appears whole or not at all, and a skops file only if it is accepted by the same
    policy and of the same classes.
    """
    writers = {".skops": _skops_bytes, ".safetensors": _safetensors_bytes}
    writer = writers.get(target.suffix)
    if writer is None:
        raise Error(
            f"{target.name}: convert writes .skops and .safetensors", reason="UNKNOWN_SUFFIX"
        )
    model = client.load(source, policy=policy)
    temporary = _write_beside(target, writer(model), _mode(target))
    try:
        if target.suffix == ".skops":
            # What was written is read as any other file; a refusal is this module's mistake.
            client.load(temporary, policy=policy)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _mode(target: Path) -> int:
    """Permissions of the file that is replaced, or those that a new one has."""
    if target.exists():
        return target.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _write_beside(target: Path, data: bytes, mode: int) -> Path:
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    path = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        path.chmod(mode)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path


def _skops_bytes(model: Any) -> bytes:
    try:
        skops_io = importlib.import_module("skops.io")
    except ImportError as error:
        raise Error(
            f"writing .skops needs skops: pip install skops ({error})", reason="NO_SKOPS"
        ) from error
    try:
        data: bytes = skops_io.dumps(model)
    except Exception as error:
        # skops raises whatever its dispatch ends in: of its own, TypeError, AttributeError, ...
        raise NotExpressible(f"skops cannot write it: {type(error).__name__}: {error}") from error
    return data


def _safetensors_bytes(model: Any) -> bytes:
    if type(model) is not dict:
        raise NotExpressible(
            f"safetensors holds a plain dict of arrays, and this is {_kind(model)}"
        )
    header: dict[str, Any] = {}
    blocks: list[bytes] = []
    offset = 0
    for name, array in model.items():
        if type(name) is not str or name == "__metadata__":
            raise NotExpressible(f"safetensors has names of type str, and {name!r:.80} is none")
        if type(array) is not np.ndarray:
            raise NotExpressible(f"safetensors holds arrays, and {name!r:.80} is {_kind(array)}")
        typestr = array.dtype.newbyteorder("<").str
        if typestr not in _SAFETENSORS:
            raise NotExpressible(
                f"safetensors has no type for {name!r:.80}, of dtype {array.dtype}"
            )
        block = np.ascontiguousarray(array, dtype=typestr).tobytes()
        header[name] = {
            "dtype": _SAFETENSORS[typestr],
            "shape": list(array.shape),
            "data_offsets": [offset, offset + len(block)],
        }
        blocks.append(block)
        offset += len(block)
    text = json.dumps(header, ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + b"".join(blocks)


def _kind(value: Any) -> str:
    return f"a {type(value).__module__}.{type(value).__qualname__}"
