"""Writes a vetted model in a format that holds no code: skops, or safetensors for arrays alone.

For skops the model is rebuilt from its vetted graph as `load` does it, and written by the real
skops; so nothing of the file runs, which skops' own `convert` cannot say: it unpickles.
"""

from __future__ import annotations

import importlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from loadlock._errors import Error
from loadlock._safetensors import NotExpressible, safetensors_chunks

if TYPE_CHECKING:
    from loadlock._client import Client


def convert(client: Client, source: Path, target: Path, policy: str, key: str | None) -> None:
    """Loads `source` by `client` and writes `target`, whose suffix says the format.

    The target appears whole or not at all, and a skops file only if it is accepted by the same
    policy and of the same classes.
    """
    if target.suffix not in (".skops", ".safetensors"):
        raise Error(
            f"{target.name}: convert writes .skops and .safetensors", reason="UNKNOWN_SUFFIX"
        )
    if target.suffix == ".safetensors":
        chunks = safetensors_chunks(*client.vetted(source, policy=policy), key)
    else:
        chunks = iter([_skops_bytes(client.load(source, policy=policy))])
    temporary = _write_beside(target, chunks, _mode(target))
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


def _write_beside(target: Path, chunks: Iterator[bytes], mode: int) -> Path:
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    path = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(chunks)
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
