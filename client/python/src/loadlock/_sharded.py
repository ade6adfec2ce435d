"""Names and sizes of a model in several safetensors files, as the transformers library has them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from loadlock._errors import Error

_SUFFIX = ".safetensors"
_INDEX = ".safetensors.index.json"
_UNITS = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_UNITS |= {"KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30, "TIB": 1 << 40}
_SIZE = re.compile(r"([0-9]{1,15})\s*([KMGT]I?B)?", re.IGNORECASE | re.ASCII)


def shard_size(text: str | int) -> int:
    """Bytes of "5GB", "500MiB", or of a number.

    Raises:
        Error: It is no such size, or zero.
    """
    match = _SIZE.fullmatch(str(text).strip())
    size = int(match[1]) * _UNITS[(match[2] or "").upper()] if match else 0
    if size <= 0:
        raise Error(
            f"{str(text)[:40]!a} is no size: a number, or one of KB, MB, GB, KiB, MiB, GiB",
            reason="BAD_SIZE",
        )
    return size


def shard_paths(target: Path, count: int) -> list[Path]:
    """Where the files go instead of `target`: model-00001-of-00002.safetensors, ..."""
    stem = target.name.removesuffix(_SUFFIX)
    return [
        target.with_name(f"{stem}-{number:05d}-of-{count:05d}{_SUFFIX}")
        for number in range(1, count + 1)
    ]


def index_path(target: Path) -> Path:
    """Where the index of these files goes."""
    return target.with_name(target.name.removesuffix(_SUFFIX) + _INDEX)


def index_text(paths: Sequence[Path], names: Sequence[Sequence[str]], total: int) -> bytes:
    """The index: which file each tensor is in.

    Args:
        paths: The files.
        names: Those of the tensors in each.
        total: Bytes of all tensors.
    """
    places: Mapping[str, str] = {
        name: path.name for path, inside in zip(paths, names, strict=True) for name in inside
    }
    index = {"metadata": {"total_size": total}, "weight_map": places}
    return (json.dumps(index, indent=2, sort_keys=True) + "\n").encode()
