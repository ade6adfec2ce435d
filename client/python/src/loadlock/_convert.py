"""Writes a vetted model in a format that holds no code: skops, or safetensors for arrays alone.

For skops the model is rebuilt from its vetted graph as `load` does it, and written by the real
skops; so nothing of the file runs, which skops' own `convert` cannot say: it unpickles.
"""

from __future__ import annotations

import importlib
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from loadlock._errors import Error
from loadlock._safetensors import NotExpressible, SafetensorsFile, safetensors_files
from loadlock._sharded import index_path, index_text, shard_paths

if TYPE_CHECKING:
    from loadlock._client import Client


Progress: TypeAlias = "Callable[[int, int], None]"


def convert(
    client: Client,
    source: Path,
    target: Path,
    policy: str,
    key: str | None,
    most: int | None = None,
    progress: Progress | None = None,
) -> Path:
    """Loads `source` by `client` and writes `target`, whose suffix says the format.

    The target appears whole or not at all, and a skops file only if it is accepted by the same
    policy and of the same classes.

    Args:
        client: Where from.
        source: What.
        target: Where to.
        policy: Name of the policy.
        key: Where in the source a dict of tensors is.
        most: Bytes of tensors in one file; if there are more, `target` names several and an index.
        progress: Called with the bytes of tensors that are written and those of all.

    Returns:
        The file that was written, or the index of several.
    """
    if target.suffix not in (".skops", ".safetensors"):
        raise Error(
            f"{target.name}: convert writes .skops and .safetensors", reason="UNKNOWN_SUFFIX"
        )
    if target.suffix == ".safetensors":
        files = safetensors_files(*client.vetted(source, policy=policy), key, most)
        return _write_tensors(target, files, progress)
    if most is not None:
        raise Error("a .skops file is one file", reason="ONE_FILE")
    temporary = _write_beside(target, [_skops_bytes(client.load(source, policy=policy))])
    try:
        # What was written is read as any other file; a refusal is this module's mistake.
        client.load(temporary, policy=policy)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return target


def _write_tensors(target: Path, files: list[SafetensorsFile], progress: Progress | None) -> Path:
    """One file in the target's place, or several, which replace nothing, and then their index."""
    total, done = sum(file.nbytes for file in files), 0

    def counted(file: SafetensorsFile) -> Iterator[bytes]:
        nonlocal done
        header = True
        for chunk in file.chunks():
            yield chunk
            done += 0 if header else len(chunk)
            header = False
            if progress is not None:
                progress(done, total)

    if len(files) == 1:
        temporary = _write_beside(target, counted(files[0]))
        temporary.replace(target)
        return target
    paths = shard_paths(target, len(files))
    index = index_path(target)
    for path in (*paths, index):
        if path.exists():
            raise Error(f"{path} is there already; several files replace none", reason="EXISTS")
    names = [list(file.tensors) for file in files]
    contents = [*map(counted, files), iter([index_text(paths, names, total)])]
    # Readers begin with the index, which comes last.
    _write_all(list(zip((*paths, index), contents, strict=True)))
    return index


def _write_all(files: list[tuple[Path, Iterator[bytes]]]) -> None:
    """All of the files or, if anything fails, none."""
    temporaries: list[Path] = []
    placed: list[Path] = []
    try:
        for path, chunks in files:
            temporaries.append(_write_beside(path, chunks))
        for temporary, (path, _) in zip(list(temporaries), files, strict=True):
            temporary.rename(path)
            temporaries.remove(temporary)
            placed.append(path)
    except BaseException:
        for path in (*temporaries, *reversed(placed)):
            path.unlink(missing_ok=True)
        raise


def _mode(target: Path) -> int:
    """Permissions of the file that is replaced, or those that a new one has."""
    if target.exists():
        return target.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _write_beside(target: Path, chunks: Iterable[bytes]) -> Path:
    """A file in the target's folder that is to be renamed to it."""
    mode = _mode(target)
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
